"""Manages groups of repository users."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import Actor, Area, require_area
from pypi_repo.domain.accounts.accounts import Group
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.errors import NameTaken
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.text import require_line
from pypi_repo.services.accounts.grant_editor import GrantEditor
from pypi_repo.services.accounts.known import known_group, locked_groups, locked_user
from pypi_repo.services.gate import Gate
from pypi_repo.storage.accounts.groups import GroupRows
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.journal import Journal


class Groups:
    """Manages groups of repository users. Each member of a group has its access, besides its own.

    All methods raise PermissionDenied unless the actor is the operator or an administrator with the
    area `users`.

    Access to repositories that the policy hides from the actor (`Permission.AUDIT`) is neither
    shown nor changed.
    """

    def __init__(self, actor: Actor, database: Database, gate: Gate) -> None:
        self._actor = actor
        self._database = database
        self._editor = GrantEditor(actor, gate)

    def create(
        self,
        name: str,
        *,
        description: str = "",
        everywhere: Access = Access.NONE,
        named: Mapping[str, Access] | None = None,
        patterns: Mapping[tuple[str, str], Access] | None = None,
    ) -> None:
        """Creates a group without members.

        everywhere: the access to all repositories that `named` does not contain.
        named: the access to single repositories, by their names.
        patterns: more access to projects, by the name of the repository and a pattern for names,
            such as `("main", "acme-*")`.

        Raises InvalidName, NameTaken, PermissionDenied, UnknownRepository, or InvalidSetting for a
        pattern.
        """
        require_area(self._actor, Area.USERS)
        name = repository_name(name, "group")
        require_line(description)
        grants = Grants(everywhere, named or {}, patterns or {})
        with self._database.begin() as connection:
            stored = GroupRows(connection)
            group_id = stored.add_group(name, description, datetime.now(UTC))
            if group_id is None:
                raise NameTaken(f"There is a group {name!r} already; choose another name.")
            rows = self._editor.rows(connection, grants, Grants())
            stored.set_grants(group_id, grants.everywhere, rows)
            self._record(Journal(connection), "create group", name)

    def all(self) -> list[Group]:
        """Returns all groups, sorted by name."""
        require_area(self._actor, Area.USERS)
        return self._shown(GroupRows(self._database).groups())

    def get(self, name: str) -> Group:
        """Returns a group.

        Raises UnknownGroup.
        """
        require_area(self._actor, Area.USERS)
        return self._shown([known_group(GroupRows(self._database), name)])[0]

    def change(
        self,
        name: str,
        *,
        description: str | None = None,
        grants: Grants | None = None,
    ) -> None:
        """Changes a group, from the next requests of its members on. All changes are made, or none.

        An argument that is None changes nothing.

        grants: what members may read and write, which replaces everything that the actor sees of
            it.

        Raises UnknownGroup, PermissionDenied, UnknownRepository, or InvalidSetting for a pattern.
        """
        require_area(self._actor, Area.USERS)
        if description is not None:
            require_line(description)
        with self._database.begin() as connection:
            stored, journal = GroupRows(connection), Journal(connection)
            (group_id,) = locked_groups(stored, name)
            group = known_group(stored, name)
            if description is not None and description != group.description:
                stored.set_description(group_id, description)
                self._record(journal, "change description of group", group.name)
            shown = group.grants.among(self._editor.audit(connection).shows)
            if grants is not None and grants != shown:
                rows = self._editor.rows(connection, grants, group.grants)
                stored.set_grants(group_id, grants.everywhere, rows)
                self._record(journal, "change access of group", group.name)

    def delete(self, name: str) -> None:
        """Deletes a group. Its members lose what it gave them, and stay users.

        Raises UnknownGroup.
        """
        require_area(self._actor, Area.USERS)
        with self._database.begin() as connection:
            stored = GroupRows(connection)
            (group_id,) = locked_groups(stored, name)
            stored.delete_group(group_id)
            self._record(Journal(connection), "delete group", name.lower())

    def add_members(self, name: str, users: Iterable[str]) -> None:
        """Adds users to a group. Those that are in it already stay.

        Raises UnknownGroup or UnknownAccount.
        """
        self._set_members(name, add=users)

    def remove_members(self, name: str, users: Iterable[str]) -> None:
        """Removes users from a group. Those that are not in it do not matter.

        Raises UnknownGroup or UnknownAccount.
        """
        self._set_members(name, remove=users)

    def _set_members(
        self, name: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        require_area(self._actor, Area.USERS)
        with self._database.begin() as connection:
            stored, users, journal = GroupRows(connection), Users(connection), Journal(connection)
            added, removed = _locked(users, add), _locked(users, remove)
            (group_id,) = locked_groups(stored, name)
            members = stored.member_ids(group_id)
            stored.add_members(group_id, added.keys() - members)
            stored.remove_members(group_id, removed.keys() & members)
            for user_id in sorted(added.keys() - members):
                self._record(journal, "add user to group", name.lower(), added[user_id])
            for user_id in sorted(removed.keys() & members):
                self._record(journal, "remove user from group", name.lower(), removed[user_id])

    def _shown(self, groups: Iterable[Group]) -> list[Group]:
        """Returns groups without their access to repositories that the actor may not see."""
        audit = self._editor.audit(self._database)
        return [replace(group, grants=group.grants.among(audit.shows)) for group in groups]

    def _record(self, journal: Journal, action: str, group: str, user: str | None = None) -> None:
        detail = {"group": group} if user is None else {"group": group, "account": user}
        journal.record(JournalEntry.by(self._actor, action, detail=detail))


def set_groups(stored: GroupRows, user_id: int, names: Collection[str]) -> bool:
    """Makes these groups those of a user, and no others. Returns whether anything has changed.

    Raises UnknownGroup.
    """
    wanted = set(locked_groups(stored, *names))
    before = stored.groups_of(user_id)
    for group_id in sorted(wanted - before):
        stored.add_members(group_id, [user_id])
    for group_id in sorted(before - wanted):
        stored.remove_members(group_id, [user_id])
    return wanted != before


def set_groups_among(
    stored: GroupRows, user_id: int, wanted: Collection[str], among: Collection[str]
) -> tuple[list[str], list[str]]:
    """Makes those of some groups that are wanted groups of a user, and the others of them not.

    Groups that do not exist do not matter.

    Returns the names of the groups that were joined, and of those that were left.
    """
    ids = stored.lock(*among)
    before = stored.groups_of(user_id)
    joined = [name for name in ids if name in wanted and ids[name] not in before]
    left = [name for name in ids if name not in wanted and ids[name] in before]
    for name in joined:
        stored.add_members(ids[name], [user_id])
    for name in left:
        stored.remove_members(ids[name], [user_id])
    return joined, left


def _locked(users: Users, names: Iterable[str]) -> dict[int, str]:
    """The names of users, by their ids."""
    found = [locked_user(users, name) for name in sorted(names, key=str.lower)]
    return {user.id: user.name for user in found}
