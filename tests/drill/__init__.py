"""A restore of the database to an earlier moment, done from its beginning to its end, and a topic that is lost."""
