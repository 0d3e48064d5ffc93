"""How often the database was put back to an earlier moment: the front of every version."""
