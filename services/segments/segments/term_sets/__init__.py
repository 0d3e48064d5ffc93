"""The term sets that definitions use."""
