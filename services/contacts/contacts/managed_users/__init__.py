"""How many contacts a channel's plan shows."""
