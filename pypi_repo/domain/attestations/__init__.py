"""Attestations of files (PEP 740): whose signatures are trusted, and what certificates say."""
