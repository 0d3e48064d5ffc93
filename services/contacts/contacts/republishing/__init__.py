"""The newest state of everyone told again, and what is to be told after a restore."""
