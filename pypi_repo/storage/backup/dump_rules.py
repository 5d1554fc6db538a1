"""The values that rows of a dump may have: those that uploads and commands could have stored.

A dump may come from anywhere, and its texts become paths, URLs and permissions.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, get_args

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version
from sqlalchemy import Column

from pypi_repo.domain.accounts.access import ActorKind, Area
from pypi_repo.domain.accounts.grants import Access
from pypi_repo.domain.events.event import EVENT_TYPES
from pypi_repo.domain.events.webhook import WEBHOOK_FORMS
from pypi_repo.domain.filenames import FileKind, check_characters
from pypi_repo.domain.identity.ci_job import PUBLISHER_KINDS, CIJob
from pypi_repo.domain.names import account_name, normalize, project_name, repository_name
from pypi_repo.domain.patterns import name_pattern
from pypi_repo.domain.records import PROJECT_STATUSES
from pypi_repo.domain.repository_settings import PATTERN_SETTINGS
from pypi_repo.domain.upstreams.rules import RuleAction
from pypi_repo.domain.upstreams.upstream import COOLDOWN_MODES, check_index_url
from pypi_repo.domain.validation.profiles import PROFILES
from pypi_repo.domain.values.durations import Age
from pypi_repo.domain.values.target import parse_file_host
from pypi_repo.storage.backup.dump_types import (
    LARGEST_COUNT,
    LARGEST_KEPT_ID,
    check_type,
    number_to,
)
from pypi_repo.storage.backup.whole_rows import OF_ROWS, Row
from pypi_repo.storage.database.tables import METADATA
from pypi_repo.storage.stored_files import TABLES_OF_FILES

_PASSWORD_HASH = re.compile(r"\$2[aby]\$(0[4-9]|1[0-9])\$[./A-Za-z0-9]{53}\Z", re.ASCII)
_STAGE_ID = re.compile(r"(?!-)[A-Za-z0-9_-]{22}\Z", re.ASCII)
# Of these, the next one and the sum of a million must be numbers that a database knows.
_counted_on = number_to(2**53)
_summed = number_to(2**43)
_NAMED_BEFORE_THEY_WERE_REFUSED = (".", "..")


def check_row(table: str, row: Row) -> None:
    """Raises ValueError, InvalidName or InvalidFilename for a value that is not allowed."""
    for name, value in row.items():
        column = METADATA.tables[table].columns[name]
        try:
            _check_value(column, value)
        except ValueError as error:
            raise ValueError(f"{table}.{name} is {error}") from None
    if whole := OF_ROWS.get(table):
        whole(row)


def check_columns(table: object, columns: object) -> None:
    """Raises ValueError if there is no such table, or if it does not have these columns."""
    known = METADATA.tables.get(table) if isinstance(table, str) else None
    if known is None:
        raise ValueError(f"there is no table {str(table)[:80]!r}")
    if not isinstance(columns, list) or not {*map(str, columns)} <= {*known.columns.keys()}:
        raise ValueError(f"the table {table} has other columns")


def check_counts(counts: Mapping[str, object]) -> None:
    """Raises ValueError if a count is not valid."""
    check = number_to(LARGEST_COUNT)
    for count in counts.values():
        check(count)


def check_ids(ids: Mapping[str, object]) -> None:
    """Raises ValueError if an id is not valid, or leaves no room for further ids."""
    check = number_to(LARGEST_KEPT_ID)
    for id_ in ids.values():
        check(id_)


def _check_value(column: Column[Any], value: object) -> None:
    if value is None:
        if not column.nullable:
            raise ValueError("missing")
        return
    check_type(column.type, value)
    if rule := _OF_COLUMNS.get(f"{column.table.name}.{column.name}", _OF_COLUMNS.get(column.name)):
        rule(value)


def _digest(length: int) -> Callable[[str], None]:
    def check(value: str) -> None:
        if not re.fullmatch(rf"[0-9a-f]{{{length}}}", value, re.ASCII):
            raise ValueError(f"no digest of {length} hexadecimal digits")

    return check


def _one_of(known: Collection[object]) -> Callable[[object], None]:
    def check(value: object) -> None:
        if value not in known:
            raise ValueError(f"none of {', '.join(map(str, known))}")

    return check


def _areas(value: str) -> None:
    for name in value.split():
        _one_of([area.value for area in Area])(name)


def _account(value: str) -> None:
    if value not in _NAMED_BEFORE_THEY_WERE_REFUSED and account_name(value) != value:
        raise ValueError("a name that is not in lower case")


def _filename(value: str) -> None:
    check_characters(value)
    if not value.endswith((".whl", ".tar.gz", ".zip")):
        raise ValueError("no name of a wheel or a source distribution")


def _version(value: str) -> None:
    try:
        Version(value)
    except InvalidVersion:
        raise ValueError("no version") from None


def _index_url(value: str) -> None:
    check_index_url(value, allow_http=True)


def _hosts(value: str) -> None:
    for host in value.split():
        parse_file_host(host)


def _pattern(value: str) -> None:
    if name_pattern(value) != value:
        raise ValueError("a pattern that is not normalized")


def _normalized(value: str) -> None:
    if normalize(value) != value:
        raise ValueError("a name that is not normalized")


def _patterns(value: str) -> None:
    for pattern in value.split(" "):
        _pattern(pattern)


def _password_hash(value: str) -> None:
    if not _PASSWORD_HASH.match(value):
        raise ValueError("no hash of a password")


def _if_any(rule: Callable[[str], None]) -> Callable[[str], None]:
    def check(value: str) -> None:
        if value:
            rule(value)

    return check


def _event_types(value: str) -> None:
    for type_ in value.split():
        _one_of(EVENT_TYPES)(type_)


def _json_object(value: str) -> None:
    try:
        is_object = isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise ValueError("no JSON object")


def _ci_job(value: Mapping[str, str]) -> None:
    try:
        job = CIJob(**value)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError("no CI job") from None
    _one_of(PUBLISHER_KINDS)(job.kind)


def _stage_id(value: str) -> None:
    if not _STAGE_ID.match(value):
        raise ValueError("no id of a stage")


_OF_COLUMNS: Mapping[str, Callable[[Any], object]] = {
    "repositories.name": repository_name,
    "repositories.profile": _one_of(PROFILES),
    **{f"repositories.{name}": _if_any(_patterns) for name in PATTERN_SETTINGS},
    "projects.name": project_name,
    "projects.status": _one_of(PROJECT_STATUSES),
    "retired_filenames.filename": _filename,
    "sha256": _digest(64),
    "metadata_sha256": _digest(64),
    "signature_sha256": _digest(64),
    "secret_sha256": _digest(64),
    "blake2_256": _digest(64),
    "md5": _digest(32),
    "provenances.document": _json_object,
    "journal.id": _counted_on,
    "serial": _counted_on,
    "downloads.count": _summed,
    "downloads.version": _version,
    "journal.actor_kind": _one_of([kind.value for kind in ActorKind]),
    "users.name": _account,
    "administrators.name": _account,
    "password_hash": _password_hash,
    "users.password_hash": _if_any(_password_hash),
    "administrators.password_hash": _if_any(_password_hash),
    "grants.pattern": _if_any(_pattern),
    "group_grants.pattern": _if_any(_pattern),
    "tokens.projects": _patterns,
    "groups.name": repository_name,
    "identity_providers.name": repository_name,
    "identity_providers.accounts": _one_of(["users", "administrators"]),
    "publishers.name": repository_name,
    "trust_roots.document": _json_object,
    "everywhere": _one_of([*Access]),
    "access": _one_of([*Access]),
    "areas": _areas,
    "upstreams.name": repository_name,
    "upstreams.url": _index_url,
    "upstreams.file_hosts": _hosts,
    "upstream_pages.project": _normalized,
    "upstream_pages.revision": _counted_on,
    "cached_files.filename": check_characters,
    "cached_files.project": _normalized,
    "cooldown": Age,
    "cooldown_mode": _one_of(COOLDOWN_MODES),
    "name_patterns.use": _one_of(["reserve", "merge"]),
    "pattern": _pattern,
    "normalized_name": _normalized,
    "source_rules.action": _one_of(get_args(RuleAction)),
    "source_rules.specifier": SpecifierSet,
    "source_rules.kind": _one_of(get_args(FileKind)),
    "source_rules.status": _one_of(PROJECT_STATUSES),
    "sources_revision": _counted_on,
    "stages.id": _stage_id,
    "stages.opened_by_kind": _one_of([kind.value for kind in ActorKind]),
    "staged_files.project": _normalized,
    "staged_files.display_name": project_name,
    "staged_files.version": _version,
    "staged_files.profile": _one_of(PROFILES),
    "webhooks.name": repository_name,
    "webhooks.form": _one_of(WEBHOOK_FORMS),
    "webhooks.events": _event_types,
    "trash.project": _normalized,
    "trash.project_name": project_name,
    "trash.status": _one_of(PROJECT_STATUSES),
    "trash.version": _version,
    "trash.filename": _filename,
    "trash.deleted_by_kind": _one_of([kind.value for kind in ActorKind]),
    **{
        f"{table.name}.{column}": rule
        for table in TABLES_OF_FILES
        for column, rule in (
            ("kind", _one_of(get_args(FileKind))),
            ("filename", _filename),
            ("size", _summed),
            ("size_beside", _summed),
            ("provenance", _json_object),
            ("workload", _ci_job),
            ("attested", _ci_job),
        )
    },
}
