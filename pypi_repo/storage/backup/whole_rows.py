"""What the values of one row of a dump must say together."""

import zlib
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from packaging.utils import canonicalize_version
from packaging.version import Version

from pypi_repo.domain.filenames import check_characters, identity_of, projects_of
from pypi_repo.domain.identity.publisher import PublisherSettings
from pypi_repo.domain.lifecycle.retention import retention_terms
from pypi_repo.domain.names import normalize
from pypi_repo.domain.patterns import name_patterns
from pypi_repo.domain.upstreams.pages import decode
from pypi_repo.domain.upstreams.reading.listing import checkable
from pypi_repo.storage.identity.publishers import MAY
from pypi_repo.storage.stored_files import TABLES_OF_FILES

Row = Mapping[str, Any]

_LARGEST_PAGE = 256 * 1024 * 1024  # bytes


def _project(row: Row) -> None:
    if row["normalized_name"] != normalize(row["name"]):
        raise ValueError(f"{row['name']!r} is not normalized to {row['normalized_name'][:80]!r}")


def _deletion(row: Row) -> None:
    if row["project"] != normalize(row["project_name"]):
        raise ValueError(f"{row['project_name']!r} is not normalized to {row['project'][:80]!r}")


def _release(row: Row) -> None:
    version = Version(row["version"])
    if row["canonical_version"] != canonicalize_version(version):
        raise ValueError(f"{version} has another canonical form")


def _named(row: Row) -> None:
    """Accepts rows without identities, which older versions did not store."""
    if row.get("identity", "") not in ("", identity_of(row["filename"])):
        raise ValueError(f"{row['filename']} has another identity")


def _staged(row: Row) -> None:
    _named(row)
    if row["project"] != normalize(row["display_name"]):
        raise ValueError(f"{row['display_name']!r} is the name of another project")
    if row["project"] not in projects_of(row["filename"]):
        raise ValueError(f"{row['filename']} is a file of another project")


def _page(row: Row) -> None:
    """Accepts a page that was kept if it could have been read."""
    if row["document"] is None:
        return
    document = b64decode(row["document"])
    try:
        unpacked = zlib.decompressobj().decompress(document, _LARGEST_PAGE)
    except zlib.error:
        raise ValueError("no page") from None
    if len(unpacked) == _LARGEST_PAGE:
        raise ValueError("a page beyond all limits")
    for file in decode(document).files:
        check_characters(file.filename)
        if file.project != row["project"] or checkable(file.hashes) != file.hashes:
            raise ValueError("a page with files of another project, or with wrong digests")
        for url in (file.url, file.provenance):
            if url is not None and not url.startswith(("http://", "https://")):
                raise ValueError("a page with links that lead nowhere")


def _retention_rule(row: Row) -> None:
    names = ("keep_last", "keep_younger", "keep_downloaded", "keep_matching")
    given = {name: row[name] for name in names}
    terms = retention_terms(row["pattern"], only=row["only"].split(), **given)
    in_form = {name: getattr(terms, name) for name in names}
    if (" ".join(terms.only), in_form) != (row["only"], given):
        raise ValueError("a retention rule that is written in another form")


def _publisher(row: Row) -> None:
    projects = tuple(row["projects"].split())
    if row["projects"] != " ".join(name_patterns(projects)):
        raise ValueError("projects that are written in another form")
    if row["access"] not in MAY:
        raise ValueError("a publisher that may neither upload nor read")
    names = ("kind", "issuer", "claims", "minutes", "allow_http", "allow_private_network")
    settings = PublisherSettings(
        **{name: row[name] for name in names},
        ca_file=row["ca_file"],
        projects=projects,
        may=MAY[row["access"]],
    )
    settings.check()


OF_ROWS: Mapping[str, Callable[[Row], None]] = {
    "upstream_pages": _page,
    "projects": _project,
    "releases": _release,
    "trash": _deletion,
    "trashed_releases": _release,
    **dict.fromkeys((table.name for table in TABLES_OF_FILES), _named),
    "staged_files": _staged,
    "retired_filenames": _named,
    "retention_rules": _retention_rule,
    "publishers": _publisher,
}
"""Functions that raise ValueError, by the name of the table."""
