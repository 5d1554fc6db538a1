"""How fast the server is, beside bare WSGI apps on the same WSGI server; never part of a test run.

`python -m tests.benchmarks` from the root of the checkout; `--help` tells the rest.
"""
