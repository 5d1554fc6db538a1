"""Sources of files that were not uploaded, such as a folder of wheels and sdists."""

import logging
import os
import stat
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING, TypeVar

from pypi_repo.domain.accounts.access import ANONYMOUS, Actor, ActorKind
from pypi_repo.domain.archives.inspection import inspect
from pypi_repo.domain.digests import DigestingCounter
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    InvalidArchive,
    InvalidFilename,
    InvalidMetadata,
    PermissionDenied,
    Unavailable,
    UnknownFile,
    unknown_file,
    unknown_project,
)
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata.core_metadata import CoreMetadata, summary_line
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.pages.summaries import summary_of
from pypi_repo.domain.records import (
    ExternalFile,
    ListedFile,
    ListedProject,
    ProjectList,
    ProjectPage,
    ProjectSummary,
    Versioned,
)
from pypi_repo.domain.stored_files import file_path
from pypi_repo.domain.validation.profiles import RULES
from pypi_repo.domain.versions import parse_version
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.services.sources.source import ServedFile, Source, overrides
from pypi_repo.settings import Limits

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

Content = TypeVar("Content", ProjectList, ProjectPage)

_log = logging.getLogger(__name__)

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LooseFile:
    """A wheel or sdist at some place.

    state: a value that changes when the content changes, such as the size and the modification
        time.
    open: a function that opens the content as a seekable file. It raises FileNotFoundError if there
        is no content in this state any more.
    modified_at: when the content was changed last, in UTC; None if this is unknown.
    """

    filename: str
    state: str
    open: Callable[[], IO[bytes]]
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _ServedLooseFile(ServedFile):
    project: NormalizedName
    filename: str
    etag: str
    public: bool
    loose: LooseFile

    def open(self) -> tuple[IO[bytes], int]:
        try:
            content = self.loose.open()
        except FileNotFoundError as error:
            raise UnknownFile(f"{self.filename} is gone; look it up on the index again.") from error
        except OSError as error:
            raise _unreadable(self.filename, error) from error
        size = content.seek(0, os.SEEK_END)
        content.seek(0)
        return content, size

    def count_download(self) -> None:
        """Does nothing, because downloads of such files are not counted."""


class LooseFiles(Source):
    """Offers the files that `files` returns at the time of a request.

    Derive a class from it for another place than a folder. Files that do not have the name of a
    wheel or an sdist are ignored. So are archives that cannot be read, with a warning in the log.
    Each file is read once, for its digests and its core metadata, and again when its state has
    changed.

    may_read: a function that decides whether an actor may read. The operator always may.
    """

    def __init__(self, *, may_read: Callable[[Actor], bool]) -> None:
        self._may_read = may_read
        self._described: dict[str, tuple[str, _Description | None]] = {}  # with the state
        self._identity = object()  # unlike `id`, no other source gets it later

    @abstractmethod
    def files(self) -> Iterable[LooseFile]:
        """Returns all files at this time, in any order."""

    def check_access(self, actor: Actor) -> None:
        if actor.kind is ActorKind.OPERATOR or self._may_read(actor):
            return
        if actor.is_anonymous:
            raise AuthenticationRequired("Log in to read here, with a password or a token.")
        raise PermissionDenied(
            f"{actor.name!r} may not read here; ask an administrator for access."
        )

    def is_public(self) -> bool:
        return self._may_read(ANONYMOUS)

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        self.check_access(actor)
        names = tuple(sorted({parsed.project for _file, parsed in self._found()}))
        listed = tuple(ListedProject(name=name, normalized_name=name, serial=0) for name in names)
        return self._versioned(names, lambda: ProjectList(serial=0, projects=listed))

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        self.check_access(actor)
        found = [(file, parsed) for file, parsed in self._found() if parsed.project == project]
        if not found:
            raise unknown_project(project)
        return self._page_of(project, found)

    def seen_pages(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Versioned[ProjectPage] | None]:
        if overrides(self, LooseFiles, "project_page", "last_page"):
            return super().seen_pages(actor, projects)
        self.check_access(actor)
        found: dict[NormalizedName, list[tuple[LooseFile, DistributionFilename]]] = {}
        for file, parsed in self._found():
            found.setdefault(parsed.project, []).append((file, parsed))
        return {name: self._page_of(name, found[name]) for name in projects if name in found}

    def summaries(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, ProjectSummary]:
        pages = self.seen_pages(actor, projects)
        loaded = {name: page.load() for name, page in pages.items() if page is not None}
        return {name: self._summary(page) for name, page in loaded.items()}

    def file(self, actor: Actor, path: str) -> ServedFile:
        self.check_access(actor)
        filename = path.rpartition("/")[2]
        for file, parsed in self._found():
            if file.filename == filename:
                described = self._description(file, parsed)
                if described is not None and described.listed.location == path:
                    etag = described.listed.hashes["sha256"]
                    return _ServedLooseFile(parsed.project, filename, etag, self.is_public(), file)
        raise unknown_file(filename)

    def core_metadata(self, file: ListedFile) -> "RawMetadata":
        _state, described = self._described.get(file.filename, ("", None))
        return described.fields if described is not None and described.listed == file else {}

    def _found(self) -> list[tuple[LooseFile, DistributionFilename]]:
        found = []
        for file in self.files():
            with suppress(InvalidFilename):
                found.append((file, DistributionFilename.parse(file.filename)))
        for gone in set(self._described) - {file.filename for file, _parsed in found}:
            self._described.pop(gone, None)
        return found

    def _versioned(self, state: Hashable, load: Callable[[], Content]) -> Versioned[Content]:
        # No number grows with each change of a folder; nobody mirrors one by it.
        return Versioned(key=(self._identity, state), serial=0, public=self.is_public(), load=load)

    def _page_of(
        self, project: NormalizedName, found: Sequence[tuple[LooseFile, DistributionFilename]]
    ) -> Versioned[ProjectPage]:
        state = tuple(sorted((file.filename, file.state) for file, _parsed in found))
        return self._versioned(state, lambda: self._page(project, found))

    def _summary(self, page: ProjectPage) -> ProjectSummary:
        summary = summary_of(page)
        latest = [file for file in page.files if file.version == summary.latest]
        return replace(summary, summary=summary_line(self.core_metadata_of(latest)))

    def _page(
        self, project: NormalizedName, found: Iterable[tuple[LooseFile, DistributionFilename]]
    ) -> ProjectPage:
        described = [self._description(*each) for each in found]
        files = sorted(
            (each.listed for each in described if each is not None),
            key=lambda file: (parse_version(file.version), file.filename),
        )
        return ProjectPage(
            name=project,
            status="active",
            status_reason="",
            serial=0,
            versions=tuple(dict.fromkeys(file.version for file in files)),
            files=tuple(files),
        )

    def _description(self, file: LooseFile, parsed: DistributionFilename) -> "_Description | None":
        """Returns what is in a file, or None for an archive that cannot be read."""
        state, described = self._described.get(file.filename, ("", None))
        if state != file.state:
            try:
                described = _describe(file, parsed)
            except (InvalidArchive, InvalidMetadata) as error:
                _log.warning("%s is not offered: %s", file.filename, error.message)
                described = None
            except PermissionError as error:
                _log.warning("%s is not offered: %s", file.filename, error.strerror)
                described = None
            except FileNotFoundError:
                return None  # it has gone or changed meanwhile
            except OSError as error:
                # A page without the file would be kept for as long as the file stays as it is.
                raise _unreadable(file.filename, error) from error
            self._described[file.filename] = file.state, described
        return described


