"""The apps for package clients."""
