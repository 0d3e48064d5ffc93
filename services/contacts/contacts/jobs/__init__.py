"""Long work that a worker holds by lease."""
