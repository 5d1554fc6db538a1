"""Users, groups and administrators, by the management API."""
