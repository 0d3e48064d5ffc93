"""Public keys with which pages tell of visits and of who somebody is."""
