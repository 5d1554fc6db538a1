"""Who signs in elsewhere: identity providers, what they say, and what is made of it."""
