"""Asks elsewhere: every HTTP request that the registry makes, within limits and guards."""
