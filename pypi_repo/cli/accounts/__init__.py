"""Commands about accounts, groups and tokens."""
