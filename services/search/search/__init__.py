"""Finds contacts: quick search, the filter language, paging."""
