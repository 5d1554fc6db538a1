"""gunicorn --config gunicorn.conf.py pypi_repo.wsgi:application"""

from typing import Any

bind = "127.0.0.1:8080"  # unless systemd hands over a socket
workers = 2  # one for each processor; /metrics of any worker has the numbers of all workers
worker_class = "gthread"
threads = 20  # uploads and downloads under way at the same time; two connections each to PostgreSQL

# These limit headers. PYPI_REPO_MAX_UPLOAD_SIZE limits bodies, and nginx slow clients.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 16384
timeout = 60  # seconds until a worker that hangs is replaced
graceful_timeout = 300  # seconds for requests under way at a reload or shutdown


def post_fork(_server: Any, _worker: Any) -> None:
    """Import the package in the worker, so that a reload also loads a new version of it."""
    from pypi_repo.web.observability.logs import log_to_stderr

    log_to_stderr("json")
