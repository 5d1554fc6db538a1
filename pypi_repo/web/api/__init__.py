"""The management API: everything administrators may do, as JSON for programs."""
