"""Erasing a contact for good, in every store, with a receipt."""
