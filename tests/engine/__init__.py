"""The system from images, by a Docker engine."""
