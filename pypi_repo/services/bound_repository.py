"""What the apps for one repository are built from."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.services.packages.publishing import Accepted
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

    def add_file(
        self,
        file: str | os.PathLike[str] | IO[bytes],
        *,
        filename: str | None = None,
        actor: Actor,
    ) -> Accepted:
        """Adds a wheel or sdist, with the same checks as an upload.

        The file is added completely or not at all. Adding the same file again changes nothing.

        file: the path of the file, or a binary stream, which is read to its end.
        filename: the name of the file; required for a stream, and by default that of the path. It
            must be the name that the standards prescribe for this project and version (PEP 427, PEP
            625).
        actor: the actor that uploads the file, and must be allowed to do so; OPERATOR for a program
            that has decided this itself.

        Returns the file as it is on the index, with warnings.

        Raises a RegistryError that says what is wrong with the file or why it may not be added,
        OSError if the path cannot be read, and ValueError for a stream without a filename.
        """
        if isinstance(file, str | os.PathLike):
            with open(file, "rb") as stream:
                name = filename or os.path.basename(file)
                return self.add_file(stream, filename=name, actor=actor)
        if filename is None:
            raise ValueError("A stream has no name: say filename='demo-1.0-py3-none-any.whl'.")
        return self.uploads.add(actor, filename, file)
