"""Lists that are put together from those of several sources."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.pages.summaries import NewestRelease
from pypi_repo.domain.records import ProjectSummary
from pypi_repo.services.sources.source import REFUSED, Source


def supplied_summaries(
    actor: Actor, owners: Mapping[NormalizedName, Source]
) -> dict[NormalizedName, ProjectSummary]:
    """Returns what each source says of the projects that it supplies."""
    found: dict[NormalizedName, ProjectSummary] = {}
    for source in {id(source): source for source in owners.values()}.values():
        names = [name for name, owner in owners.items() if owner is source]
        found.update(source.summaries(actor, names))
    return found


def releases_of(
    actor: Actor, sources: Sequence[Source], limit: int
) -> list[tuple[Source, Sequence[NewestRelease]]]:
    """Returns the newest releases of each source that the actor may read."""
    found: list[tuple[Source, Sequence[NewestRelease]]] = []
    for source in sources:
        with suppress(*REFUSED):
            found.append((source, source.newest_releases(actor, limit)))
    return found


def united_releases(
    found: Sequence[tuple[Source, Sequence[NewestRelease]]],
    owners: Callable[[Sequence[NormalizedName]], Mapping[NormalizedName, Source | None]],
    limit: int,
) -> list[NewestRelease]:
    """Returns the newest of the releases that come from the source that supplies the project.

    owners: a function that returns which source supplies each project.
    """
    names = {release.normalized_name for _source, releases in found for release in releases}
    owned = owners(sorted(names))
    shown = [
        release
        for source, releases in found
        for release in releases
        if owned.get(release.normalized_name) is source
    ]
    return sorted(shown, key=lambda release: release.uploaded_at, reverse=True)[:limit]
