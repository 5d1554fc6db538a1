"""What sources have in common whose files are on a disk of this machine."""

from abc import ABC
from collections.abc import Iterator

from pypi_repo.domain.errors import TooLarge, UnknownFile
from pypi_repo.domain.importing.found import FoundFile
from pypi_repo.services.importing.sources.source import ImportSource
from pypi_repo.settings import format_size

_CHUNK = 256 * 1024


class LocalFiles(ImportSource, ABC):
    """A source whose locations are paths. A derived class finds the files."""

    is_local = True

    def read(self, file: FoundFile) -> Iterator[bytes]:
        try:
            with open(file.location, "rb") as opened:
                while chunk := opened.read(_CHUNK):
                    yield chunk
        except OSError as error:
            raise UnknownFile(f"It cannot be read: {error.strerror}.") from error

    def read_beside(self, location: str, limit: int) -> bytes | None:
        try:
            with open(location, "rb") as opened:
                content = opened.read(limit + 1)
        except OSError:
            return None
        if len(content) > limit:
            raise TooLarge(f"{location} is larger than the {format_size(limit)} that it may have.")
        return content
