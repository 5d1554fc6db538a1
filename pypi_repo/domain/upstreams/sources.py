"""What is configured for the sources of a repository."""

from collections.abc import Sequence
from dataclasses import dataclass

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.patterns import matches_any
from pypi_repo.domain.upstreams.rules import Rule
from pypi_repo.domain.upstreams.upstream import Upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySources:
    """The sources of a repository, and which names they may supply.

    sources: the upstreams, and the names of other repositories, in the order in which they are
        asked. The repository's own files come before all of them.
    reserved: patterns for names that no source supplies.
    merged: patterns for names that the repository and all its sources supply together.
    kept: names of deleted projects, which no source supplies either.
    rules: rules for what comes from the sources, in their order.
    """

    sources: tuple[Upstream | str, ...] = ()
    reserved: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()

    @property
    def references(self) -> tuple[str, ...]:
        """The sources as texts: `upstream:NAME` or `repository:NAME`."""
        return tuple(
            f"repository:{source}" if isinstance(source, str) else f"upstream:{source.name}"
            for source in self.sources
        )

    @property
    def warning(self) -> str:
        """What is dangerous in the order of the sources, as one sentence; empty if nothing is."""
        first = next((each for each in self.sources if isinstance(each, Upstream)), None)
        if first is None:
            return ""
        behind = [name for name in self.sources[self.sources.index(first) :] if first != name]
        names = [name for name in behind if isinstance(name, str)]
        if not names:
            return ""
        return (
            f"The upstream {first.name} comes before {_repositories(names)}, so it supplies every "
            "name that both have; put upstreams last, or strangers can replace packages of yours."
        )

    def gone_since(self, before: "RepositorySources") -> list[str]:
        """Returns what was configured before and is no more, as sentences.

        Each change replaces all of it, and whoever means to add something may not know that.
        """
        return [
            f"No longer {what}: {', '.join(gone)}."
            for what, had, has in (
                ("a source", before.references, self.references),
                ("reserved", before.reserved, self.reserved),
                ("merged", before.merged, self.merged),
            )
            if (gone := [each for each in had if each not in has])
        ]

    def keeps(self, project: NormalizedName) -> bool:
        """Returns whether a name belongs to the repository even if it has no such project."""
        return project in self.kept or matches_any(self.reserved, project)

    def merges(self, project: NormalizedName) -> bool:
        """Returns whether the repository and all its sources supply a name together."""
        return matches_any(self.merged, project)


def _repositories(names: Sequence[str]) -> str:
    return f"the {'repository' if len(names) == 1 else 'repositories'} {' and '.join(names)}"


def parse_source(text: str) -> tuple[str, str]:
    """Returns `upstream` or `repository`, and the name, of a text such as `upstream:public`.

    Raises InvalidSetting.
    """
    kind, _colon, name = text.partition(":")
    if kind not in ("upstream", "repository") or not name:
        raise InvalidSetting(f"{text[:80]!r} is no source; write upstream:NAME or repository:NAME.")
    return kind, name
