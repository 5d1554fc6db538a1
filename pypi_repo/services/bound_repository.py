"""What the apps for one repository are built from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.services.packages.upload import Uploads
from pypi_repo.services.sources.source import Source
from pypi_repo.settings import FilesSentBy

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Authenticate = Callable[["WSGIEnvironment"], Actor]
"""WSGI environ -> Actor. ANONYMOUS where no credentials came; raises InvalidCredentials where
wrong ones did, because falling back to anonymous would hide a typing error."""


@dataclass(frozen=True)
class BoundRepository:
    """A repository for the apps that serve it, created by `Registry.repository`.

    source: what readers of the repository get: its own files, or another source.
    uploads: accepts files for the repository.
    require_sending: raises ConfigurationError if the file store does not support a way of sending
        files.
    """

    name: str
    source: Source
    uploads: Uploads
    authenticate: Authenticate
    require_sending: Callable[[FilesSentBy | None], None]
