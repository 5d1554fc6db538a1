"""Readers of pages of other indexes, and of what these name."""
