"""BoundRepository: what the apps over one repository are built from."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from pypi_repo.domain.access import Actor
from pypi_repo.services.details import Details
from pypi_repo.services.download import Downloads
from pypi_repo.services.publishing import Accepted
from pypi_repo.services.simple_index import Index
from pypi_repo.services.upload import Uploads
from pypi_repo.web.authenticate import Authenticate


@dataclass(frozen=True)
class BoundRepository:
    """A repository for the apps that serve it, created by `Registry.repository`.

    To put a filter or a merged index in front of the repository, use
    `dataclasses.replace(repository, index=...)`.
    """

    name: str
    index: Index
    uploads: Uploads
    downloads: Downloads
    details: Details
    authenticate: Authenticate
    is_public: Callable[[], bool]

    def add_file(
        self,
        source: str | os.PathLike[str] | IO[bytes],
        *,
        filename: str | None = None,
        actor: Actor,
    ) -> Accepted:
        """Adds a wheel or sdist, with the same checks as an upload.

        The file is added completely or not at all. Adding the same file again changes nothing.

        source: the path of the file, or a binary stream, which is read to its end.
        filename: the name of the file; required for a stream, and by default that of the path. It
            must be the name that the standards prescribe for this project and version (PEP 427, PEP
            625).
        actor: the actor that uploads the file, and must be allowed to do so; OPERATOR for a program
            that has decided this itself.

        Returns the file as it is on the index, with warnings.

        Raises a RegistryError that says what is wrong with the file or why it may not be added,
        OSError if the path cannot be read, and ValueError for a stream without a filename.
        """
        if isinstance(source, str | os.PathLike):
            with open(source, "rb") as stream:
                name = filename or os.path.basename(source)
                return self.add_file(stream, filename=name, actor=actor)
        if filename is None:
            raise ValueError("A stream has no name: say filename='demo-1.0-py3-none-any.whl'.")
        return self.uploads.add(actor, filename, source)
