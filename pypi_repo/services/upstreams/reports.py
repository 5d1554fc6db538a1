"""Reports on how upstreams answer and how much they are used."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.services.sources.readers import Readers
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstream_reports import UpstreamReport, upstream_reports

REPORTED_DAYS = 30
"""Whose use the reports count, today included."""


def reports_on(
    database: Database, readers: Readers, upstreams: Sequence[Upstream]
) -> list[UpstreamReport]:
    """Returns how upstreams answer and are used, in their order.

    readers: those of this process, who know whether it asks an upstream.
    """
    since = datetime.now(UTC).date() - timedelta(days=REPORTED_DAYS - 1)
    return [
        replace(report, is_asked_seldom=readers.asks_seldom(report.upstream))
        for report in upstream_reports(database, upstreams, since)
    ]
