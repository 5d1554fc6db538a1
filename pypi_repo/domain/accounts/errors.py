"""Errors about groups."""

from pypi_repo.domain.errors import NotFound


class UnknownGroup(NotFound):
    """There is no group with this name."""

    code = "unknown-group"
