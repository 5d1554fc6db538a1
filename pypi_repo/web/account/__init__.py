"""The pages on which repository users sign in and manage their own account."""
