"""What repository users do themselves: sign in, manage their own account, accept invitations."""
