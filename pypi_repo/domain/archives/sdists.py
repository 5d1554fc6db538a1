"""Checks source distributions (PEP 625, PEP 643, PEP 721).

Nothing is extracted. The tar is read once from its beginning to its end, within limits.
"""

import gzip
import io
import posixpath
import tarfile
from collections.abc import Iterable
from itertools import accumulate
from typing import IO

from pypi_repo.domain.archives.member_names import warn_of_alike
from pypi_repo.domain.archives.tar_stream import TarStream
from pypi_repo.domain.archives.unpacking import collect, exhaust, refuse_bomb
from pypi_repo.domain.archives.zip_archive import LONGEST_NAME, read_member, read_members
from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata.raw_metadata import Document
from pypi_repo.domain.validation.rules import Rules
from pypi_repo.settings import Limits

_MOST_LINKS = 8  # one behind the other
_LONGEST_PATH = 4096  # characters
_DEEPEST = 100  # folders within each other
_MOST_GLOBAL_HEADERS = 100  # tarfile copies them into each member


class Sdist:
    """An opened sdist.

    warnings: sentences about what is unusual but accepted.
    """

    def __init__(
        self, file: IO[bytes], filename: DistributionFilename, rules: Rules, limits: Limits
    ) -> None:
        self._file = file
        self._filename = filename
        self._rules = rules
        self._limits = limits
        self._top: str | None = None
        self._count = 0
        self._names_size = 0
        self._names: set[str] = set()
        self._links: dict[str, str] = {}  # and where they lead to
        self._metadata: bytes | None = None
        self.warnings: list[str] = []

    def check(self) -> Document:
        """Checks the archive, and returns its PKG-INFO.

        Raises InvalidArchive if the archive is invalid or not safe to unpack.
        """
        if self._filename.filename.endswith(".zip"):
            self._read_zip()
        else:
            self._read_tar()
        if self._metadata is None:
            raise InvalidArchive(f"The sdist lacks {self._top or self._filename.stem}/PKG-INFO.")
        metadata = Document(self._metadata)
        if self._rules.complete_wheels:
            for path in metadata.licence_files:
                if not self._is_file(f"{self._top}/{path}"):
                    raise InvalidArchive(f"The sdist lacks the licence file {path[:80]!r}.")
        self._warn()
        return metadata

    def _read_tar(self) -> None:
        size = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        with (
            gzip.GzipFile(fileobj=self._file, mode="rb") as unzipped,
            TarStream(unzipped, size, self._limits) as stream,
            tarfile.open(fileobj=stream, mode="r:") as tar,
        ):
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # or it keeps all it has seen
                if len(tar.pax_headers) > _MOST_GLOBAL_HEADERS:
                    raise InvalidArchive("The sdist has too many global headers.")
                self._take(member.name, is_file=member.isreg())
                if member.size < 0:
                    raise InvalidArchive("A member of the sdist has a negative size.")
                self._check_kind(member)
                if member.name == f"{self._top}/PKG-INFO":
                    self._take_metadata(stream, member)
            stream.finish()

    def _read_zip(self) -> None:
        """Reads a zip sdist, which only `lenient` accepts: PEP 625 only allows .tar.gz."""
        members = read_members(self._file, self._limits)
        refuse_bomb(
            sum(member.size for member in members),
            sum(member.compressed_size for member in members),
            self._limits,
        )
        for member in members:
            self._take(member.name.removesuffix("/"), is_file=not member.is_folder)
        for member in members:
            chunks = read_member(self._file, member)
            if member.name == f"{self._top}/PKG-INFO":
                self._metadata = collect(chunks, self._limits.metadata_size, member.name)
            else:
                exhaust(chunks)

    def _take(self, name: str, *, is_file: bool) -> None:
        """Records a member. Raises InvalidArchive if its path is not allowed."""
        self._count_name(name)
        parts = name.split("/")
        if parts[0] in ("", ".") or (self._top is not None and parts[0] != self._top):
            raise InvalidArchive("Everything in an sdist must be in one top-level folder.")
        if any(part in ("", ".", "..") for part in parts) or "\\" in name or "\0" in name:
            raise InvalidArchive(f"The member {name[:80]!r} would not stay in the sdist's folder.")
        if len(parts) > _DEEPEST or not self._links.keys().isdisjoint(_ways(name)):
            raise InvalidArchive(f"The member {name[:80]!r} is behind a link, or too deep.")
        self._top = parts[0]
        if is_file:
            self._names.add(name)
        self._count += 1
        if self._count > self._limits.archive_members:
            raise InvalidArchive(
                f"The archive has more than {self._limits.archive_members} members."
            )

    def _count_name(self, name: str) -> None:
        try:
            size = len(name.encode())
        except UnicodeEncodeError:  # tarfile keeps other bytes as surrogates
            raise InvalidArchive("The name of a member of the sdist is not UTF-8.") from None
        if size > LONGEST_NAME:
            raise InvalidArchive(f"The name {name[:80]!r}... has more than {LONGEST_NAME} bytes.")
        self._names_size += size
        if self._names_size > self._limits.archive_names:
            raise InvalidArchive(
                f"The names in the archive are longer than {self._limits.archive_names} bytes."
            )

    def _check_kind(self, member: tarfile.TarInfo) -> None:
        shown = member.name[:80]
        if member.issym() or member.islnk():
            self._count_name(member.linkname)
            # A symbolic link starts from its own folder, a hard link from the archive's root.
            base = posixpath.dirname(member.name) if member.issym() else ""
            target = posixpath.normpath(posixpath.join(base, member.linkname))
            leaves = target.partition("/")[0] != self._top or member.linkname.startswith("/")
            # Behind another link, only the file system knows where ".." leads to.
            way = member.linkname.lstrip("./")
            if leaves or "\\" in way or ".." in way.split("/"):
                raise InvalidArchive(f"The link {shown!r} leaves the sdist's folder.")
            self._links[member.name] = target
        elif not (member.isreg() or member.isdir()):
            raise InvalidArchive(f"The member {shown!r} is a device or a pipe.")

    def _is_file(self, path: str) -> bool:
        """Returns whether a path leads to a file in the archive, also through links."""
        for _number in range(_MOST_LINKS):
            if path in self._names:
                return True
            if len(path) > _LONGEST_PATH or path.count("/") > _DEEPEST:
                return False
            link = next((way for way in _ways(path) if way in self._links), None)
            if link is None:
                return False
            path = self._links[link] + path[len(link) :]
        return False

    def _take_metadata(self, stream: TarStream, member: tarfile.TarInfo) -> None:
        if self._metadata is not None:
            raise InvalidArchive(f"The sdist has {member.name} twice.")
        if not member.isreg():
            raise InvalidArchive(f"{member.name} is not a file.")
        if member.size > self._limits.metadata_size:
            raise InvalidArchive(
                f"{member.name} is larger than {self._limits.metadata_size} bytes."
            )
        self._metadata = collect(stream.content(member), self._limits.metadata_size, member.name)

    def _warn(self) -> None:
        names = sorted(self._names)
        self.warnings += warn_of_alike(names, f"{self._top}/PKG-INFO", self._rules)
        if self._top != self._filename.stem:
            self.warnings.append(f"The sdist's folder should be named {self._filename.stem}.")
        if not self._is_file(f"{self._top}/pyproject.toml"):
            self.warnings.append("The sdist has no pyproject.toml.")


def _ways(path: str) -> Iterable[str]:
    """Yields the folders that a path leads through, and then the path itself."""
    return accumulate(path.split("/"), "{}/{}".format)
