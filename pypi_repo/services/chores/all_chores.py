"""The chores that every registry has."""

from datetime import UTC, datetime, timedelta

from pypi_repo.domain.errors import Conflict
from pypi_repo.domain.text import counted
from pypi_repo.services.chores.chores import Chore
from pypi_repo.services.events.announcing import announce
from pypi_repo.services.events.telling import Telling
from pypi_repo.services.lifecycle.expiry import expire_all_stages
from pypi_repo.services.lifecycle.retention import Retention
from pypi_repo.services.lifecycle.trash import purge_kept_enough
from pypi_repo.services.operations.upkeep import Upkeep
from pypi_repo.settings import format_size
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.expired import delete_expired

_GRACE = timedelta(days=7)


def chores_of(
    database: Database,
    upkeep: Upkeep,
    retention: Retention,
    telling: Telling,
) -> list[Chore]:
    """Returns the chores of a registry.

    retention: the retention rules, on behalf of the operator.
    """
    return [
        Chore(
            "expire",
            "delete sessions, invitations and messages that have expired, and old deliveries",
            timedelta(hours=1),
            lambda: _expire(database),
        ),
        Chore(
            "expire-stages",
            "delete stages that nobody has published or dropped in time",
            timedelta(hours=1),
            lambda: _expire_stages(database),
        ),
        Chore(
            "empty-trash",
            "delete for good what has been in the trash for as long as it is kept",
            timedelta(hours=1),
            lambda: _empty_trash(database),
        ),
        Chore(
            "trim-caches",
            "delete files of upstreams beyond the size of their cache",
            timedelta(minutes=10),
            lambda: _trim(upkeep),
        ),
        Chore(
            "retention",
            "delete releases that retention rules no longer keep, where somebody has previewed it",
            timedelta(days=1),
            lambda: _expire_releases(retention),
        ),
        Chore(
            "sweep",
            "delete stored files that nothing refers to, and that are older than a week",
            timedelta(days=1),
            lambda: _sweep(upkeep),
        ),
        Chore(
            "announce",
            "write events of tokens that expire within a week, and of quotas that are nearly full",
            timedelta(minutes=10),
            lambda: announce(database),
        ),
        Chore(
            "webhooks",
            "tell webhooks what has happened",
            timedelta(minutes=10),
            telling.run,
            telling.is_urgent,
        ),
    ]


def _expire(database: Database) -> str:
    with database.begin() as connection:
        number = delete_expired(connection, datetime.now(UTC))
    return f"Deleted {counted(number, 'row')}." if number else ""


def _expire_releases(retention: Retention) -> str:
    done = retention.run_all()
    if not done.files:
        return ""
    releases, files = counted(done.releases, "release"), counted(done.files, "file")
    return f"Deleted {releases} with {files}, {format_size(done.size)}."


def _expire_stages(database: Database) -> str:
    number = expire_all_stages(database)
    return f"Deleted {counted(number, 'stage')}." if number else ""


def _empty_trash(database: Database) -> str:
    purged = purge_kept_enough(database)
    if not purged.entries:
        return ""
    return f"Deleted {counted(purged.files, 'file')}, {format_size(purged.bytes)}, from the trash."


def _trim(upkeep: Upkeep) -> str:
    trimmed = upkeep.trim()
    if not trimmed.blobs:
        return ""
    return f"Deleted {counted(trimmed.blobs, 'file')}, {format_size(trimmed.bytes)}."


def _sweep(upkeep: Upkeep) -> str:
    """With more time than by hand: a database that was set back by mistake can be put right.

    Until it is, stored files that only the newer one knows are without a reference.
    """
    try:
        swept = upkeep.sweep(_GRACE)
    except Conflict:  # without a repository, nothing tells what is needed
        return ""
    if not swept.blobs:
        return ""
    return f"Deleted {counted(swept.blobs, 'file')}, {format_size(swept.bytes)}."
