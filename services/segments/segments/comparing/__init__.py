"""Who was in a segment at two instants."""
