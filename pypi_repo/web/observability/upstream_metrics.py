"""What is measured of upstreams."""

from pypi_repo.services.upstreams.files import UpstreamFiles
from pypi_repo.services.upstreams.pages import UpstreamPages
from pypi_repo.web.observability.metrics import MetricFamily, counter_family, family_by_label


def upstream_metrics(pages: UpstreamPages, files: UpstreamFiles) -> tuple[MetricFamily, ...]:
    """Returns the metrics of the pages and the files of all upstreams of a registry."""
    return (
        counter_family(
            "pypi_repo_upstream_pages_total",
            "Pages that upstreams were asked for, by what came of it.",
            ("upstream", "result"),
            pages.requests.outcomes(),
        ),
        family_by_label(
            "pypi_repo_upstream_fetches_total",
            "Files of upstreams that were fetched whole, or in part, and those that could not be.",
            "counter",
            "result",
            files.results(),
        ),
        counter_family(
            "pypi_repo_upstream_fetched_bytes_total",
            "Bytes of files that came from upstreams.",
            (),
            {(): files.fetched_bytes()},
        ),
    )
