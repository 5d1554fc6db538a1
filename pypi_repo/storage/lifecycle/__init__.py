"""Statements about what becomes of files."""
