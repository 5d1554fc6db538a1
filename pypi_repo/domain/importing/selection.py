"""Which projects of a source are imported."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.patterns import matches_any, name_pattern


@dataclass(frozen=True, slots=True)
class Selection:
    """Names of projects, and patterns for them such as `acme-*`.

    names: names without a `*`, normalized.
    patterns: the others, in the form of `name_pattern`.
    """

    names: frozenset[NormalizedName]
    patterns: frozenset[str]

    @classmethod
    def of(cls, lines: Iterable[str]) -> Self:
        """Reads names and patterns, one in each line. Comments begin with `#`.

        Raises InvalidSetting for a line that matches no project.
        """
        texts = (line.partition("#")[0].strip() for line in lines)
        wanted = {name_pattern(text) for text in texts if text}
        names = frozenset(NormalizedName(text) for text in wanted if "*" not in text)
        return cls(names, frozenset(wanted) - names)

    def has(self, project: NormalizedName) -> bool:
        """Returns whether a project is one of them."""
        return project in self.names or matches_any(self.patterns, project)


EVERYTHING = Selection(frozenset(), frozenset({"*"}))
"""All projects."""
