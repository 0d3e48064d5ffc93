"""Segments: named filters kept live over the latest data."""
