"""Repository users, their tokens, and administrators."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from pypi_repo import OPERATOR, Access, Actor, Grants, Registry
from pypi_repo.domain.accounts.access import ActorKind, Area
from pypi_repo.domain.accounts.errors import (
    InvalidPassword,
    LastAdministrator,
    UnknownAccount,
    UnknownToken,
)
from pypi_repo.domain.errors import (
    InvalidName,
    InvalidSetting,
    NameTaken,
    PermissionDenied,
    UnknownRepository,
)
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import METADATA
from tests.conftest import ADMINISTRATOR, PASSWORD, READER, USER
from tests.support.journal import journal_of

NEW = "new@example.com"


def _grants(registry: Registry, name: str) -> Grants:
    (user,) = [user for user in registry.acting_as(OPERATOR).accounts.users() if user.name == name]
    return user.grants


def _everything_stored(database: Database) -> str:
    with database.snapshot() as connection:
        return "\n".join(
            repr(list(connection.execute(select(table)))) for table in METADATA.sorted_tables
        )


def test_a_new_user_may_read_and_write_everywhere(both: Registry) -> None:
    both.acting_as(OPERATOR).accounts.create_user(NEW, PASSWORD)
    assert _grants(both, NEW) == Grants(Access.WRITE)


def test_a_user_for_named_repositories_only(both: Registry) -> None:
    both.acting_as(OPERATOR).repositories.create("other")
    named = {"main": Access.READ, "other": Access.WRITE}
    both.acting_as(OPERATOR).accounts.create_user(
        NEW, PASSWORD, everywhere=Access.NONE, named=named
    )
    assert _grants(both, NEW) == Grants(Access.NONE, named)
    assert _grants(both, USER) == Grants(Access.WRITE)


def test_users_are_listed_by_name(both: Registry) -> None:
    both.acting_as(OPERATOR).accounts.create_user("Alpha@Example.com", PASSWORD)
    names = [user.name for user in both.acting_as(OPERATOR).accounts.users()]
    assert names == ["alpha@example.com", READER, USER]
    assert all(
        user.created_at.utcoffset() == timedelta()
        for user in both.acting_as(OPERATOR).accounts.users()
    )


def test_what_each_user_may_do_in_one_repository(both: Registry) -> None:
    """One row for each user, however many grants it has."""
    operator = both.acting_as(OPERATOR)
    operator.repositories.create("other")
    operator.accounts.set_access(USER, Access.NONE, {"main": Access.WRITE, "other": Access.READ})
    operator.accounts.set_access(READER, Access.READ, {"other": Access.WRITE})
    operator.accounts.create_user("gone@example.com", PASSWORD, disabled=True)
    expected = {"gone@example.com": Access.NONE, READER: Access.READ, USER: Access.WRITE}
    assert operator.rights.in_repository("main") == expected
    with pytest.raises(PermissionDenied):
        both.acting_as(Actor(USER)).rights.in_repository("main")


@pytest.mark.parametrize("name", [USER, USER.upper()])
def test_a_user_name_is_given_once(both: Registry, name: str) -> None:
    with pytest.raises(NameTaken):
        both.acting_as(OPERATOR).accounts.create_user(name, PASSWORD)
    assert len(both.acting_as(OPERATOR).accounts.users()) == 2


def test_a_user_that_cannot_be_made_leaves_nothing(both: Registry) -> None:
    journal = journal_of(both)
    with pytest.raises(UnknownRepository):
        both.acting_as(OPERATOR).accounts.create_user(NEW, PASSWORD, named={"nowhere": Access.READ})
    with pytest.raises(InvalidPassword):
        both.acting_as(OPERATOR).accounts.create_user(NEW, "short")
    with pytest.raises(InvalidPassword, match="72 bytes"):
        both.acting_as(OPERATOR).accounts.create_user(NEW, "é" * 37)
    with pytest.raises(InvalidName):
        both.acting_as(OPERATOR).accounts.create_user("new:user", PASSWORD)
    assert [user.name for user in both.acting_as(OPERATOR).accounts.users()] == [READER, USER]
    assert journal_of(both) == journal


def test_changing_access_replaces_it(both: Registry) -> None:
    both.acting_as(OPERATOR).accounts.set_access(USER, Access.NONE, {"main": Access.WRITE})
    both.acting_as(OPERATOR).accounts.set_access(USER.upper(), Access.READ)
    assert _grants(both, USER) == Grants(Access.READ)
    with pytest.raises(UnknownRepository):
        both.acting_as(OPERATOR).accounts.set_access(USER, Access.NONE, {"nowhere": Access.WRITE})
    assert _grants(both, USER) == Grants(Access.READ)


def test_unknown_users(both: Registry) -> None:
    accounts = both.acting_as(OPERATOR).accounts
    for refused in (
        lambda: accounts.set_password(NEW, PASSWORD),
        lambda: accounts.set_access(NEW, Access.READ),
        lambda: accounts.delete_user(NEW),
        lambda: accounts.create_token(NEW),
        lambda: accounts.tokens(NEW),
        lambda: accounts.set_password(ADMINISTRATOR, PASSWORD),
    ):
        with pytest.raises(UnknownAccount, match="no repository user"):
            refused()


def test_changes_are_written_down_without_secrets(both: Registry) -> None:
    ada = Actor("ada", kind=ActorKind.ADMINISTRATOR, areas=frozenset({Area.USERS}))
    both.acting_as(ada).accounts.create_user(NEW, "swordfish one")
    both.acting_as(ada).accounts.set_password(NEW, "swordfish two")
    _token, secret = both.acting_as(ada).accounts.create_token(NEW)
    both.acting_as(ada).accounts.delete_user(NEW)
    entries = journal_of(both)[-4:]
    assert [entry.action for entry in entries] == [
        "create user",
        "set password of user",
        "create token of user",
        "delete user",
    ]
    assert {entry.actor for entry in entries} == {"ada"}
    assert all(entry.detail == {"account": NEW} for entry in entries)
    assert all(entry.serial is None for entry in entries)
    assert secret not in repr(entries)


def test_no_secret_is_in_the_database(both: Registry, database: Database) -> None:
    """Passwords as bcrypt, tokens as SHA-256, of which the prefix alone is readable."""
    _token, secret = both.acting_as(OPERATOR).accounts.create_token(USER)
    stored = _everything_stored(database)
    assert PASSWORD not in stored
    assert secret not in stored
    assert secret[12:] not in stored
    assert hashlib.sha256(secret.encode()).hexdigest() in stored
    assert stored.count("$2b$") == 3  # by whichever registry was filled first, at its cost


def test_a_token_is_listed_by_name_and_prefix(both: Registry) -> None:
    before = datetime.now(UTC)
    created, secret = both.acting_as(OPERATOR).accounts.create_token(
        USER, name="ci", repository="main", read_only=True, expires_in=timedelta(days=90)
    )
    (listed,) = both.acting_as(OPERATOR).accounts.tokens(USER)
    assert listed == created
    assert (listed.name, listed.user) == ("ci", USER)
    assert (listed.repository, listed.read_only) == ("main", True)
    assert secret.startswith(listed.prefix)
    assert len(listed.prefix) == 12
    assert listed.expires_at is not None
    assert timedelta(days=90) <= listed.expires_at - before < timedelta(days=90, minutes=1)
    assert secret not in repr(listed)


def test_secrets_of_tokens_are_long_and_never_the_same(both: Registry) -> None:
    secrets = {both.acting_as(OPERATOR).accounts.create_token(USER)[1] for _ in range(10)}
    assert len(secrets) == 10
    assert all(secret.startswith("ppr_") and len(secret) == 47 for secret in secrets)


def test_a_token_without_a_name_is_named_by_its_day(both: Registry) -> None:
    token, _secret = both.acting_as(OPERATOR).accounts.create_token(USER)
    assert token.name == f"token of {token.created_at:%Y-%m-%d}"
    assert token.expires_at is None


@pytest.mark.parametrize("expires_in", [timedelta(), timedelta(seconds=-1)])
def test_a_token_that_would_be_expired_at_once(both: Registry, expires_in: timedelta) -> None:
    with pytest.raises(InvalidSetting, match="in the future"):
        both.acting_as(OPERATOR).accounts.create_token(USER, expires_in=expires_in)
    with pytest.raises(UnknownRepository):
        both.acting_as(OPERATOR).accounts.create_token(USER, repository="nowhere")
    assert both.acting_as(OPERATOR).accounts.tokens(USER) == []


def test_revoking(both: Registry) -> None:
    first, _secret = both.acting_as(OPERATOR).accounts.create_token(USER)
    second, _secret = both.acting_as(OPERATOR).accounts.create_token(USER)
    assert both.acting_as(OPERATOR).accounts.revoke_token(first.id) == first
    assert both.acting_as(OPERATOR).accounts.tokens(USER) == [second]
    with pytest.raises(UnknownToken, match="no token"):
        both.acting_as(OPERATOR).accounts.revoke_token(first.id)


def test_numbers_of_tokens_are_not_used_again(both: Registry) -> None:
    """Else a revocation typed twice could hit another one."""
    numbers = []
    for _ in range(3):
        token, _secret = both.acting_as(OPERATOR).accounts.create_token(USER)
        both.acting_as(OPERATOR).accounts.revoke_token(token.id)
        numbers.append(token.id)
    assert len(set(numbers)) == 3


def test_tokens_of_one_user_are_not_those_of_another(both: Registry) -> None:
    both.acting_as(OPERATOR).accounts.create_token(USER)
    assert both.acting_as(OPERATOR).accounts.tokens(READER) == []


def test_administrators_are_accounts_of_their_own(both: Registry) -> None:
    both.acting_as(OPERATOR).administrators.create(USER, PASSWORD)
    names = [administrator.name for administrator in both.acting_as(OPERATOR).administrators.all()]
    assert names == [ADMINISTRATOR, USER]
    assert [user.name for user in both.acting_as(OPERATOR).accounts.users()] == [READER, USER]
    with pytest.raises(NameTaken):
        both.acting_as(OPERATOR).administrators.create(ADMINISTRATOR.upper(), PASSWORD)


def test_the_last_administrator_stays(both: Registry) -> None:
    with pytest.raises(LastAdministrator, match="create another one first"):
        both.acting_as(OPERATOR).administrators.delete(ADMINISTRATOR)
    both.acting_as(OPERATOR).administrators.create(NEW, PASSWORD)
    both.acting_as(OPERATOR).administrators.delete(ADMINISTRATOR.upper())
    with pytest.raises(LastAdministrator):
        both.acting_as(OPERATOR).administrators.delete(NEW)
    assert [
        administrator.name for administrator in both.acting_as(OPERATOR).administrators.all()
    ] == [NEW]


def test_administrators_that_delete_each_other_leave_one(both: Registry) -> None:
    names = [ADMINISTRATOR, *(f"{number}@example.com" for number in range(7))]
    for name in names[1:]:
        both.acting_as(OPERATOR).administrators.create(name, PASSWORD)
    start = Barrier(8)

    def delete(name: str) -> bool:
        start.wait()
        try:
            both.acting_as(OPERATOR).administrators.delete(name)
        except LastAdministrator:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(delete, names)) == 7
    assert len(both.acting_as(OPERATOR).administrators.all()) == 1


def test_unknown_administrators(both: Registry) -> None:
    with pytest.raises(UnknownAccount, match="no administrator"):
        both.acting_as(OPERATOR).administrators.delete(USER)
    with pytest.raises(UnknownAccount, match="no administrator"):
        both.acting_as(OPERATOR).administrators.set_password(USER, PASSWORD)


def test_an_administrators_password_is_checked_like_any(both: Registry, database: Database) -> None:
    with pytest.raises(InvalidPassword):
        both.acting_as(OPERATOR).administrators.set_password(ADMINISTRATOR, "short")
    before = _everything_stored(database)
    both.acting_as(OPERATOR).administrators.set_password(ADMINISTRATOR.upper(), "another horse")
    assert _everything_stored(database) != before
    assert journal_of(both)[-1].action == "set password of administrator"


def test_eight_users_of_one_name_at_once_make_one(both: Registry) -> None:
    """More would be too many for the line in front of bcrypt."""
    start = Barrier(8)

    def create(_number: int) -> bool:
        start.wait()
        try:
            both.acting_as(OPERATOR).accounts.create_user(NEW, PASSWORD)
        except NameTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(create, range(8))) == 1
    assert len(both.acting_as(OPERATOR).accounts.users()) == 3


@pytest.mark.parametrize("token_id", [2**31, 2**40, 10**20])
def test_numbers_that_no_token_can_have(both: Registry, token_id: int) -> None:
    with pytest.raises(UnknownToken):
        both.acting_as(OPERATOR).accounts.revoke_token(token_id)


def test_a_token_for_longer_than_the_calendar(both: Registry) -> None:
    with pytest.raises(InvalidSetting):
        both.acting_as(OPERATOR).accounts.create_token(USER, expires_in=timedelta(days=3_650_000))


def test_a_token_by_its_id(both: Registry) -> None:
    token, _secret = both.acting_as(OPERATOR).accounts.create_token(USER, name="laptop")
    own, _secret = both.acting_as(OPERATOR).administrators.create_token(
        ADMINISTRATOR, name="terraform"
    )
    assert both.acting_as(OPERATOR).accounts.token(token.id) == token
    assert both.acting_as(OPERATOR).administrators.token(own.id) == own
    for unknown in (token.id + own.id, 0, -1, 2**70):
        with pytest.raises(UnknownToken):
            both.acting_as(OPERATOR).accounts.token(unknown)
        with pytest.raises(UnknownToken):
            both.acting_as(OPERATOR).administrators.token(unknown)
    stranger = Actor("nobody")
    with pytest.raises(PermissionDenied):
        both.acting_as(stranger).accounts.token(token.id)
    with pytest.raises(PermissionDenied):
        both.acting_as(stranger).administrators.token(own.id)
