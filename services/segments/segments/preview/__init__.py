"""What a filter would do, before it is saved."""
