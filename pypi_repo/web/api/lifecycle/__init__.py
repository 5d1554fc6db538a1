"""What becomes of files."""
