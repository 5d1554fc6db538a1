"""A dump: all rows of a database at one moment, as compressed lines of JSON, for any engine.

The first line is a header. Then each table has a line with its name and columns, and one line for
each of its rows; files, also deleted and staged ones, are in the order of their SHA-256. The last
line is the SHA-256 of all lines before it.
"""

import gzip
import hashlib
import json
import sys
import zlib
from base64 import b64encode
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from itertools import groupby
from operator import itemgetter
from typing import IO, Any

from packaging.version import Version
from sqlalchemy import Connection
from sqlalchemy.exc import CompileError, DataError, IntegrityError, NoSuchTableError

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.errors import InvalidBackup, RegistryError
from pypi_repo.domain.stored_files import KeptFile
from pypi_repo.domain.upstreams.cached_file import CachedFile, CacheKey
from pypi_repo.settings import MIB
from pypi_repo.storage.backup.all_rows import AllRows
from pypi_repo.storage.backup.dump_rules import check_columns, check_counts, check_ids, check_row
from pypi_repo.storage.blobs.store import StagedFile
from pypi_repo.storage.cached_files import CachedFiles
from pypi_repo.storage.database.schema import HEAD, REVISIONS
from pypi_repo.storage.stored_files import TABLES_OF_FILES, StoredFiles

_FORMAT = 1
_TABLES_OF_FILES = frozenset(table.name for table in TABLES_OF_FILES)
_LONGEST_LINE = 64 * MIB  # a provenance is the longest text of a row, and much shorter


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header of a dump.

    pypi_repo: the version that wrote the dump.
    revision: the revision of the schema.
    rows: the number of rows of each table.
    bytes: the size of all files together, in bytes.
    counters: the last ids that were used, for tables that must not use an id twice.
    """

    format: int
    created_at: datetime
    pypi_repo: str
    revision: str
    rows: dict[str, int]
    bytes: int
    counters: dict[str, int]


def write(connection: Connection, file: StagedFile, *, with_cache: bool = False) -> Header:
    """Writes a dump of what a connection sees, which must be one moment.

    with_cache: whether it has what is known of upstreams, and their cached files.
    """
    rows = AllRows(connection)
    cached = CachedFiles(connection).size_after("") if with_cache else 0
    header = Header(
        format=_FORMAT,
        created_at=datetime.now(UTC),
        pypi_repo=version("pypi-repo"),
        revision=HEAD,
        rows={name: rows.count(name) for name in rows.names(with_cache=with_cache)},
        bytes=StoredFiles(connection).size() + cached,
        counters=rows.counters(),
    )
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    for line in _signed(_documents(header, rows)):
        file.write(compressor.compress(line), sys.maxsize)
    file.write(compressor.flush(), sys.maxsize)
    return header


class Dump:
    """A dump in a seekable file, which can be read several times.

    Raises InvalidBackup if it is damaged or not for this version.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        with _own_errors():
            header = next(self._lines())
            made_by = Version(header["pypi_repo"])
            if header["format"] > _FORMAT or header["revision"] > HEAD:
                raise InvalidBackup(
                    f"The backup was made by pypi_repo {made_by} with schema revision "
                    f"{header['revision'][:10]!r}, newer than this version knows ({HEAD}); install "
                    "that version."
                )
            created_at = datetime.fromisoformat(header.pop("created_at"))
            self.header = Header(created_at=created_at, **header)
            check_counts({**self.header.rows, "": self.header.bytes})
            check_ids(self.header.counters)
            if self.header.revision not in REVISIONS:
                raise ValueError(f"there is no revision {self.header.revision!r}")

    def check(self) -> None:
        """Reads the dump, and checks its digest, its counts, and each value as in an upload."""
        with _own_errors():
            self._check_digest()
            found = dict.fromkeys(self.header.rows, 0)
            for number, name, row in self._numbered_rows():
                try:
                    check_row(name, row)
                except (ValueError, RegistryError) as error:
                    raise ValueError(f"line {number}: {str(error).rstrip('.')}") from error
                found[name] += 1
            if found != self.header.rows:
                raise ValueError("it has another number of rows than it says")

    def _check_digest(self) -> None:
        digest = hashlib.sha256()
        lines = self._raw_lines()
        for line in lines:
            if line.startswith(b'{"sha256"'):
                break
            digest.update(line)
        else:
            raise ValueError("it ends too early")
        if json.loads(line) != {"sha256": digest.hexdigest()} or next(lines, None):
            raise ValueError("its digest differs")

    def files(self) -> Iterator[KeptFile]:
        """Yields the files of each table in the order of their SHA-256."""
        repositories: dict[int, str] = {}
        for name, row in self._rows():
            if name == "repositories":
                repositories[row["id"]] = row["name"]
            elif name in _TABLES_OF_FILES:
                yield KeptFile(
                    table=name,
                    id=row["id"],
                    repository=repositories[row["repository_id"]],
                    filename=row["filename"],
                    size=row["size"],
                    digests=Digests(row["sha256"], row["blake2_256"], row["md5"]),
                    metadata_sha256=row["metadata_sha256"],
                    signature_sha256=row.get("signature_sha256"),
                )

    def cached_files(self) -> Iterator[CachedFile]:
        """Yields the cached files of upstreams, if the dump has any."""
        for name, row in self._rows():
            if name == "cached_files":
                for moment in ("cached_at", "used_at"):
                    row[moment] = datetime.fromisoformat(row[moment])
                yield CachedFile(**row)

    def load(
        self,
        connection: Connection,
        without: Collection[tuple[str, int]],
        without_cached: Collection[CacheKey] = (),
    ) -> None:
        """Adds all rows to an empty database with the revision of the header.

        without: the files to leave out, by table and id.
        without_cached: the keys of cached files to leave out.
        """
        rows = AllRows(connection)
        for name, together in groupby(self._rows(), key=itemgetter(0)):
            kept = (row for _, row in together if _file_of(name, row) not in without)
            if name == "cached_files":
                kept = (row for row in kept if _cache_key(row) not in without_cached)
            with _fitting(name):
                rows.write(name, kept)

    def _rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields each row with its table."""
        for _number, name, row in self._numbered_rows():
            yield name, row

    def _numbered_rows(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Yields each row with the number of its line and its table."""
        name = ""
        columns: list[str] = []
        for number, document in enumerate(self._lines(), 1):
            if isinstance(document, list):
                yield number, name, dict(zip(columns, document, strict=True))
            elif "table" in document:
                name, columns = document["table"], document["columns"]
                check_columns(name, columns)

    def _lines(self) -> Iterator[Any]:
        return map(json.loads, self._raw_lines())

    def _raw_lines(self) -> Iterator[bytes]:
        """Yields the lines, whose length is limited, because a few bytes can unpack to any size."""
        self._file.seek(0)
        with gzip.open(self._file) as lines:
            while line := lines.readline(_LONGEST_LINE):
                if not line.endswith(b"\n"):
                    raise ValueError("a line is cut off or too long")
                yield line


