"""What is measured of chores, which is the same for all processes."""

from collections.abc import Callable, Sequence

from pypi_repo.domain.errors import RegistryError
from pypi_repo.services.chores.reports import ChoreReport
from pypi_repo.web.observability.metrics import MetricFamily, gauge_family


def chore_metrics(reports: Callable[[], Sequence[ChoreReport]]) -> list[MetricFamily]:
    """Returns the metrics of the last runs of chores, or none if the database cannot be used."""
    try:
        every = reports()
    except RegistryError:
        return []
    return [
        gauge_family(
            "pypi_repo_chore_last_run_timestamp_seconds",
            "When the last run of a chore ended.",
            ("chore",),
            {
                (each.name,): each.ended_at.timestamp()
                for each in every
                if each.ended_at is not None
            },
        ),
        gauge_family(
            "pypi_repo_chore_last_run_duration_seconds",
            "How long the last run of a chore took.",
            ("chore",),
            {(each.name,): each.took.total_seconds() for each in every if each.took is not None},
        ),
        gauge_family(
            "pypi_repo_chore_failed",
            "Whether the last run of a chore failed.",
            ("chore",),
            {(each.name,): int(each.failure is not None) for each in every},
        ),
    ]
