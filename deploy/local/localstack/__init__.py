"""Runs the whole of Dangol on one machine, with the real servers and without Docker."""
