"""What each manager has set for themselves: how numbers are copied, the language, and whatever else a frontend keeps."""
