"""A manager's own room: what they were told, read or not."""
