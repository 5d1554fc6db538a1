"""What is known of upstreams: how they answered, what of them is cached, and how it is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from pypi_repo.domain.upstreams.cached_file import CacheUse
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.storage.cached_files import SIZE_IN_ALL
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.tables import repositories
from pypi_repo.storage.database.upstream_tables import (
    cached_files,
    repository_sources,
    upstream_usage,
    upstreams,
)
from pypi_repo.storage.upstreams import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamReport:
    """What is known of an upstream.

    users: the names of the repositories that have it among their sources, sorted.
    cached_files: the number of its files that are cached.
    cached_size: the size of these files together and of what is cached beside them, in bytes.
    hits: the downloads of its files for which nothing had to be fetched, in the days of the report.
    misses: the other downloads in these days.
    fetched: the bytes that were fetched of its files in these days.
    is_asked_seldom: whether this process asks it every 30 seconds only, because it has failed five
        times in a row.
    """

    upstream: Upstream
    health: Health
    users: tuple[str, ...]
    cached_files: int
    cached_size: int
    hits: int
    misses: int
    fetched: int
    is_asked_seldom: bool = False

    @property
    def hit_rate(self) -> float | None:
        """The part of the downloads that are hits, from 0 to 1; None if there are none."""
        downloads = self.hits + self.misses
        return self.hits / downloads if downloads else None


def upstream_reports(
    executor: Executor, found: Sequence[Upstream], since: date
) -> list[UpstreamReport]:
    """Returns what is known of upstreams, in their order, by two statements however many they are.

    since: the first day, in UTC, whose use is counted.
    """
    if not found:
        return []
    ids = [upstream.id for upstream in found]
    cached = (
        select(
            cached_files.c.upstream_id,
            func.count(cached_files.c.size).label("files"),
            func.sum(SIZE_IN_ALL).label("size"),
        )
        .group_by(cached_files.c.upstream_id)
        .subquery()
    )
    used = (
        select(
            upstream_usage.c.upstream_id,
            func.sum(upstream_usage.c.downloads).label("downloads"),
            func.sum(upstream_usage.c.fetches).label("fetches"),
            func.sum(upstream_usage.c.fetched).label("fetched"),
        )
        .where(upstream_usage.c.day >= since)
        .group_by(upstream_usage.c.upstream_id)
        .subquery()
    )
    numbers = (cached.c.files, cached.c.size, used.c.downloads, used.c.fetches, used.c.fetched)
    health = (upstreams.c.answered_at, upstreams.c.failing_since, upstreams.c.failure)
    rows = executor.execute(
        select(upstreams.c.id, *health, *numbers)
        .outerjoin(cached, cached.c.upstream_id == upstreams.c.id)
        .outerjoin(used, used.c.upstream_id == upstreams.c.id)
        .where(upstreams.c.id.in_(ids))
    )
    known = {row[0]: row[1:] for row in rows}
    users = _users(executor, ids)
    reports = []
    for upstream in found:
        answered_at, failing_since, failure, *counts = known.get(upstream.id, (None,) * 8)
        files, size, *used_so_far = (int(count or 0) for count in counts)
        use = CacheUse(*used_so_far)
        reports.append(
            UpstreamReport(
                upstream=upstream,
                health=Health(
                    answered_at=answered_at, failing_since=failing_since, failure=failure or ""
                ),
                users=tuple(users.get(upstream.id, ())),
                cached_files=files,
                cached_size=size,
                hits=use.hits,
                misses=use.downloads - use.hits,
                fetched=use.fetched,
            )
        )
    return reports


def _users(executor: Executor, ids: Sequence[int]) -> dict[int, list[str]]:
    rows = executor.execute(
        select(repository_sources.c.upstream_id, repositories.c.name)
        .join(repositories, repositories.c.id == repository_sources.c.repository_id)
        .where(repository_sources.c.upstream_id.in_(ids))
        .order_by(repositories.c.name)
    )
    users: dict[int, list[str]] = {}
    for upstream_id, name in rows:
        users.setdefault(upstream_id, []).append(name)
    return users
