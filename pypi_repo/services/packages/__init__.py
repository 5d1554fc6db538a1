"""Repositories, and what is uploaded to them."""
