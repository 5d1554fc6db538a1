"""Core metadata, as archives contain it."""
