"""Links: what somebody looks at (a segment, a filter, a search, an order) under an id made of it, to be sent to others."""
