"""What one registry is told when it is built. Nothing here reads the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

_SIZE_UNITS = {"": 1, "b": 1, "k": KIB, "m": MIB, "g": GIB, "kib": KIB, "mib": MIB, "gib": GIB}
_SIZE_UNITS |= {"kb": 1000, "mb": 1000**2, "gb": 1000**3}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on everything that comes from outside; all sizes are bytes."""

    file_size: int = 4 * GIB
    """The largest distribution file; a repository may allow less, never more."""

    form_size: int = 16 * MIB
    """All text fields of one upload together; descriptions travel here."""

    form_parts: int = 20_000
    """Parts of one upload form; a large project repeats `requires_dist` hundreds of times."""

    metadata_size: int = 4 * MIB
    """METADATA or PKG-INFO, uncompressed."""

    archive_members: int = 100_000
    """Members of one wheel or sdist."""

    archive_names: int = 16 * MIB
    """The names of all these members together; each has 1,024 bytes at most."""

    attestations_size: int = 512 * KIB
    """The attestations of one upload; real ones are below 20 KiB."""

    archive_expansion: int = 50
    """How many times its own size an archive may unpack to before it counts as a bomb ..."""

    archive_expansion_floor: int = 64 * MIB
    """... which is only asked of what unpacks to more than this."""

    unpacked_size: int = 16 * GIB
    """What any archive may unpack to; checking it costs that much work."""

    page_cache: int = 64 * MIB
    """Rendered index pages kept in memory by one process."""

    file_cache: int = 32 * MIB
    """Files and core metadata of at most 64 KiB each, kept in memory by one process."""

    failed_logins: int = 10
    """Wrong passwords for one account from one address before it must wait a minute."""

    failed_logins_per_address: int = 100
    """The same from one address for all accounts together; of IPv6, from one network of /64."""


@dataclass(frozen=True)
class XAccel:
    """nginx sends the files, from its internal location of this name."""

    location: str = "/protected/"


@dataclass(frozen=True)
class XSendfile:
    """Apache's mod_xsendfile, or another server that knows X-Sendfile, sends the files."""


@dataclass(frozen=True)
class SignedUrls:
    """The object store sends the files, to who shows a URL that is good for this many seconds."""

    expires_in: int = 300


FilesSentBy = XAccel | XSendfile | SignedUrls


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where a registry keeps its things.

    database: the Path of a SQLite database's file, or a SQLAlchemy URL. SQLite and PostgreSQL
        (`postgresql+psycopg://`) are supported.
    database_schema: the schema of a PostgreSQL database that all tables are in, for one that others
        use too; `upgrade` makes it. Without one, tables are where the search path leads.
    blobs: the Path of a folder, or an fsspec URL (`file://`, `memory://`, `s3://` ...). Without
        one, files are kept in the folder `blobs` beside a SQLite database's file, and in memory
        beside a database in memory; any other database needs it said.
    blob_options: keyword arguments for the fsspec file system (credentials, endpoint ...).
    files_sent_by: who sends distribution files in the place of `registry.wsgi_app()`.
    metrics_token: what a scraper sends as Bearer to read `/metrics`; without one nobody can.
    metrics_folder: the Path of a folder for the processes of one machine that serve this registry
        together, and for nobody else: each then tells at `/metrics` what all of them count. It is
        made where it is missing. POSIX only.
    public_url: where people and programs outside find `registry.wsgi_app()`, such as
        `https://packages.example.com/pypi`, for absolute links; without it, where a request says.
    password_cost: bcrypt's work factor for new passwords; 4 is the cheapest (for tests).
    """

    database: str | Path = Path("pypi-repo-data/registry.db")
    database_schema: str | None = None
    blobs: str | Path | None = None
    blob_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    limits: Limits = Limits()
    files_sent_by: FilesSentBy | None = None
    metrics_token: str | None = field(default=None, repr=False)
    metrics_folder: Path | None = None
    public_url: str | None = None
    password_cost: int = 12


def in_folder(
    data: str,
    database: str | None = None,
    blobs: str | None = None,
    limits: Limits = Limits(),
    *,
    database_schema: str | None = None,
) -> Settings:
    """What `--data` stands for: everything in one folder, but for what is said to be elsewhere."""
    folder = data_folder(data)
    return Settings(
        database=database or folder / "registry.db",
        database_schema=database_schema or None,
        blobs=blobs or folder / "blobs",
        limits=limits,
    )


def data_folder(data: str) -> Path:
    """The folder that `--data` names, in which a `~` at the beginning is somebody's home."""
    return Path(os.path.expanduser(data))


