"""Pages of projects on other indexes (upstreams): read, kept and brought back.

What cannot be trusted ends here. A page that was read names safe filenames of its own project and
absolute HTTP URLs, and none of its markup goes any further.
"""

import re
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from pypi_repo.domain.errors import UnreadablePage
from pypi_repo.domain.filenames import ListedKind
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.records import PROJECT_STATUSES, ProjectStatus
from pypi_repo.domain.stored_files import file_path
from pypi_repo.domain.upstreams.reading import html_page, json_page
from pypi_repo.domain.upstreams.reading.filenames import parse
from pypi_repo.domain.upstreams.reading.links import Links
from pypi_repo.domain.upstreams.reading.listing import (
    LONGEST_TEXT,
    Entry,
    Listing,
    NoPage,
    checkable,
    readable,
)
from pypi_repo.domain.upstreams.reading.spellings import Versions
from pypi_repo.domain.values.urls import parse_url

ACCEPT = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, "
    "text/html;q=0.01"
)
"""What to ask an upstream for: JSON, and HTML if it has nothing else."""

UNHASHED = "unhashed"
"""The folder of files without a known SHA-256, in URLs."""

_LEVEL = 1  # of compression: what takes the space are digests, which no level makes smaller


class UpstreamFile(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, weakref=False
):
    """A file on a page of an upstream, which is a `ListedFile`.

    version: in the spelling of the page.
    url: where the upstream has the file: an absolute URL, without a fragment.
    size: the size of the file, in bytes; None if it is not known.
    hashes: hexadecimal digests by the names of hashlib.
    provenance: the absolute URL of its provenance (PEP 740); None if it has none.
    uploaded_at: in UTC; None if the upstream does not say when.
    first_seen: when the registry saw the file first, in UTC; None if nobody has noted it.
    """

    filename: str
    project: NormalizedName
    version: str
    kind: ListedKind
    python_tag: str
    url: str
    size: int | None = None
    hashes: dict[str, str] = {}
    requires_python: str | None = None
    yanked: str | None = None
    metadata_hashes: dict[str, str] | None = None
    is_signed: bool = False
    provenance: str | None = None
    uploaded_at: datetime | None = None
    first_seen: datetime | None = None

    @property
    def location(self) -> str:
        """The path of the file below the URL for files, and in the file store once it is there."""
        sha256 = self.hashes.get("sha256")
        if sha256 is None:
            return f"{UNHASHED}/{self.project}/{self.filename}"
        return file_path(sha256, self.filename)

    @property
    def place(self) -> str:
        """The URL without its query, for logs: the query of a signed URL is a secret."""
        return parse_url(self.url).shown

    @property
    def has_provenance(self) -> bool:
        """Whether the upstream has a provenance of the file."""
        return self.provenance is not None


class UpstreamPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a project on an upstream.

    name: the name of the project, as the upstream spells it.
    versions: all versions (PEP 700), in the order and the spelling of the page.
    files: the files, each filename once. A quarantined project has none, and no versions.
    dropped: how many other files the page names: with unsafe names, names of other projects,
        digests that are none, or URLs that lead nowhere.
    """

    name: str
    status: ProjectStatus = "active"
    status_reason: str = ""
    versions: tuple[str, ...] = ()
    files: tuple[UpstreamFile, ...] = ()
    dropped: int = 0


def read_page(
    body: bytes, content_type: str, url: str, project: NormalizedName, max_files: int = 200_000
) -> UpstreamPage:
    """Reads the page of a project.

    content_type: the Content-Type with which the page came. It need not be right: whether a page is
        JSON is seen from its first character.
    url: the URL of the page, after all redirects.
    max_files: how many files the page may list.

    Raises UnreadablePage.
    """
    try:
        listing = _read(body, content_type, max_files)
        return _checked(listing, url, project)
    except NoPage as error:
        raise UnreadablePage(
            f"The page of {project!r} from another index cannot be read, because {error}; tell an "
            "administrator.",
            detail=parse_url(url).shown,
        ) from error


def encode(page: UpstreamPage) -> bytes:
    """Returns a page in a compact form, to be kept."""
    return zlib.compress(msgspec.msgpack.encode(page), _LEVEL)


def decode(content: bytes) -> UpstreamPage:
    """Returns a page that was kept.

    Raises UnreadablePage if it is damaged, or was kept by a version that kept something else.
    """
    try:
        return _decoder.decode(zlib.decompress(content))
    except (zlib.error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadablePage(
            "A page that was kept of another index cannot be read any more; it has to be asked for "
            "again."
        ) from error


_decoder = msgspec.msgpack.Decoder(UpstreamPage)


def _read(body: bytes, content_type: str, max_files: int) -> Listing:
    beginning = re.match(rb"(\xef\xbb\xbf)?\s*", body)
    assert beginning is not None  # noqa: S101 - it matches nothing, too
    if body[beginning.end() : beginning.end() + 1] == b"{":
        return json_page.read(body[beginning.end() :], max_files)
    return html_page.read(body, content_type, max_files)


def _checked(listing: Listing, url: str, project: NormalizedName) -> UpstreamPage:
    reader = _Reader(project, Links(url, listing.base), Versions(listing.versions or ()))
    files = reader.files(listing.entries)
    status: ProjectStatus = next(
        (known for known in PROJECT_STATUSES if known == listing.status), "active"
    )
    is_offered = status != "quarantined"
    right_name = len(listing.name) <= LONGEST_TEXT and normalize(listing.name) == project
    return UpstreamPage(
        name=listing.name if right_name else project,
        status=status,
        status_reason=listing.status_reason,
        versions=reader.versions.all() if is_offered else (),
        files=files if is_offered else (),
        dropped=reader.dropped,
    )


class _Reader:
    """Makes checked files of the entries of a page."""

    def __init__(self, project: NormalizedName, links: Links, versions: Versions) -> None:
        self.versions = versions
        self.dropped = 0
        self._project = project
        self._links = links
        self._shared: dict[str, str] = {}

    def files(self, entries: Iterable[Entry | None]) -> tuple[UpstreamFile, ...]:
        found: dict[str, UpstreamFile] = {}
        for entry in entries:
            if entry is not None and entry.filename in found:
                continue
            file = None if entry is None else self._file(entry)
            if file is None:
                self.dropped += 1
            else:
                found[file.filename] = file
        return tuple(found.values())

    def _file(self, entry: Entry) -> UpstreamFile | None:
        named = parse(entry.filename, self._project)
        url = None if named is None else self._links.resolved(entry.url)
        hashes = readable(entry.hashes or {})
        if named is None or url is None or hashes is None:
            return None
        return UpstreamFile(
            filename=entry.filename,
            project=self._project,
            version=self.versions.spelled(named.version),
            kind=named.kind,
            python_tag=self._once(named.python_tag),
            url=url,
            size=entry.size,
            hashes=hashes,
            requires_python=self._once(entry.requires_python) if entry.requires_python else None,
            yanked=_reason(entry.yanked),
            metadata_hashes=_metadata_hashes(entry),
            is_signed=bool(entry.gpg_sig),
            provenance=self._links.resolved(entry.provenance) if entry.provenance else None,
            uploaded_at=_moment(entry.upload_time) if entry.upload_time else None,
        )

    def _once(self, text: str) -> str:
        """Returns an equal text, the same one for all files: most say what others say."""
        return self._shared.setdefault(text, text)


def _reason(yanked: bool | str | None) -> str | None:
    if yanked is None or yanked is False:
        return None
    return "" if yanked is True else yanked


def _metadata_hashes(entry: Entry) -> dict[str, str] | None:
    for said in (entry.core_metadata, entry.dist_info_metadata, entry.data_dist_info_metadata):
        if said is not None:
            return None if said is False else checkable({} if said is True else said)
    return None


def _moment(text: str) -> datetime | None:
    """Reads a time. One without a zone is in UTC, as upload times have to be (PEP 700)."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
