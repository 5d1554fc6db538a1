"""What an import needs of a source."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from pypi_repo.domain.importing.found import FoundFile, FoundProject, LeftOut
from pypi_repo.domain.names import NormalizedName

SOURCE = "source"
"""What errors call where an import reads."""


class ImportSource(ABC):
    """A folder, an export or another index, from which an import reads. Threads may share it.

    It only reads and never checks: the import compares digests, sizes and names. All methods may
    raise a RegistryError, such as UpstreamFailed. One about a project or a file is reported, and
    the import goes on with the next.

    is_local: whether its files can be read without asking anybody, so that an assessment may.
    """

    is_local: bool = False

    @abstractmethod
    def __str__(self) -> str:
        """Returns the source for reports and the journal, without any secret."""

    @abstractmethod
    def projects(self) -> Sequence[NormalizedName]:
        """Returns the names of all projects, each once, sorted."""

    @abstractmethod
    def project(self, name: NormalizedName) -> FoundProject | None:
        """Returns a project with its files, oldest first if it is known; None without it."""

    @abstractmethod
    def read(self, file: FoundFile) -> Iterator[bytes]:
        """Yields the content of a file, piece by piece."""

    @abstractmethod
    def read_beside(self, location: str, limit: int) -> bytes | None:
        """Returns a small document that belongs to a file, such as its signature.

        location: where it is, as the file says.
        limit: its largest size, in bytes.

        Returns None if it is not there. Raises TooLarge if it is larger.
        """

    def host_to_allow(self, file: FoundFile) -> str | None:
        """Returns the host of a file if nobody has allowed that files come from there."""
        return None

    def left_out(self) -> Iterable[LeftOut]:
        """Returns what there is, but belongs to no project that could be named."""
        return ()
