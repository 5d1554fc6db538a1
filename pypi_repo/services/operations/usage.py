"""Counts downloads and the use of accounts, and reports them."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from pypi_repo.domain.accounts.access import Actor, Permission, require_administrator
from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import Repository
from pypi_repo.domain.upstreams.cached_file import CacheUse
from pypi_repo.domain.usage import (
    DayOfUse,
    DownloadCount,
    DownloadedRelease,
    RepositoryUsage,
    TopProject,
    UploadedFile,
)
from pypi_repo.services.gate import Audit, Gate, first_shown
from pypi_repo.storage.cached_files import CachedFiles, Use
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.lifecycle.trash_entries import TrashEntries
from pypi_repo.storage.usage import Scope, Usage

_log = logging.getLogger(__name__)

_WRITTEN_AFTER = 5.0  # seconds
_HOUR = 3600  # seconds
_MIDNIGHT = datetime.min.time()
_COUNTED_AT_MOST = 50_000  # different releases and accounts that wait to be written


class UsageCounter:
    """Counts in memory, and writes the counts in one transaction a few seconds later.

    There is no thread while nothing is counted. A process that is killed loses the counts of the
    last seconds; a process that ends in an orderly way calls `flush`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mutex = threading.Lock()
        self._timer: threading.Timer | None = None
        self._downloads: Counter[tuple[DownloadedRelease, date]] = Counter()
        self._users: dict[int, datetime] = {}
        self._tokens: dict[int, datetime] = {}
        self._caches: dict[tuple[int, date], CacheUse] = {}
        self._cached: dict[Use, datetime] = {}
        self._noted: dict[Use, int] = {}  # the hour in which each file was used last
        self._downloaded: Counter[int] = Counter()  # by the upstream

    def count_download(self, release: DownloadedRelease, cached: Use | None = None) -> None:
        """Counts a download of a release.

        cached: the file, if it is one of an upstream, which was then used in this hour.
        """
        with self._mutex:
            self._downloads[release, datetime.now(UTC).date()] += 1
            if cached is not None:
                self._note_cached(cached)
            self._write_soon()

    def note_use(self, user_id: int, token_id: int | None = None) -> None:
        """Records that an account was used just now, and possibly with a token."""
        now = datetime.now(UTC)
        with self._mutex:
            self._users[user_id] = now
            if token_id is not None:
                self._tokens[token_id] = now
            self._write_soon()

    def note_fetch(self, upstream_id: int, fetches: int, fetched: int) -> None:
        """Counts fetches from an upstream, and the bytes that came."""
        with self._mutex:
            self._add_use(upstream_id, CacheUse(fetches=fetches, fetched=fetched))
            self._write_soon()

    def _note_cached(self, use: Use) -> None:
        hour = int(time.time()) // _HOUR
        self._downloaded[use[0]] += 1
        if self._noted.get(use) != hour:
            if len(self._noted) >= _COUNTED_AT_MOST:
                self._noted.clear()
            self._noted[use] = hour
            self._cached[use] = datetime.fromtimestamp(hour * _HOUR, UTC)

    def _add_use(self, upstream_id: int, use: CacheUse) -> None:
        key = upstream_id, datetime.now(UTC).date()
        self._caches[key] = self._caches.get(key, CacheUse()) + use

    def flush(self, *, for_the_last_time: bool = False) -> None:
        """Writes what was counted so far. If this fails, it is tried again later.

        for_the_last_time: whether the process is about to end, so that no thread can be started to
            try again.
        """
        with self._mutex:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            downloads, self._downloads = self._downloads, Counter()
            users, self._users = self._users, {}
            tokens, self._tokens = self._tokens, {}
            for upstream_id, number in self._downloaded.items():
                self._add_use(upstream_id, CacheUse(downloads=number))
            self._downloaded.clear()
            caches, self._caches = self._caches, {}
            cached, self._cached = self._cached, {}
        if not (downloads or users or tokens or caches or cached):
            return
        try:
            with self._database.begin() as connection:
                usage = Usage(connection)
                usage.add_downloads(
                    DownloadCount(release.repository_id, release.project, release.version, day, n)
                    for (release, day), n in downloads.items()
                )
                usage.note_use_of_users(users)
                usage.note_use_of_tokens(tokens)
                if caches or cached:
                    CachedFiles(connection).add_use(caches)
                    CachedFiles(connection).note_use(cached)
        except RegistryError as error:
            if for_the_last_time:
                _log.warning("Downloads could not be counted: %s", error.message)
                return
            _log.warning("Downloads could not be counted and are tried again: %s", error.message)
            self._take_back(downloads, users, tokens, caches, cached)

    def _take_back(
        self,
        downloads: Counter[tuple[DownloadedRelease, date]],
        users: dict[int, datetime],
        tokens: dict[int, datetime],
        caches: dict[tuple[int, date], CacheUse],
        cached: dict[Use, datetime],
    ) -> None:
        with self._mutex:
            if len(self._downloads) + len(downloads) <= _COUNTED_AT_MOST:
                self._downloads += downloads
            self._users = users | self._users
            self._tokens = tokens | self._tokens
            self._cached = cached | self._cached
            for key, use in caches.items():
                self._caches[key] = self._caches.get(key, CacheUse()) + use
            self._write_soon()

    def _write_soon(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(_WRITTEN_AFTER, self.flush)
            self._timer.daemon = True
            self._timer.start()


class UsageReports:
    """Reports how much is stored and downloaded.

    All methods raise PermissionDenied unless the actor is the operator or an administrator, and
    only report on repositories and projects for which the policy allows `Permission.AUDIT`. Sums
    and dates are those of these projects.
    """

    def __init__(self, actor: Actor, database: Database, gate: Gate, counter: UsageCounter) -> None:
        self._actor = actor
        self._gate = gate
        self._database = database
        self._counter = counter

    def repositories(self) -> dict[str, RepositoryUsage]:
        """Returns what each repository contains, by the name of the repository."""
        require_administrator(self._actor)
        scope = self._scope(Catalog(self._database), None)
        usage = Usage(self._database).repositories(scope)
        return {
            repository.name: usage.get(repository.id, RepositoryUsage())
            for repository in scope.repositories
        }

    def repository(self, name: str) -> RepositoryUsage:
        """Returns what one repository contains.

        Raises UnknownRepository.
        """
        require_administrator(self._actor)
        scope = self._scope(Catalog(self._database), name)
        (found,) = scope.repositories
        return Usage(self._database).repositories(scope).get(found.id, RepositoryUsage())

    def days(self, number: int = 30, repository: str | None = None) -> list[DayOfUse]:
        """Returns the downloads and the stored size of the last days, today last.

        number: the number of days, in UTC.
        repository: the name of a repository; None for all together that the actor may see.

        Raises UnknownRepository.
        """
        require_administrator(self._actor)
        self._counter.flush()
        first = _days_ago(number - 1)
        catalog, usage = Catalog(self._database), Usage(self._database)
        scope = self._scope(catalog, repository)
        downloads = usage.downloads_by_day(first, scope)
        uploads = usage.uploads_by_day(
            datetime(first.year, first.month, first.day, tzinfo=UTC), scope
        )
        in_all = usage.stored_size(scope)
        stored = in_all - sum(size for _count, size in uploads.values())
        days = []
        for offset in range(number):
            day = first + timedelta(days=offset)
            stored += uploads.get(day, (0, 0))[1]
            days.append(DayOfUse(day, downloads.get(day, 0), stored))
        return days

    def days_of_project(
        self, repository: str, project: str, number: int = 30
    ) -> list[tuple[date, int]]:
        """Returns the number of downloads of a project on each of the last days, today last.

        project: the normalized name of the project.
        number: the number of days, in UTC.

        Raises UnknownRepository.
        """
        require_administrator(self._actor)
        self._counter.flush()
        first = _days_ago(number - 1)
        found = self._named(Catalog(self._database), repository, project)
        assert found is not None  # noqa: S101 - a name was given
        counts = Usage(self._database).downloads_by_day(first, Scope([found]), project)
        days = [first + timedelta(days=offset) for offset in range(number)]
        return [(day, counts.get(day, 0)) for day in days]

    def top_projects(
        self,
        days: int = 30,
        limit: int = 10,
        repository: str | None = None,
    ) -> list[TopProject]:
        """Returns the projects with the most downloads in the last days.

        days: the number of days, in UTC.
        limit: the largest number of projects to return.
        repository: the name of a repository; None for all repositories.

        Raises UnknownRepository.
        """
        require_administrator(self._actor)
        self._counter.flush()
        usage, catalog = Usage(self._database), Catalog(self._database)
        found = self._named(catalog, repository)
        audit = Audit(self._gate, self._actor, catalog)
        return first_shown(
            limit,
            lambda number: usage.top_projects(_days_ago(days - 1), number, found),
            lambda top: audit.shows(top.repository, top.project),
        )

    def newest_uploads(self, limit: int = 10, repository: str | None = None) -> list[UploadedFile]:
        """Returns the files that were uploaded last, the newest first.

        limit: the largest number of files to return.
        repository: the name of a repository; None for all repositories.

        Raises UnknownRepository.
        """
        require_administrator(self._actor)
        usage, catalog = Usage(self._database), Catalog(self._database)
        found = self._named(catalog, repository)
        audit = Audit(self._gate, self._actor, catalog)
        return first_shown(
            limit,
            lambda number: usage.newest_uploads(number, found),
            lambda upload: audit.shows(upload.repository, upload.project),
        )

    def downloads_of_versions(
        self, repository: str, project: str, days: int = 30
    ) -> dict[str, int]:
        """Returns the number of downloads of each version of a project in the last days.

        project: the normalized name of the project.
        days: the number of days, in UTC.

        Raises UnknownRepository.
        """
        require_administrator(self._actor)
        self._counter.flush()
        found = self._named(Catalog(self._database), repository, project)
        assert found is not None  # noqa: S101 - a name was given
        return Usage(self._database).downloads_of_versions(found, project, _days_ago(days - 1))

    def _scope(self, catalog: Catalog, name: str | None) -> Scope:
        """Returns what the actor may be told about one repository, or about all."""
        named = self._named(catalog, name)
        shown = [
            found
            for found in (catalog.repositories() if named is None else [named])
            if self._gate.allows(self._actor, Permission.AUDIT, found)
        ]
        hidden = {found.id: self._hidden(catalog, found) for found in shown}
        return Scope(shown, {id_: names for id_, names in hidden.items() if names})

    def _hidden(self, catalog: Catalog, repository: Repository) -> frozenset[NormalizedName]:
        """Returns the projects of which the actor may not know, also of those that were deleted."""

        def names() -> Iterator[NormalizedName]:
            yield from (found.normalized_name for found in catalog.projects(repository))
            yield from Usage(self._database).downloaded_projects(repository)
            yield from TrashEntries(self._database).projects(repository)

        return self._gate.hidden(self._actor, Permission.AUDIT, repository, names)

    def _named(
        self, catalog: Catalog, name: str | None, project: str | None = None
    ) -> Repository | None:
        if name is None:
            return None
        found = catalog.repository(name)
        return self._gate.admit(self._actor, Permission.AUDIT, name, found, project)


def _days_ago(number: int) -> date:
    return datetime.now(UTC).date() - timedelta(days=number)
