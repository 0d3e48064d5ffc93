"""Visits that belong together."""
