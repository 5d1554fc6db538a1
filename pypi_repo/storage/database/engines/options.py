"""What is known of an engine: how long it waits, and the names of its execution options."""

BUSY_TIMEOUT = 30
"""Seconds a writer waits for another one."""

CONNECTIONS = 20
"""That stay open: a few more than the threads of `serve`."""

SNAPSHOT = "pypi_repo_snapshot"
"""Reading transactions."""

FLEETING = "pypi_repo_fleeting"
"""Transactions that a power cut may take back."""

READER = "pypi_repo_reader"
"""No transactions. SQLAlchemy's AUTOCOMMIT costs SQLite a statement per check-out."""
