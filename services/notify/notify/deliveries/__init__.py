"""What is on its way to destinations: tried for a day, then parked where a person sees it and can send it again."""
