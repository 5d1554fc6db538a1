"""Repository users who sign in to pages."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from pypi_repo import OPERATOR, Access, Registry
from pypi_repo.domain.accounts.access import ActorKind
from pypi_repo.domain.accounts.accounts import Account
from pypi_repo.domain.accounts.errors import InvalidCredentials, TooManyFailedLogins, UnknownAccount
from pypi_repo.domain.journal import JournalFilter
from pypi_repo.storage.database.account_tables import user_sessions
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import users
from tests.conftest import ADMINISTRATOR, PASSWORD, READER, USER
from tests.support.sessions import begun_session

HERE = "192.0.2.1"


def _refused(registry: Registry, name: str, password: str) -> str:
    with pytest.raises(InvalidCredentials) as caught:
        registry.user_sessions.sign_in(name, password, HERE)
    return caught.value.message


def _expire(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(
            update(user_sessions).values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )


def _rows(database: Database) -> int:
    return database.execute(select(func.count()).select_from(user_sessions)).scalar_one()


def test_b2_a_user_signs_in_with_the_password(both: Registry) -> None:
    session = both.user_sessions.sign_in(USER.upper(), PASSWORD, HERE, "Browser/1.0")
    found = both.user_sessions.find(session.secret)
    assert found == session
    assert found is not None
    assert found.actor.name == USER
    assert found.actor.kind is ActorKind.USER
    assert found.actor.grants.on("main") is Access.WRITE
    (entry, *_) = both.acting_as(OPERATOR).activity.entries(JournalFilter(action="sign in"))
    assert (entry.actor, entry.actor_kind, entry.detail) == (USER, "user", {"address": HERE})


def test_b2_each_sign_in_has_a_secret_of_its_own(both: Registry) -> None:
    secrets = {both.user_sessions.sign_in(USER, PASSWORD, HERE).secret for _ in range(3)}
    assert len(secrets) == 3
    assert all(len(secret) >= 43 for secret in secrets)


def test_b2_the_secret_is_not_stored(both: Registry, database: Database) -> None:
    session = both.user_sessions.sign_in(USER, PASSWORD, HERE)
    (row,) = database.execute(select(user_sessions)).all()
    assert session.secret not in str(row)


def test_b2_an_administrator_is_told_so_only_with_the_right_password(both: Registry) -> None:
    assert "administrator's account" in _refused(both, ADMINISTRATOR, PASSWORD)
    assert _refused(both, ADMINISTRATOR, "wrong horse") == _refused(both, "nobody", PASSWORD)


def test_b2_a_token_does_not_sign_in(both: Registry) -> None:
    _token, secret = both.acting_as(OPERATOR).accounts.create_token(USER)
    for name in (USER, "__token__", secret):
        _refused(both, name, secret)
    _refused(both, secret, "")


def test_b2_guessing_is_slowed_down_together_with_guessing_as_a_client(both: Registry) -> None:
    for _ in range(9):
        _refused(both, USER, "wrong horse")
    login = both.repository("main").login
    with pytest.raises(InvalidCredentials):
        login.with_password(USER, "wrong horse", HERE)
    with pytest.raises(TooManyFailedLogins):
        both.user_sessions.sign_in(USER, "another horse", HERE)
    with pytest.raises(TooManyFailedLogins):
        login.with_password(USER, "another horse", HERE)


def test_o5_disabling_and_deleting_end_sessions(both: Registry) -> None:
    first = both.user_sessions.sign_in(USER, PASSWORD, HERE)
    second = both.user_sessions.sign_in(READER, PASSWORD, HERE)
    accounts = both.acting_as(OPERATOR).accounts
    accounts.set_disabled(USER, True)
    accounts.delete_user(READER)
    assert both.user_sessions.find(first.secret) is None
    assert both.user_sessions.find(second.secret) is None
    assert "disabled" in _refused(both, USER, PASSWORD)
    assert "disabled" not in _refused(both, USER, "wrong horse")
    accounts.set_disabled(USER, False)
    assert both.user_sessions.find(first.secret) is None  # not even when enabled again


def test_a_new_password_ends_sessions_and_the_same_one_does_not(both: Registry) -> None:
    session = both.user_sessions.sign_in(USER, PASSWORD, HERE)
    other = both.user_sessions.sign_in(READER, PASSWORD, HERE)
    both.acting_as(OPERATOR).accounts.set_password(USER, PASSWORD)
    assert both.user_sessions.find(session.secret) is not None
    both.acting_as(OPERATOR).accounts.set_password(USER, "another horse")
    assert both.user_sessions.find(session.secret) is None
    assert both.user_sessions.find(other.secret) is not None


def test_signing_out_ends_one_session(both: Registry) -> None:
    first, second = (both.user_sessions.sign_in(USER, PASSWORD, HERE) for _ in range(2))
    both.user_sessions.sign_out(first)
    assert both.user_sessions.find(first.secret) is None
    assert both.user_sessions.find(second.secret) is not None


def test_a_session_expires_and_the_next_one_clears_it_away(
    both: Registry, database: Database
) -> None:
    session = both.user_sessions.sign_in(USER, PASSWORD, HERE)
    _expire(database)
    assert both.user_sessions.find(session.secret) is None
    both.user_sessions.sign_in(READER, PASSWORD, HERE)
    assert _rows(database) == 1


def test_the_oldest_of_many_browsers_is_signed_out(both: Registry, database: Database) -> None:
    other = both.user_sessions.sign_in(READER, PASSWORD, HERE)
    opened = [both.user_sessions.sign_in(USER, PASSWORD, HERE).secret for _ in range(51)]
    assert both.user_sessions.find(opened[0]) is None
    assert both.user_sessions.find(opened[1]) is not None
    assert both.user_sessions.find(other.secret) is not None
    assert _rows(database) == 51


def test_rights_are_those_of_the_moment(both: Registry) -> None:
    session = both.user_sessions.sign_in(USER, PASSWORD, HERE)
    both.acting_as(OPERATOR).accounts.set_access(USER, Access.NONE, {"main": Access.READ})
    found = both.user_sessions.find(session.secret)
    assert found is not None
    assert found.actor.grants.on("main") is Access.READ
    assert found.actor.grants.on("open") is Access.NONE


def test_groups_count_in_sessions(both: Registry) -> None:
    acting = both.acting_as(OPERATOR)
    acting.groups.create("team", named={"main": Access.WRITE})
    acting.groups.add_members("team", [READER])
    session = both.user_sessions.sign_in(READER, PASSWORD, HERE)
    assert session.actor.groups == {"team"}
    found = both.user_sessions.find(session.secret)
    assert found is not None
    assert found.actor.grants.on("main") is Access.WRITE


def test_o6_tokens_only_is_told_to_who_knows_the_password(
    both: Registry, database: Database
) -> None:
    with database.begin() as connection:
        connection.execute(update(users).where(users.c.name == USER).values(tokens_only=True))
    assert "switched off" in _refused(both, USER, PASSWORD)
    assert _refused(both, USER, "wrong horse") == _refused(both, "nobody", PASSWORD)
    login = both.repository("main").login
    with pytest.raises(InvalidCredentials, match="switched off"):
        login.with_password(USER, PASSWORD, HERE)
    _token, secret = both.acting_as(OPERATOR).accounts.create_token(USER)
    assert login.with_password("__token__", secret, HERE).name == USER


def test_nothing_matches_a_password_that_is_none(both: Registry) -> None:
    accounts = both.acting_as(OPERATOR).accounts
    accounts.create_user("new@example.com", None)
    wrong = _refused(both, "nobody", PASSWORD)
    for password in ("", PASSWORD, "\0", "$2b$04$" + "." * 53):
        assert _refused(both, "new@example.com", password) == wrong
    accounts.set_password("new@example.com", PASSWORD)
    assert both.user_sessions.sign_in("new@example.com", PASSWORD, HERE).actor.name


def test_a_session_for_who_signed_in_elsewhere(both: Registry, database: Database) -> None:
    both.acting_as(OPERATOR).accounts.create_user("new@example.com", None)
    session = begun_session(both, "new@example.com", HERE, life=timedelta(hours=1))
    assert both.user_sessions.find(session.secret) == session
    expires_at = database.execute(select(user_sessions.c.expires_at)).scalar_one()
    assert timedelta(minutes=59) < expires_at - datetime.now(UTC) <= timedelta(hours=1)
    both.acting_as(OPERATOR).accounts.set_disabled("new@example.com", True)
    with pytest.raises(InvalidCredentials, match="disabled"):
        begun_session(both, "new@example.com", HERE)
    with pytest.raises(UnknownAccount):
        begun_session(both, "nobody", HERE)


@pytest.mark.parametrize("browser", ["a\0b", "\ud800x", "y" * 5000, "\x1b[31mred\n"])
def test_whatever_a_browser_says_of_itself_is_stored(both: Registry, browser: str) -> None:
    session = both.user_sessions.sign_in(USER, PASSWORD, HERE, browser)
    (shown,) = both.own_account(session).sessions()
    assert len(shown.browser) <= 300
    assert shown.browser.isprintable()


@pytest.mark.parametrize("secret", ["", "x", "\0", "\ud800", "é" * 100_000])
def test_an_unknown_secret_is_nobodys(both: Registry, secret: str) -> None:
    assert both.user_sessions.find(secret) is None


def test_no_session_begins_with_a_password_that_is_changed_meanwhile(both: Registry) -> None:
    """B2: bcrypt takes its time, and whoever changes the password wants all others out."""
    login = both.user_sessions._login
    checked = login.account

    def slow(name: str, password: str, address: str) -> Account:
        account = checked(name, password, address)
        both.acting_as(OPERATOR).accounts.set_password(USER, "another horse")
        return account

    login.account = slow  # type: ignore[method-assign]
    with pytest.raises(InvalidCredentials):
        both.user_sessions.sign_in(USER, PASSWORD, "127.0.0.1")
    login.account = checked  # type: ignore[method-assign]
    assert both.user_sessions.sign_in(USER, "another horse", "127.0.0.1").actor.name == USER
