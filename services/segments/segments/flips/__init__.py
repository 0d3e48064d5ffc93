"""Which segments a change of a contact, or the clock, can flip, found without asking every one of them."""
