"""Statements about groups of repository users."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pypi_repo.domain.accounts.accounts import Group
from pypi_repo.domain.accounts.grants import Access
from pypi_repo.storage.accounts.grants import GrantRow, to_grants
from pypi_repo.storage.database.account_tables import group_grants, group_members, groups
from pypi_repo.storage.database.executor import Executor, within_transaction
from pypi_repo.storage.database.rows import lookup
from pypi_repo.storage.database.tables import repositories, users


class GroupRows:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def groups(self, *names: str) -> list[Group]:
        """Returns the groups with these names, or all groups, sorted by name."""
        wanted = [groups.c.name.in_([lookup(name) for name in names])] if names else []
        rows = self._executor.execute(
            select(
                groups.c.name,
                groups.c.description,
                groups.c.created_at,
                groups.c.everywhere,
                repositories.c.name,
                group_grants.c.pattern,
                group_grants.c.access,
            )
            .outerjoin_from(groups, group_grants, group_grants.c.group_id == groups.c.id)
            .outerjoin(repositories, repositories.c.id == group_grants.c.repository_id)
            .where(*wanted)
            .order_by(groups.c.name, repositories.c.name, group_grants.c.pattern)
        )
        by_name: dict[str, list[Sequence[Any]]] = {}
        for row in rows:
            by_name.setdefault(row[0], []).append(row)
        memberships = self._executor.execute(
            select(groups.c.name, users.c.name)
            .join_from(group_members, groups, groups.c.id == group_members.c.group_id)
            .join(users, users.c.id == group_members.c.user_id)
            .where(*wanted)
            .order_by(users.c.name)
        )
        members: dict[str, list[str]] = {}
        for group, user in memberships:
            members.setdefault(group, []).append(user)
        return [
            Group(
                name=name,
                description=own[0][1],
                created_at=own[0][2],
                grants=to_grants(own[0][3], [row[-3:] for row in own]),
                members=tuple(members.get(name, ())),
            )
            for name, own in by_name.items()
        ]

    def lock(self, *names: str) -> dict[str, int]:
        """Returns the ids of those of the groups that exist, by their names.

        Others cannot change or delete them, or change their members, until the commit.
        """
        found = within_transaction(self._executor).execute(
            select(groups.c.name, groups.c.id)
            .where(groups.c.name.in_([lookup(name) for name in names]))
            .order_by(groups.c.name)
            .with_for_update(key_share=True)
        )
        return {name: int(group_id) for name, group_id in found}

    def groups_of(self, user_id: int) -> set[int]:
        """Returns the ids of the groups of a user."""
        found = self._executor.execute(
            select(group_members.c.group_id).where(group_members.c.user_id == user_id)
        )
        return set(found.scalars())

    def add_group(self, name: str, description: str, at: datetime) -> int | None:
        """Adds a group without access, and returns its id.

        Returns None if the name is taken. The transaction cannot be used any more then.
        """
        try:
            added = self._executor.execute(
                insert(groups)
                .values(name=name, description=description, everywhere=0, created_at=at)
                .returning(groups.c.id)
            )
        except IntegrityError:
            return None
        return int(added.scalar_one())

    def set_description(self, group_id: int, description: str) -> None:
        """Replaces the description of a group."""
        self._executor.execute(
            update(groups).where(groups.c.id == group_id).values(description=description)
        )

    def set_grants(self, group_id: int, everywhere: Access, rows: Iterable[GrantRow]) -> None:
        """Replaces the grants of a group."""
        self._executor.execute(
            update(groups).where(groups.c.id == group_id).values(everywhere=int(everywhere))
        )
        self._executor.execute(delete(group_grants).where(group_grants.c.group_id == group_id))
        for row in rows:
            self._executor.execute(insert(group_grants).values(group_id=group_id, **row._asdict()))

    def delete_group(self, group_id: int) -> None:
        """Deletes a group. Its members lose what it gave them."""
        self._executor.execute(delete(groups).where(groups.c.id == group_id))

    def member_ids(self, group_id: int) -> set[int]:
        """Returns the ids of the users in a group."""
        found = self._executor.execute(
            select(group_members.c.user_id).where(group_members.c.group_id == group_id)
        )
        return set(found.scalars())

    def add_members(self, group_id: int, user_ids: Iterable[int]) -> None:
        """Adds users, who must not be in the group yet."""
        for user_id in user_ids:
            self._executor.execute(insert(group_members).values(group_id=group_id, user_id=user_id))

    def remove_members(self, group_id: int, user_ids: Iterable[int]) -> None:
        """Removes users from a group."""
        self._executor.execute(
            delete(group_members).where(
                group_members.c.group_id == group_id, group_members.c.user_id.in_(list(user_ids))
            )
        )
