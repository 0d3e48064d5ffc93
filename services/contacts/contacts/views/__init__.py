"""Views: the list of contacts as somebody likes to see it, kept under a name, for oneself or for everybody."""
