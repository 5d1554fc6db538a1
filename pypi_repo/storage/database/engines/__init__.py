"""What differs between SQLite and PostgreSQL: a module for each, and what is asked of both."""
