"""Messages that could not be handled: shown, handled again, dropped."""
