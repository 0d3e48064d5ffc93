"""Many pasted terms: found, reported, used in filters."""
