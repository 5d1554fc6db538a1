"""The toolbox of the tests: real files, real servers, real clients.

Nothing here imports the package under test.
"""
