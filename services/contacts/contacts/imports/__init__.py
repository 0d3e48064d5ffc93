"""Files of contacts: read once, written row by row, with a report."""
