"""What goes out over HTTP: to public addresses, checked where they are connected to, and never for long."""
