"""Values and rules: the standard library and `packaging`; no database, no HTTP."""
