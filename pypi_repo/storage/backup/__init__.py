"""All rows of a database, written to a file and read from it."""
