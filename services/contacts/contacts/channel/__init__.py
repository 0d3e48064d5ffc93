"""The settings of a channel."""
