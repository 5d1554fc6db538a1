"""Finds what a cooldown would have withheld of what was downloaded, or withholds altogether."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from pypi_repo.domain.errors import UnreadablePage
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import ListedFile, ProjectPage, Repository
from pypi_repo.domain.upstreams.explanation import AuditEntry
from pypi_repo.domain.upstreams.pages import decode
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.usage import DownloadCount
from pypi_repo.domain.values.durations import Age
from pypi_repo.services.sources.upstream_source import project_page
from pypi_repo.services.upstreams.screening import Screen
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstream_pages import UpstreamPageRows
from pypi_repo.storage.upstreams import SourcesOfRepositories
from pypi_repo.storage.usage import Usage

_Releases = Mapping[str, Mapping[date, int]]
"""Version -> day -> downloads."""

_LOOKED_AT = 20  # pages, which is enough to know how an upstream is


class CooldownAudit:
    """Compares the downloads of a repository with what is known of its upstreams, without asking.

    now: when it is.
    """

    def __init__(self, database: Database, now: datetime) -> None:
        self._database = database
        self._now = now

    def entries(self, repository: Repository, days: int, cooldown: Age | None) -> list[AuditEntry]:
        """Returns the releases that would have been withheld, those with most downloads first.

        days: how many days are looked at, today included.
        cooldown: the cooldown; None for those that are configured.
        """
        configured = SourcesOfRepositories(self._database).of(repository)
        wanted = self._downloads(repository, configured, self._now.date() - timedelta(days - 1))
        found: list[AuditEntry] = []
        for source in configured.sources:
            if isinstance(source, Upstream):
                screen = Screen.of(repository, configured, source)
                for page in self._pages(source, [*wanted]):
                    # The first source that has a project supplies it, unless the name is merged.
                    merges = configured.merges(page.name)
                    releases = wanted[page.name] if merges else wanted.pop(page.name)
                    found += self._withheld(
                        f"upstream:{source.name}", screen, page, releases, cooldown
                    )
        return sorted(found, key=lambda each: (-each.downloads, each.project, each.version))

    def _downloads(
        self, repository: Repository, configured: RepositorySources, since: date
    ) -> dict[NormalizedName, _Releases]:
        """Returns the downloads of what may come from a source, by project."""
        counts = Usage(self._database).downloads_of_releases(repository, since)
        own = {each.normalized_name for each in Catalog(self._database).projects(repository)}
        return {
            project: releases
            for project, releases in _by_project(counts).items()
            if not configured.keeps(project) and (project not in own or configured.merges(project))
        }

    def _pages(self, upstream: Upstream, projects: list[NormalizedName]) -> Iterator[ProjectPage]:
        rows = UpstreamPageRows(self._database)
        for project, revision, document in rows.documents(upstream, projects):
            with suppress(UnreadablePage):  # it is asked for again when somebody wants it
                yield project_page(project, revision, decode(document))

    def _withheld(
        self,
        source: str,
        screen: Screen,
        page: ProjectPage,
        releases: _Releases,
        cooldown: Age | None,
    ) -> Iterator[AuditEntry]:
        for version, downloads in releases.items():
            files = tuple(file for file in page.files if file.version == version)
            part = replace(page, files=files)
            on_days = {
                day: screen.would_withhold(part, self._end_of(day), cooldown) for day in downloads
            }
            concerned = [day for day, withheld in on_days.items() if withheld]
            if concerned:
                last = max(concerned)
                yield AuditEntry(
                    project=page.name,
                    version=version,
                    source=source,
                    downloads=sum(downloads[day] for day in concerned),
                    last_day=last,
                    withheld=on_days[last],
                    is_whole=len(on_days[last]) == len(files),
                )

    def _end_of(self, day: date) -> datetime:
        """What is not old enough even then was not when it was downloaded."""
        return min(self._now, datetime.combine(day + timedelta(days=1), time(), UTC))


def _by_project(counts: Iterable[DownloadCount]) -> dict[NormalizedName, _Releases]:
    found: dict[NormalizedName, dict[str, dict[date, int]]] = defaultdict(lambda: defaultdict(dict))
    for count in counts:
        found[NormalizedName(count.project)][count.version][count.day] = count.count
    return {**found}


def is_left_out(database: Database, upstream: Upstream, repository: Repository | None) -> bool:
    """Returns whether an enforced cooldown leaves out all files that are known of an upstream.

    That is so if none of them has an upload time, and they do not count from when they were first
    seen. The upstream is not asked.

    repository: a repository that has it among its sources, whose cooldown comes first; None for the
        upstream's own.
    """
    cooldown, mode = upstream.cooldown, upstream.cooldown_mode
    if repository is not None:
        cooldown = repository.cooldown if repository.cooldown is not None else cooldown
        mode = repository.cooldown_mode if repository.cooldown_mode is not None else mode
    if cooldown is None or mode != "enforce" or upstream.first_seen:
        return False
    dates = [file.uploaded_at for file in _files(database, upstream)]
    return bool(dates) and not any(dates)


def _files(database: Database, upstream: Upstream) -> Iterator[ListedFile]:
    rows = UpstreamPageRows(database)
    known = rows.projects(upstream)[:_LOOKED_AT]
    for project, revision, document in rows.documents(upstream, known):
        try:
            yield from project_page(project, revision, decode(document)).files
        except UnreadablePage:  # it is asked for again when somebody wants it
            continue
