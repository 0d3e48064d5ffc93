"""Tells managers what happened, in their own room first."""
