"""What another index, or a folder, has that can be imported, and what came of it."""
