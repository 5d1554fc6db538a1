"""What is known of upstreams: how they answered, what of them is cached, and how it is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from pypi_repo.domain.upstreams.upstream import Upstream
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
    cached_size: the size of these files together, in bytes.
    hits: how often one of its files was asked for and was cached, in the days of the report.
    misses: how often one was asked for and was not cached, in these days.
    fetched: the bytes that were fetched of its files in these days.
    """

    upstream: Upstream
    health: Health
    users: tuple[str, ...]
    cached_files: int
    cached_size: int
    hits: int
    misses: int
    fetched: int

    @property
    def hit_rate(self) -> float | None:
        """The part of the files asked for that were cached, from 0 to 1; None if none were."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


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
            func.count().label("files"),
            func.sum(cached_files.c.size).label("size"),
        )
        .group_by(cached_files.c.upstream_id)
        .subquery()
    )
    used = (
        select(
            upstream_usage.c.upstream_id,
            func.sum(upstream_usage.c.hits).label("hits"),
            func.sum(upstream_usage.c.misses).label("misses"),
            func.sum(upstream_usage.c.fetched).label("fetched"),
        )
        .where(upstream_usage.c.day >= since)
        .group_by(upstream_usage.c.upstream_id)
        .subquery()
    )
    numbers = (cached.c.files, cached.c.size, used.c.hits, used.c.misses, used.c.fetched)
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
        files, size, hits, misses, fetched = (int(count or 0) for count in counts)
        reports.append(
            UpstreamReport(
                upstream=upstream,
                health=Health(
                    answered_at=answered_at, failing_since=failing_since, failure=failure or ""
                ),
                users=tuple(users.get(upstream.id, ())),
                cached_files=files,
                cached_size=size,
                hits=hits,
                misses=misses,
                fetched=fetched,
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
