"""What answers readers for a repository: its own files, and wrappers around other sources."""
