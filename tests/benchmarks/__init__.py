"""How fast the server is, with one client and with many, beside others; never part of a test run.

`python -m tests.benchmarks` from the root of the checkout; `--help` tells the rest.
"""
