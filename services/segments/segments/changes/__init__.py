"""The log of who entered and who left: read both ways, followed, counted, and kept for so long."""
