"""The sources that answer readers.

They are the own files of a repository, files elsewhere, and wrappers around other sources.
"""
