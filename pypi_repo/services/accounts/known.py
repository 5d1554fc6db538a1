"""Looks up users and groups by the names that somebody has typed."""

from pypi_repo.domain.accounts.accounts import Account, Group
from pypi_repo.domain.accounts.errors import UnknownGroup
from pypi_repo.domain.errors import UnknownAccount
from pypi_repo.storage.accounts.groups import GroupShelf
from pypi_repo.storage.accounts.users import Users


def known_user(users: Users, name: str) -> Account:
    """Returns a user, or raises UnknownAccount."""
    user = users.user(name.lower())
    if user is None:
        raise UnknownAccount(f"There is no repository user {name!r}; check the name.")
    return user


def known_group(shelf: GroupShelf, name: str) -> Group:
    """Returns a group, or raises UnknownGroup."""
    found = shelf.groups(name.lower())
    if not found:
        raise _unknown_group(name)
    return found[0]


def known_group_id(shelf: GroupShelf, name: str) -> int:
    """Returns the id of a group, or raises UnknownGroup."""
    found = shelf.id_of(name.lower())
    if found is None:
        raise _unknown_group(name)
    return found


def _unknown_group(name: str) -> UnknownGroup:
    return UnknownGroup(f"There is no group {name[:100]!r}; check the name.")
