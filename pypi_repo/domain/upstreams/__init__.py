"""Other indexes that a registry reads, and the rules for what comes from them."""
