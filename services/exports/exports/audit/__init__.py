"""Who asked for, was refused, downloaded or revoked what: a log whose entries stand on one another."""
