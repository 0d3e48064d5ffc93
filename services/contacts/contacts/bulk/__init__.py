"""One change over many contacts: a job with a result per contact, and its undo."""
