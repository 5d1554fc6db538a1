"""Reports on how upstreams answer and how much they are used."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstream_reports import UpstreamReport, upstream_reports

REPORTED_DAYS = 30
"""Whose use the reports count, today included."""


def reports_on(database: Database, upstreams: Sequence[Upstream]) -> list[UpstreamReport]:
    """Returns how upstreams answer and are used, in their order."""
    since = datetime.now(UTC).date() - timedelta(days=REPORTED_DAYS - 1)
    return upstream_reports(database, upstreams, since)
