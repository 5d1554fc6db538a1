"""Keys of the WSGI environ by which a server tells the application more than PEP 3333 defines."""

DISCARDS_WHAT_IS_NOT_READ = "pypi_repo.discards_what_is_not_read"
"""In the environ of a server that receives, after the answer, what the application did not read."""

SENDS_PARTS_OF_FILES = "pypi_repo.sends_parts_of_files"
"""In the environ of a server whose file_wrapper sends a file from where it is, as many bytes as the
answer's Content-Length; others send to the end, and some from the beginning."""

TAKES_SLOT = "pypi_repo.takes_slot"
"""In the environ of a request whose body may be still arriving, at a server that shares its threads
out: what takes one for account and address until the answer is complete, and tells whether it
could."""