class Folder(LooseFiles):
    """Offers the wheels and sdists in a folder, but not those in its subfolders.

    Files that are added to the folder or removed from it appear on the index or disappear at once.
    While the folder cannot be listed, all methods raise Unavailable.

    path: the path of the folder.
    may_read: a function that decides whether an actor may read, such as `lambda actor: True` for
        everybody, or `lambda actor: not actor.is_anonymous` for all clients that have logged in.
    """

    def __init__(self, path: str | os.PathLike[str], *, may_read: Callable[[Actor], bool]) -> None:
        super().__init__(may_read=may_read)
        self._path = os.fspath(path)

    def files(self) -> Iterator[LooseFile]:
        about_to_wait()
        try:
            names = os.listdir(self._path)
        except OSError as error:
            raise _unreadable("The folder", error) from error
        for name in names:
            path = os.path.join(self._path, name)
            try:
                status = os.stat(path)
            except OSError:
                continue  # it has gone meanwhile, or is a link that leads nowhere
            if stat.S_ISREG(status.st_mode):
                yield LooseFile(
                    filename=name,
                    state=(state := _state(status)),
                    open=partial(_open, path, state),
                    modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
                )


def _state(status: os.stat_result) -> str:
    # The time of the last change, unlike that of the last modification, cannot be set back.
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _open(path: str, state: str) -> IO[bytes]:
    """Opens a file that may have been replaced since it was listed."""
    content = open(path, "rb")  # noqa: SIM115 - the caller closes it
    if _state(os.fstat(content.fileno())) != state:
        content.close()
        raise FileNotFoundError(f"{path} has changed.")
    return content


def _unreadable(what: str, error: OSError) -> Unavailable:
    return Unavailable(
        f"{what} cannot be read right now; try again in a moment.",
        detail=f"{error.filename}: {error.strerror}",
    )


@dataclass(frozen=True, slots=True)
class _Description:
    listed: ExternalFile
    fields: "RawMetadata"


def _describe(file: LooseFile, parsed: DistributionFilename) -> _Description:
    """Reads a file.

    Raises InvalidArchive, InvalidMetadata or OSError.
    """
    counter = DigestingCounter()
    with file.open() as content:
        while chunk := content.read(_CHUNK):
            counter.update(chunk)
        document = inspect(content, parsed, RULES["lenient"], Limits()).document
    file.open().close()  # or somebody has changed it while it was read
    metadata = CoreMetadata.of(document, RULES["lenient"])
    digests = counter.digests()
    listed = ExternalFile(
        filename=file.filename,
        project=parsed.project,
        version=str(parsed.version),
        kind=parsed.kind,
        python_tag=parsed.python_tag,
        location=file_path(digests.sha256, file.filename),
        size=counter.size,
        hashes={"sha256": digests.sha256},
        requires_python=metadata.requires_python,
        uploaded_at=file.modified_at,
    )
    return _Description(listed, metadata.fields)
