"""Where notices go besides the rooms: which events, to which kind of chat, at which address."""
