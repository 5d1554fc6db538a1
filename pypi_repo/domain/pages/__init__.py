"""The documents of the simple API and the JSON API."""
