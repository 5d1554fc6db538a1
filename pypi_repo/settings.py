"""The settings of a registry. Nothing in this module reads the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

USUAL_FOLDER = "pypi-repo-data"
"""The folder for the data if nobody names one, in the current folder."""

OIDC_AUDIENCE = "pypi-repo"
"""For whom the signed tokens of CI jobs must be made, if nothing else is set."""

TRASH_DAYS = 30
MOST_TRASH_DAYS = 3650

_SIZE_UNITS = {"": 1, "b": 1, "k": KIB, "m": MIB, "g": GIB, "kib": KIB, "mib": MIB, "gib": GIB}
_SIZE_UNITS |= {"kb": 1000, "mb": 1000**2, "gb": 1000**3}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on input from clients, and on memory. All sizes are in bytes."""

    file_size: int = 4 * GIB
    """The size of a distribution file. A repository can set a lower limit, but not a higher one."""

    form_size: int = 16 * MIB
    """The size of all text fields of one upload together, including the description."""

    form_parts: int = 20_000
    """The number of parts of one upload form. Large projects repeat `requires_dist` hundreds of
    times."""

    metadata_size: int = 4 * MIB
    """The uncompressed size of METADATA or PKG-INFO."""

    archive_members: int = 100_000
    """The number of members of one wheel or sdist."""

    archive_names: int = 16 * MIB
    """The size of the names of all members of one archive together. Each name may have at most
    1,024 bytes."""

    attestations_size: int = 512 * KIB
    """The size of the attestations of one upload. Usual attestations have less than 20 KiB."""

    archive_expansion: int = 50
    """The ratio of the unpacked size of an archive to its own size; archives with a higher ratio
    are refused as decompression bombs."""

    archive_expansion_floor: int = 64 * MIB
    """The unpacked size up to which `archive_expansion` does not apply."""

    unpacked_size: int = 16 * GIB
    """The unpacked size of any archive. The time to check an upload is proportional to it."""

    page_cache: int = 64 * MIB
    """The size of the rendered index pages that one process keeps in memory."""

    file_cache: int = 32 * MIB
    """The size of the small files and core metadata (up to 64 KiB each) that one process keeps in
    memory."""

    failed_logins: int = 10
    """The number of wrong passwords for one account from one address, after which further attempts
    are refused for up to a minute."""

    failed_logins_per_address: int = 100
    """The number of wrong passwords for all accounts together from one address (for IPv6, from one
    /64 network), after which further attempts are refused for up to a minute."""


@dataclass(frozen=True)
class XAccel:
    """Has nginx send the files (`X-Accel-Redirect`).

    location: the name of the internal location of nginx that maps to the file store.
    """

    location: str = "/protected/"


@dataclass(frozen=True)
class XSendfile:
    """Apache with mod_xsendfile, or another server that supports `X-Sendfile`, sends the files."""


@dataclass(frozen=True)
class SignedUrls:
    """The object store sends the files, to clients that are redirected to a signed URL.

    expires_in: how long a signed URL is valid, in seconds.
    """

    expires_in: int = 300


FilesSentBy = XAccel | XSendfile | SignedUrls


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a registry: where its data is, its limits, and how it is reached.

    database: the `Path` of a SQLite database file, or a SQLAlchemy URL as text. SQLite and
        PostgreSQL (`postgresql+psycopg://`) are supported.
    database_schema: the schema for all tables, in a PostgreSQL database that other applications
        use too. `Registry.upgrade` creates it. By default, the tables are in the first schema of
        the search path.
    blobs: the path of a folder for the files, or an fsspec URL (`file://`, `memory://`, `s3://`
        ...). As text, a relative path begins with `./`. By default, files are stored in the folder
        `blobs` beside the SQLite database file, or in memory if the database is in memory. Other
        databases require this setting.
    blob_options: keyword arguments for the fsspec file system (credentials, endpoint ...).
    limits: limits on uploads, logins and memory.
    files_sent_by: a proxy or an object store that sends distribution files instead of
        `registry.wsgi_app()`.
    metrics_token: the bearer token with which `/metrics` can be read. By default, nobody can read
        it.
    metrics_folder: the path of a folder through which the processes of one machine that serve this
        registry share their metrics, so that `/metrics` of each has the numbers of all. Nothing
        else may use the folder. It is created if it is missing. Not available on Windows.
    public_url: the URL at which clients reach `registry.wsgi_app()`, such as
        `https://packages.example.com/pypi`, for absolute links. By default, the URL of each request
        is used.
    proxies: proxies for requests to other indexes: as `https` and `http` the URL of the proxy for
        such URLs, such as `http://proxy.example.com:3128`, and as `no` the hosts that are asked
        without one, separated by commas. By default, there are none: the environment is not read.
    smtp: the SMTP server through which invitations are mailed, such as
        `smtp://USER:PASSWORD@mail.example.com:587?from=packages@example.com`, or with `smtps`. By
        default, no mail is sent: administrators hand over the links.
    oidc_audience: for whom the signed tokens of CI jobs must be made, which are exchanged here for
        a token. Another server must have another one, or it could use the tokens that it gets here.
    trash_days: for how many days what is deleted or overwritten stays in the trash, from which it
        can be restored. With 0, it is deleted at once.
    password_cost: the work factor of bcrypt for new passwords. 4 is the lowest, for tests.
    variables: environment variables by their names, in which upstreams may have their credentials.
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
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    smtp: str | None = field(default=None, repr=False)
    oidc_audience: str = OIDC_AUDIENCE
    trash_days: int = TRASH_DAYS
    password_cost: int = 12


def in_folder(
    data: str,
    database: str | None = None,
    blobs: str | None = None,
    limits: Limits = Limits(),
    *,
    database_schema: str | None = None,
    proxies: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    trash_days: int = TRASH_DAYS,
) -> Settings:
    """Returns the settings of a registry whose data is in one folder, as `--data` chooses it.

    data: the folder, in which a leading `~` means the home folder.
    database: the database, if it is not in the folder.
    blobs: the file store, if it is not in the folder.
    proxies: the proxies for requests to other indexes; see `proxies_in`.
    variables: the environment in which credentials for other indexes may be.
    trash_days: for how many days the trash keeps what is deleted.
    """
    folder = data_folder(data)
    return Settings(
        database=database or folder / "registry.db",
        database_schema=database_schema or None,
        blobs=blobs or folder / "blobs",
        limits=limits,
        proxies=proxies or {},
        variables=variables or {},
        trash_days=trash_days,
    )


def data_folder(data: str) -> Path:
    """Returns the folder that `--data` names, with a leading `~` replaced by the home folder."""
    return Path(os.path.expanduser(data))


def parse_files_sent_by(text: str) -> FilesSentBy:
    """Parses `x-accel:/LOCATION/`, `x-sendfile` or `signed-urls:SECONDS`.

    Raises ValueError for any other text.
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
    """Returns the number of bytes for text such as `4GiB`, `1.5 GB`, `500M` or `1048576`.

    `GB` means 1000³ bytes; `GiB` and `G` mean 1024³ bytes. The output of `format_size` can be
    parsed.

    Raises ValueError for any other text.
    """
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]*)", text.strip().lower())
    unit = match and _SIZE_UNITS.get("b" if match[2] in ("byte", "bytes") else match[2])
    if match is None or unit is None:
        raise ValueError(f"{text!r} is not a size; write it like 500MiB, 4GiB or 5 GB.")
    return int(Decimal(match[1]) * unit)


def format_size(size: int) -> str:
    """Returns a size in bytes as text in binary units: 4294967296 is `4 GiB`."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{size} bytes"
