"""The toolbox of the tests: real files, real servers, real clients.

Only `uploads` and `command_line_docs` import the package under test.
"""
