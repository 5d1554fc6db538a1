"""Wheels and sdists: read within limits, and checked."""
