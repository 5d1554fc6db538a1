"""The file store: a folder of this machine, or any fsspec file system."""
