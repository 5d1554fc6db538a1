"""What pages say of their projects, as lists show it."""

from collections.abc import Mapping

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.pages.summaries import summary_of
from pypi_repo.domain.records import ProjectPage, ProjectSummary, Versioned
from pypi_repo.services.lru_cache import SharedCache

_KEPT = 50_000


class PageSummaries:
    """Reads pages that have thousands of files, each once.

    The keys of all pages identify their content, whatever source they come from.
    """

    def __init__(self) -> None:
        self._kept: SharedCache[ProjectSummary] = SharedCache(_KEPT)

    def of(
        self, pages: Mapping[NormalizedName, Versioned[ProjectPage] | None]
    ) -> dict[NormalizedName, ProjectSummary]:
        """Returns what the pages say of their projects; nothing of those that are not read."""
        return {name: self._of_page(page) for name, page in pages.items() if page is not None}

    def _of_page(self, page: Versioned[ProjectPage]) -> ProjectSummary:
        return self._kept.get_or_make(page.key, lambda: summary_of(page.load()))
