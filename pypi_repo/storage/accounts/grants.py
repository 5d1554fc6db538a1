"""Grants as rows, for users and for groups."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.records import Repository


class GrantRow(NamedTuple):
    """A row of `grants` or `group_grants`, without whom it belongs to.

    pattern: the pattern for projects; empty for the whole repository.
    """

    repository_id: int
    pattern: str
    access: int


def to_grants(everywhere: int, rows: Iterable[Sequence[Any]]) -> Grants:
    """Returns the grants in rows of repository, pattern and access, or of NULLs where none is."""
    named: dict[str, Access] = {}
    patterns: dict[tuple[str, str], Access] = {}
    for repository, pattern, access in rows:
        if repository is None:
            continue
        if pattern:
            patterns[repository, pattern] = Access(access)
        else:
            named[repository] = Access(access)
    return Grants(Access(everywhere), named, patterns)


def to_rows(grants: Grants, repositories: Mapping[str, Repository]) -> list[GrantRow]:
    """Returns the rows of grants on repositories, which are given by their names."""
    return [
        *(
            GrantRow(repositories[name].id, "", int(access))
            for name, access in grants.named.items()
        ),
        *(
            GrantRow(repositories[name].id, pattern, int(access))
            for (name, pattern), access in grants.patterns.items()
        ),
    ]
