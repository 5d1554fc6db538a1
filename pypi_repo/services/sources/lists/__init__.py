"""The lists of what sources show."""
