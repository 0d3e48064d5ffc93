"""The fields of a channel: defined, seen for the first time, ordered, archived."""