def from_mapping(values: Mapping[str, str]) -> Settings:
    """Settings from text values named like the command line's environment variables.

    Knows PYPI_REPO_DATA, PYPI_REPO_DATABASE, PYPI_REPO_DATABASE_SCHEMA, PYPI_REPO_BLOBS,
    PYPI_REPO_MAX_UPLOAD_SIZE, PYPI_REPO_FILES_SENT_BY, PYPI_REPO_METRICS_TOKEN,
    PYPI_REPO_METRICS_FOLDER and PYPI_REPO_PUBLIC_URL, and ignores the rest.

    Raises ValueError where a value cannot be understood.
    """
    limits = Limits()
    if values.get("PYPI_REPO_MAX_UPLOAD_SIZE"):
        try:
            limits = Limits(file_size=parse_size(values["PYPI_REPO_MAX_UPLOAD_SIZE"]))
        except ValueError as error:
            raise ValueError(f"PYPI_REPO_MAX_UPLOAD_SIZE: {error}") from None
    settings = in_folder(
        values.get("PYPI_REPO_DATA") or "pypi-repo-data",
        values.get("PYPI_REPO_DATABASE"),
        values.get("PYPI_REPO_BLOBS"),
        limits,
        database_schema=values.get("PYPI_REPO_DATABASE_SCHEMA"),
    )
    sent_by = values.get("PYPI_REPO_FILES_SENT_BY")
    metrics_folder = values.get("PYPI_REPO_METRICS_FOLDER")
    return replace(
        settings,
        files_sent_by=parse_files_sent_by(sent_by) if sent_by else None,
        metrics_token=values.get("PYPI_REPO_METRICS_TOKEN") or None,
        metrics_folder=Path(metrics_folder) if metrics_folder else None,
        public_url=values.get("PYPI_REPO_PUBLIC_URL") or None,
    )


def parse_files_sent_by(text: str) -> FilesSentBy:
    """From `x-accel:/LOCATION/`, `x-sendfile`, or `signed-urls:SECONDS`.

    Raises ValueError for anything else.
    """
    name, colon, value = text.partition(":")
    match name, colon, value:
        case "x-accel", ":", location if location.startswith("/"):
            return XAccel(location)
        case "x-sendfile", "", "":
            return XSendfile()
        case "signed-urls", ":", seconds if re.fullmatch("[1-9][0-9]{0,5}", seconds):
            return SignedUrls(int(seconds))
    raise ValueError(
        f"{text!r} sends no files; write x-accel:/protected/, x-sendfile or signed-urls:300."
    )


def parse_size(text: str) -> int:
    """A number of bytes from text like `4GiB`, `1.5 GB`, `500M` or `1048576`.

    `GB` is 1000³ bytes, `GiB` is 1024³, and `G` alone is that too. Whatever `format_size` writes
    can be read.

    Raises ValueError for anything else.
    """
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]*)", text.strip().lower())
    unit = match and _SIZE_UNITS.get("b" if match[2] in ("byte", "bytes") else match[2])
    if match is None or unit is None:
        raise ValueError(f"{text!r} is not a size; write it like 500MiB, 4GiB or 5 GB.")
    return int(Decimal(match[1]) * unit)


def format_size(size: int) -> str:
    """A size for people, in binary units: 4294967296 -> `4 GiB`."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{size} bytes"
