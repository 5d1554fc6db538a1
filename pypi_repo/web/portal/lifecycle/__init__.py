"""The pages about what becomes of files."""
