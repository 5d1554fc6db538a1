"""Remembers: metadata in a database, bytes in a blob store. Never commits, never decides."""
