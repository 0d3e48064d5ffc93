"""Excel files, written as a stream and encrypted."""
