"""Lists and pages that are put together from those of several sources."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import ListedFile, ProjectList, ProjectPage, Versioned
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.services.sources.absences import oldest


@dataclass(frozen=True, slots=True)
class Listed:
    """The projects of a source.

    is_shown: whether the reader may see them. Otherwise they only keep their names from later
        sources, from which the reader would not get them.
    """

    projects: Versioned[ProjectList]
    is_shown: bool


def united_lists(
    own: Versioned[ProjectList],
    others: Sequence[Listed],
    configured: RepositorySources,
    closed_names: Callable[[], Collection[NormalizedName]],
) -> Versioned[ProjectList]:
    """Returns the projects of a repository, and those of its sources whose names it lets pass.

    closed_names: a function that returns the names of projects that the repository has without
        listing them, and that no source supplies either.
    """

    def load() -> ProjectList:
        listed = {each.normalized_name: each for each in own.load().projects}
        owned = {*listed, *closed_names()}
        keeps_names = bool(configured.reserved or configured.kept)
        for other in others:
            for project in other.projects.load().projects:
                name = project.normalized_name
                if name in owned or (keeps_names and configured.keeps(name)):
                    continue
                if other.is_shown:
                    listed[name] = project
                if other.is_shown or not configured.merges(name):
                    owned.add(name)
        in_order = tuple(listed[name] for name in sorted(listed))
        return ProjectList(serial=serial, projects=in_order)

    lists = (own, *(other.projects for other in others if other.is_shown))
    serial = sum(each.serial for each in lists)  # grows with each of them
    kept = (configured.reserved, configured.kept)
    return Versioned(
        key=(
            "united",
            (kept, configured.merged),
            own.key,
            *((other.projects.key, other.is_shown) for other in others),
        ),
        serial=serial,
        public=all(each.public for each in lists),
        load=load,
    )


def united_page(pages: Sequence[Versioned[ProjectPage]]) -> Versioned[ProjectPage]:
    """Returns the page of a project that several sources supply together.

    pages: the pages in the order of the sources. Of files with the same name, the first counts. The
        status is that of the first that is not quarantined: such a page has no files.
    """
    return Versioned(
        key=("united", *(page.key for page in pages)),
        serial=sum(page.serial for page in pages),
        public=all(page.public for page in pages),
        load=lambda: _united([page.load() for page in pages]),
        source=", ".join(page.source for page in pages),
        stale_for=oldest(page.stale_for for page in pages),
    )


def _united(pages: Sequence[ProjectPage]) -> ProjectPage:
    files: dict[str, ListedFile] = {}
    for page in pages:
        for file in page.files:
            files.setdefault(file.filename, file)
    first = next((page for page in pages if page.status != "quarantined"), pages[0])
    return replace(
        first,
        serial=sum(page.serial for page in pages),
        versions=tuple(dict.fromkeys(version for page in pages for version in page.versions)),
        files=tuple(files.values()),
    )
