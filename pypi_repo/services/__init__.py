"""Use cases: each owns its transactions and asks the access policy."""
