"""Who supplies projects, by the pages that were seen last."""

from collections.abc import Collection, Mapping, Sequence

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.names import NormalizedName
from pypi_repo.services.sources.suppliers import ConfiguredSources, Supplier


def seen_suppliers(
    actor: Actor,
    projects: Sequence[NormalizedName],
    own: Mapping[NormalizedName, Supplier],
    closed: Collection[NormalizedName],
    sources: ConfiguredSources,
) -> dict[NormalizedName, list[Supplier]]:
    """Returns what supplies projects of a repository: as for one page, but nobody is asked.

    Projects that the repository or a source keeps for itself have no suppliers. Those that nobody
    has, as far as this is known, are left out.

    own: the repository itself, for those that it has.
    closed: those that it has, and that are quarantined there.
    """
    configured = sources.configured
    kept = {name for name in projects if configured.keeps(name)}
    seen: dict[NormalizedName, list[Supplier]] = {name: [] for name in kept}
    seen.update({name: [supplier] for name, supplier in own.items()})
    merged = {name for name in projects if configured.merges(name)}.difference(kept, closed)
    asked = [name for name in projects if name not in seen or name in merged]
    for named in sources.sources:
        for name, supplier in named.seen(actor, asked).items() if asked else ():
            suppliers = seen.setdefault(name, [])
            if supplier is not None:
                suppliers.append(supplier)
        asked = [name for name in asked if name not in seen or name in merged]
    return seen
