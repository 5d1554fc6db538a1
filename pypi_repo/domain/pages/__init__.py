"""The documents of the simple API and the JSON API, and what lists say of projects."""
