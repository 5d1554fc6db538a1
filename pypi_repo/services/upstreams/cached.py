"""Files of upstreams for readers, which are in the file store or will be."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.services.sources.source import Arriving, FileElsewhere, ServedFile, StillElsewhere
from pypi_repo.services.sources.stored_file import StoredFile
from pypi_repo.services.upstreams.fetching.parts import LARGEST_PART, Abandoned
from pypi_repo.settings import FilesSentBy

if TYPE_CHECKING:
    from pypi_repo.services.upstreams.files import UpstreamFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOfUpstream(StoredFile):
    """A file of an upstream.

    If its upstream has sent it and it is in the file store, it is served as own files are. `path`
    and `etag` are empty if its SHA-256 is not known yet.
    """

    files: "UpstreamFiles"
    upstream: Upstream
    listed: UpstreamFile

    def open(self) -> tuple[IO[bytes], int]:
        found = self.downloads.find(self._sized()) if self._was_sent() else None
        if found is None:
            raise self._elsewhere()
        return found

    def require_sendable(self, sent_by: FilesSentBy) -> None:
        """Raises StillElsewhere if the file is not in the file store."""
        if not self._was_sent() or not self.downloads.has(self._sized()):
            raise self._elsewhere()

    def count_download(self) -> None:
        if self.counted_for is not None:
            use = self.upstream.id, self.etag, self.filename
            self.downloads.count(self.counted_for, use)

    def _was_sent(self) -> bool:
        return bool(self.etag) and self.files.was_sent(self.upstream, self.filename, self.etag)

    def _sized(self) -> "FileOfUpstream":
        """Returns the file with the size that it had when it came, if its page does not say it."""
        if self.size is not None:
            return self
        return replace(self, size=self.files.size_sent(self.upstream, self.filename, self.etag))

    def _elsewhere(self) -> StillElsewhere:
        """Raises UnknownFile if nothing may be fetched."""
        self.files.require_online(self.upstream, self.listed)
        return StillElsewhere(_Elsewhere(self))


class _Elsewhere(FileElsewhere):
    def __init__(self, file: FileOfUpstream) -> None:
        self._file = file
        self.size = file.size

    def whole(self) -> Arriving:
        file = self._file
        fetch = file.files.whole(file.upstream, file.listed)
        fetch.wait_for_begin()
        return Arriving(fetch.size, None, fetch.chunks())

    def part(self, start: int, stop: int | None) -> Arriving | None:
        file = self._file
        if self.size is not None and len(_selected(start, stop, self.size)) > LARGEST_PART:
            return self._part_of_whole(start, stop)
        fetch = file.files.part(file.upstream, file.listed, start, stop)
        fetch.wait_for_begin()
        if fetch.is_beyond:
            return None
        if fetch.is_refused:
            return self._part_of_whole(start, stop)
        try:
            content = fetch.chunks()
        except Abandoned:  # just now
            return self.part(start, stop)
        return Arriving(fetch.whole, fetch.selected, content)

    def _part_of_whole(self, start: int, stop: int | None) -> Arriving | None:
        """The file comes and is kept, so that who goes on with it after a cut costs no more."""
        file = self._file
        fetch = file.files.whole(file.upstream, file.listed)
        fetch.wait_for_begin()
        if fetch.size is None:
            return Arriving(None, None, fetch.chunks())
        selected = _selected(start, stop, fetch.size)
        if not selected:
            return None
        return Arriving(fetch.size, selected, fetch.chunks(selected.start, selected.stop))


def _selected(start: int, stop: int | None, size: int) -> range:
    """Returns what a Range header selects of a file of this size; a negative start is its end."""
    if start < 0:
        return range(max(0, size + start), size)
    return range(start, size if stop is None else min(stop, size))


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOfUpstream(StoredFile):
    """What an upstream has beside a file. If it is not in the file store, it is fetched.

    was_sent: a function that tells whether the upstream has sent it before.
    fetched: a function that fetches it, and waits for it.
    """

    was_sent: Callable[[], bool]
    fetched: Callable[[], bytes]

    def open(self) -> tuple[IO[bytes], int]:
        found = self.downloads.find(self) if self.was_sent() else None
        if found is None:
            content = self.fetched()
            return io.BytesIO(content), len(content)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedDocument(ServedFile):
    """What was just fetched, and is not kept."""

    project: NormalizedName
    filename: str
    etag: str
    public: bool
    content: bytes

    def open(self) -> tuple[IO[bytes], int]:
        return io.BytesIO(self.content), len(self.content)

    def count_download(self) -> None:
        """Does nothing, because only downloads of distribution files are counted."""
