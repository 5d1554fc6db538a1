"""What repository users may do with packages, by repository and by the name of the project."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Self

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.patterns import matches, matches_any


class Access(IntEnum):
    """What a repository user may do with packages. Each level includes the lower levels."""

    NONE = 0
    """Nothing that is not public."""

    READ = 1
    """See the index and download files."""

    WRITE = 2
    """Also upload files."""


@dataclass(frozen=True, slots=True)
class Grants:
    """The access of a user or a group to repositories, and to single projects in them.

    everywhere: the access to every repository that `named` does not contain.
    named: the access to single repositories, by their names.
    patterns: the access to projects, by the name of the repository and a pattern for normalized
        names, such as `("main", "acme-*")`. It adds to the access to the repository, and never
        takes anything away.
    within: patterns for normalized names, to which all of this is limited, as that of a token is;
        empty for no limit.
    """

    everywhere: Access = Access.NONE
    named: Mapping[str, Access] = field(default_factory=dict)
    patterns: Mapping[tuple[str, str], Access] = field(default_factory=dict)
    within: tuple[str, ...] = ()

    def on(self, repository: str, project: str | None = None) -> Access:
        """Returns the access to a project.

        project: the normalized name; None for the widest access to any project of the repository.
        """
        access = self.named.get(repository, self.everywhere)
        if not self.patterns and not self.within:
            return access
        if project is not None and not self.reaches(project):
            return Access.NONE
        for (where, pattern), given in self.patterns.items():
            if where == repository and given > access and _applies(pattern, project):
                access = given
        return access

    def reaches(self, project: str) -> bool:
        """Returns whether a project lies within the limit.

        project: the normalized name.
        """
        return not self.within or matches_any(self.within, _name(project))

    def treat_projects_alike(self, repository: str, needed: Access) -> bool:
        """Returns whether either all projects of a repository have this access, or none has it."""
        if not self.patterns and not self.within:
            return True
        if self.named.get(repository, self.everywhere) >= needed:
            return not self.within
        return self.on(repository) < needed

    def capped(self, ceiling: Access) -> Self:
        """Returns the same grants, limited to the level `ceiling`."""
        return replace(
            self,
            everywhere=min(self.everywhere, ceiling),
            named={name: min(access, ceiling) for name, access in self.named.items()},
            patterns={key: min(access, ceiling) for key, access in self.patterns.items()},
        )

    def only(self, repository: str) -> Self:
        """Returns the same grants, limited to one repository."""
        named = {repository: self.named.get(repository, self.everywhere)}
        only = self.among(lambda name: name == repository)
        return replace(only, everywhere=Access.NONE, named=named)

    def limited_to(self, projects: tuple[str, ...]) -> Self:
        """Returns the same grants, limited to the projects that these patterns match."""
        return replace(self, within=projects)

    def among(self, includes: Callable[[str], bool]) -> Self:
        """Returns the same grants, without those on repositories that are not included.

        includes: a function that takes the name of a repository.
        """
        return replace(
            self,
            named={name: access for name, access in self.named.items() if includes(name)},
            patterns={key: access for key, access in self.patterns.items() if includes(key[0])},
        )

    @classmethod
    def widest(cls, several: Iterable["Grants"]) -> "Grants":
        """Returns what several grants without a limit (`within`) give together."""
        every = list(several)
        if len(every) == 1:
            return every[0]
        patterns: dict[tuple[str, str], Access] = {}
        for grants in every:
            for key, access in grants.patterns.items():
                patterns[key] = max(access, patterns.get(key, Access.NONE))
        return cls(
            everywhere=max((grants.everywhere for grants in every), default=Access.NONE),
            named={
                name: max(grants.named.get(name, grants.everywhere) for grants in every)
                for name in {name for grants in every for name in grants.named}
            },
            patterns=patterns,
        )


def _applies(pattern: str, project: str | None) -> bool:
    return project is None or matches(pattern, _name(project))


def _name(project: str) -> NormalizedName:
    return NormalizedName(project)
