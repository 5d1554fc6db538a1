"""What happened in a registry, and whom it tells."""
