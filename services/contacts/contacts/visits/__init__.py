"""Visits and custom events."""
