"""What is stored about attestations: the trust roots."""
