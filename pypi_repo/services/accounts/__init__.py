"""Users, administrators and their credentials."""
