"""The nouns about what becomes of files."""
