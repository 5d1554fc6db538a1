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
    """A repository, by name, with all that an app over it needs.

    Made by `Registry.repository(name)`. `dataclasses.replace(repository, index=...)` puts a
    filter, a merged index or a proxy in the place of its index.
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
        """Adds a wheel or sdist, with the very checks of an upload; all or nothing.

        The very same file again changes nothing.

        source: its path, or a binary stream, which is read from where it is to its end.
        filename: that of the path, if not said; a stream needs it. The standards say what it must
            be for this project and version.
        actor: who uploads it, and must be allowed to; OPERATOR for a program that decides that by
            itself.

        Raises a RegistryError that says what is wrong with the file or why it may not be stored,
        OSError where the path cannot be read, and ValueError for a stream without a filename.
        """
        if isinstance(source, str | os.PathLike):
            with open(source, "rb") as stream:
                name = filename or os.path.basename(source)
                return self.add_file(stream, filename=name, actor=actor)
        if filename is None:
            raise ValueError("A stream has no name: say filename='demo-1.0-py3-none-any.whl'.")
        return self.uploads.add(actor, filename, source)
