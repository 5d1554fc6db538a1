"""Commands about what comes from elsewhere."""
