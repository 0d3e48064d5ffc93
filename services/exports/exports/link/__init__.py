"""The page that a chat link opens: what the file is, without a token and without anybody's data."""
