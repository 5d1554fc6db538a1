"""Looks up users and groups by the names that somebody has typed."""

from pypi_repo.domain.accounts.accounts import Account, Group
from pypi_repo.domain.accounts.errors import UnknownAccount, UnknownGroup
from pypi_repo.storage.accounts.groups import GroupRows
from pypi_repo.storage.accounts.users import Users


def known_user(users: Users, name: str) -> Account:
    """Returns a user, or raises UnknownAccount."""
    user = users.user(name.lower())
    if user is None:
        raise _unknown_user(name)
    return user


def locked_user(users: Users, name: str) -> Account:
    """Returns a user, whom others cannot change or delete until the commit.

    Who locks users and groups locks users first, each in the order of their names.

    Raises UnknownAccount.
    """
    user = users.lock(name.lower())
    if user is None:
        raise _unknown_user(name)
    return user


def known_group(stored: GroupRows, name: str) -> Group:
    """Returns a group, or raises UnknownGroup."""
    found = stored.groups(name.lower())
    if not found:
        raise _unknown_group(name)
    return found[0]


def locked_groups(stored: GroupRows, *names: str) -> list[int]:
    """Returns the ids of groups, which others cannot change or delete until the commit.

    Raises UnknownGroup.
    """
    found = stored.lock(*(name.lower() for name in names))
    for name in names:
        if name.lower() not in found:
            raise _unknown_group(name)
    return list(found.values())


def _unknown_user(name: str) -> UnknownAccount:
    return UnknownAccount(f"There is no repository user {name!r}; check the name.")


def _unknown_group(name: str) -> UnknownGroup:
    return UnknownGroup(f"There is no group {name[:100]!r}; check the name.")
