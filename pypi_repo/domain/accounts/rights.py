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

    @property
    def sentence(self) -> str:
        """What is given, to whom and where, as a sentence."""
        given = {Access.NONE: "no", Access.READ: "read", Access.WRITE: "read and write"}
        whom = "The user itself" if self.group is None else f"Group {self.group}"
        where = "every repository"
        if self.repository is not None:
            where = f"repository {self.repository}"
        if self.pattern is not None:
            where = f"projects {self.pattern} of {where}"
        return f"{whom} has {given[self.access]} access to {where}."


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

    def sentences(self) -> list[str]:
        """Returns the whole explanation as sentences, the conclusion first."""
        what = "read it and upload to it" if self.may_upload else "read it, and not upload to it"
        if not self.may_read:
            what = "neither read it nor upload to it"
        where = f"Repository {self.repository}"
        if self.project is not None:
            where = f"Project {self.project} of repository {self.repository}"
        elif self.rights and any(right.pattern is not None for right in self.rights):
            where += ", or at least some projects of it"
        told = [f"{where}: {self.user} may {what}."]
        if self.disabled:
            told.append("The user is disabled, so all its requests are refused.")
        if self.is_public:
            told.append("The repository is public, so everybody may read it.")
        told += [right.sentence for right in self.rights]
        if not self.rights:
            told.append("Neither the user nor a group of it has been given anything there.")
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRights:
    """What a user may do in a repository that it may read, as the access policy answers.

    may_upload: whether the user may upload files of at least some projects.
    reads_some: whether the user may read some projects and not others.
    uploads_some: whether the user may upload to some projects and not to others.
    is_public: whether everybody may read the repository.
    rights: why, the widest first; empty where a policy of the host decides.
    """

    repository: str
    may_upload: bool
    reads_some: bool
    uploads_some: bool
    is_public: bool
    rights: tuple[Right, ...]

    @property
    def sentence(self) -> str:
        """What follows "you may"."""
        install = "install some projects" if self.reads_some else "install"
        if not self.may_upload:
            return install
        if not self.uploads_some:
            return "install and publish"
        if self.reads_some:
            return "install and publish some projects"
        return "install, and publish some projects"


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
