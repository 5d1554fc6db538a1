"""What is measured of a process itself."""

from collections.abc import Mapping

from pypi_repo.web.observability.logs import dropped_lines
from pypi_repo.web.observability.metrics import MetricFamily, family_by_label


def process_metrics(
    connections: Mapping[str, int], file_cache: Mapping[str, int]
) -> tuple[MetricFamily, ...]:
    """Returns the metrics of what a process holds.

    connections: the numbers of connections to the database, by their state.
    file_cache: the bytes of small files in memory, and how many they may be.
    """
    return (
        family_by_label(
            "pypi_repo_database_connections",
            "Connections to the database.",
            "gauge",
            "state",
            connections,
        ),
        family_by_label(
            "pypi_repo_file_cache_bytes",
            "Size of the small files in memory, and what it may be.",
            "gauge",
            "kind",
            file_cache,
        ),
        family_by_label(
            "pypi_repo_log_lines_dropped_total",
            "Lines of the log that were not written.",
            "counter",
            "reason",
            dropped_lines(),
        ),
    )