def _documents(header: Header, rows: AllRows) -> Iterator[Any]:
    yield asdict(header)
    for name in header.rows:
        yield {"table": name, "columns": rows.columns(name)}
        for row in rows.read(name):
            yield list(row)


def _signed(documents: Iterator[Any]) -> Iterator[bytes]:
    """Yields documents as lines, followed by their digest."""
    digest = hashlib.sha256()
    for document in documents:
        line = _line(document)
        digest.update(line)
        yield line
    yield _line({"sha256": digest.hexdigest()})


def _line(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), default=_plain).encode() + b"\n"


def _file_of(table: str, row: dict[str, Any]) -> tuple[str, int] | None:
    """Returns the table and the id of the file that a row is or belongs to, if it is of one."""
    if table == "provenances":
        return "files", row["file_id"]
    return (table, row["id"]) if table in _TABLES_OF_FILES else None


def _cache_key(row: dict[str, Any]) -> CacheKey:
    return row["upstream_id"], row["filename"], row["sha256"]


def _plain(value: Any) -> str:
    """Returns a time, a day or bytes as text; a time in UTC, whatever zone the connection has."""
    if isinstance(value, bytes | memoryview):
        return b64encode(value).decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value)} has no JSON form")


@contextmanager
def _fitting(table: str) -> Iterator[None]:
    """Turns errors about duplicates and missing references into InvalidBackup."""
    try:
        yield
    except (IntegrityError, DataError, CompileError, NoSuchTableError, KeyError) as error:
        cause = " ".join(str(getattr(error, "orig", error)).split())
        raise InvalidBackup(
            f"The backup's dump of the database is damaged (its table {table} does not fit: "
            f"{cause}); use another dump."
        ) from error


@contextmanager
def _own_errors() -> Iterator[None]:
    try:
        yield
    except (
        OSError,
        EOFError,
        zlib.error,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        StopIteration,
    ) as error:
        raise InvalidBackup(
            f"The backup's dump of the database is damaged ({error}); use another dump."
        ) from error
