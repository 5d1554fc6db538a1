"""What uploads must fulfil, by the profile of the repository."""
