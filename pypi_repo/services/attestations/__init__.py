"""Attestations that come with uploads (PEP 740), and whose signatures are trusted."""
