"""Takes contacts out as encrypted Excel files that prove they are complete."""
