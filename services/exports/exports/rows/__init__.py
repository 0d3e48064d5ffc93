"""The rows of a file, made from the lines of a stream, here or in processes of their own."""
