"""Explains what a repository user may do, and why."""

from collections.abc import Iterator
from dataclasses import dataclass

from pypi_repo.domain.accounts.accounts import Account
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.patterns import matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One reason why a user has access.

    group: the name of the group that gives it; None for what is given to the user itself.
    repository: the name of the repository for which it is given; None for all repositories.
    pattern: the pattern for projects for which it is given; None for all projects.
    """

    group: str | None
    repository: str | None
    pattern: str | None
    access: Access


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsExplanation:
    """What a user may do with a project of a repository, or with the repository, and why.

    project: the normalized name; None for the repository as a whole.
    access: what the user may do by its grants and those of its groups.
    rights: every right that applies, the widest first.
    is_public: whether everybody may read the repository.
    disabled: whether all requests of the user are refused.
    """

    user: str
    repository: str
    project: NormalizedName | None
    access: Access
    rights: tuple[Right, ...]
    is_public: bool
    disabled: bool

    @property
    def may_read(self) -> bool:
        """Whether the user may install the project."""
        return not self.disabled and (self.is_public or self.access >= Access.READ)

    @property
    def may_upload(self) -> bool:
        """Whether the user may upload files of the project."""
        return not self.disabled and self.access >= Access.WRITE


def rights_of(
    account: Account, repository: str, project: NormalizedName | None
) -> tuple[Right, ...]:
    """Returns every right of a user that applies to a project, the widest first.

    project: the normalized name; None for all rights in the repository.
    """
    found = [*_applying(account.grants, None, repository, project)]
    for group, grants in sorted(account.groups.items()):
        found += _applying(grants, group, repository, project)
    return tuple(sorted(found, key=lambda right: -right.access))


def _applying(
    grants: Grants, group: str | None, repository: str, project: NormalizedName | None
) -> Iterator[Right]:
    if repository in grants.named:
        access = grants.named[repository]
        yield Right(group=group, repository=repository, pattern=None, access=access)
    elif grants.everywhere:
        yield Right(group=group, repository=None, pattern=None, access=grants.everywhere)
    for (where, pattern), access in grants.patterns.items():
        if where == repository and (project is None or matches(pattern, project)):
            yield Right(group=group, repository=where, pattern=pattern, access=access)
