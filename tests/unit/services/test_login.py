"""Credentials of repository users, checked afresh on each request."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import bcrypt
import pytest

from pypi_repo import OPERATOR, Access, Actor, Registry
from pypi_repo.domain.accounts.errors import InvalidCredentials, TooManyFailedLogins
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.accounts.credentials import Credentials
from pypi_repo.services.accounts.login import Login
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.services.accounts.throttle import Throttle
from pypi_repo.services.identity.issuers import Issuers
from pypi_repo.services.identity.minting import TrustedPublishing
from pypi_repo.services.operations.usage import UsageCounter
from pypi_repo.settings import OIDC_AUDIENCE
from pypi_repo.storage.database.database import Database
from tests.conftest import ADMINISTRATOR, PASSWORD, READER, USER

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
ALLOWED_FAILURES = 5


@pytest.fixture
def login(database: Database) -> Iterator[Login]:
    """As another process than that of `both` has it."""
    counter = UsageCounter(database)
    credentials = Credentials(Passwords(4), Throttle(ALLOWED_FAILURES, 100))
    client = OutboundClient()
    publishing = TrustedPublishing(
        database, Issuers(database, client), Throttle(ALLOWED_FAILURES, 100), OIDC_AUDIENCE
    )
    yield Login(database, credentials, counter, publishing)
    client.close()
    counter.flush()  # or it writes seconds later, when the database is closed


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """The passwords that bcrypt really checked."""
    checked: list[bytes] = []
    checkpw = bcrypt.checkpw

    def recording(password: bytes, hashed: bytes) -> bool:
        checked.append(password)
        return checkpw(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", recording)
    yield checked
    assert all(isinstance(each, bytes) for each in checked)


def _refused(login: Login, username: str, password: str, address: str = HERE) -> str:
    with pytest.raises(InvalidCredentials) as caught:
        login.with_password(username, password, address)
    return caught.value.message


def test_a_user_with_its_password(login: Login) -> None:
    actor = login.with_password(USER, PASSWORD, HERE)
    assert actor == Actor(USER, grants=actor.grants)
    assert actor.grants.on("anything") is Access.WRITE
    assert login.with_password(READER, PASSWORD, HERE).grants.on("main") is Access.READ


def test_letters_of_the_name_may_be_of_either_case(login: Login) -> None:
    assert login.with_password("USER@Example.com", PASSWORD, HERE).name == USER


@pytest.mark.parametrize(
    "password",
    ["with: colon", "with @ and space ", "Schlüssel mit Lücke", "🔑🔑🔑🔑🔑🔑🔑🔑", "a" * 72],
)
def test_passwords_of_all_kinds(both: Registry, login: Login, password: str) -> None:
    both.acting_as(OPERATOR).accounts.set_password(USER, password)
    assert login.with_password(USER, password, HERE).name == USER


def test_a_wrong_password_and_an_unknown_user_are_told_alike(login: Login) -> None:
    message = _refused(login, USER, "wrong horse")
    for username in ("nobody@example.com", "no:body", "", "a b", "\0", "x" * 1000, "\ud800"):
        assert _refused(login, username, PASSWORD) == message


@pytest.mark.parametrize("username", [USER, "nobody@example.com", ADMINISTRATOR])
def test_a_failure_costs_one_check_whoever_it_is(
    login: Login, checks: list[bytes], username: str
) -> None:
    """The clock tells nothing about which accounts exist."""
    for count in (1, 2, 3):
        _refused(login, username, "wrong horse")
        assert len(checks) == count


def test_a_password_is_checked_once_and_then_remembered(login: Login, checks: list[bytes]) -> None:
    for _ in range(5):
        login.with_password(USER, PASSWORD, HERE)
    assert len(checks) == 1


def test_two_users_with_one_password_are_two(login: Login, checks: list[bytes]) -> None:
    login.with_password(USER, PASSWORD, HERE)
    login.with_password(READER, PASSWORD, HERE)
    assert len(checks) == 2


def test_eight_requests_at_once_with_a_new_password_share_one_check(
    login: Login, checks: list[bytes]
) -> None:
    start = Barrier(8)

    def log_in(_number: int) -> str:
        start.wait()
        return login.with_password(USER, PASSWORD, HERE).name

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(log_in, range(8))) == [USER] * 8
    assert len(checks) == 1


def test_a_changed_password_counts_at_once(both: Registry, login: Login) -> None:
    login.with_password(USER, PASSWORD, HERE)
    both.acting_as(OPERATOR).accounts.set_password(USER, "another horse")
    _refused(login, USER, PASSWORD)
    assert login.with_password(USER, "another horse", HERE).name == USER
    both.acting_as(OPERATOR).accounts.set_password(USER, PASSWORD)
    assert login.with_password(USER, PASSWORD, HERE).name == USER
    _refused(login, USER, "another horse")


def test_a_deleted_user_is_refused_at_once(both: Registry, login: Login) -> None:
    login.with_password(USER, PASSWORD, HERE)
    both.acting_as(OPERATOR).accounts.delete_user(USER)
    _refused(login, USER, PASSWORD)


def test_a_user_made_again_has_only_its_new_password(both: Registry, login: Login) -> None:
    login.with_password(USER, PASSWORD, HERE)
    both.acting_as(OPERATOR).accounts.delete_user(USER)
    both.acting_as(OPERATOR).accounts.create_user(USER, "another horse", everywhere=Access.READ)
    _refused(login, USER, PASSWORD)
    actor = login.with_password(USER, "another horse", HERE)
    assert actor.grants.on("main") is Access.READ


def test_changed_access_counts_at_once(both: Registry, login: Login) -> None:
    assert login.with_password(USER, PASSWORD, HERE).grants.on("main") is Access.WRITE
    both.acting_as(OPERATOR).accounts.set_access(USER, Access.NONE, {"main": Access.READ})
    grants = login.with_password(USER, PASSWORD, HERE).grants
    assert (grants.on("main"), grants.on("other")) == (Access.READ, Access.NONE)


def test_an_administrator_is_told_which_account_is_needed(login: Login) -> None:
    """U20: only with the right password; with a wrong one it is like anybody."""
    message = _refused(login, ADMINISTRATOR, PASSWORD)
    assert "administrator" in message
    assert "log in as a repository user" in message
    assert _refused(login, ADMINISTRATOR, "wrong horse") == _refused(login, USER, "wrong horse")


def test_an_administrator_who_is_also_a_user_is_a_user_here(both: Registry, login: Login) -> None:
    both.acting_as(OPERATOR).accounts.create_user(ADMINISTRATOR, "another horse")
    assert login.with_password(ADMINISTRATOR, "another horse", HERE).name == ADMINISTRATOR
    _refused(login, ADMINISTRATOR, PASSWORD)


def test_too_many_failures_must_wait(login: Login, checks: list[bytes]) -> None:
    for _ in range(ALLOWED_FAILURES):
        _refused(login, USER, "wrong horse")
    with pytest.raises(TooManyFailedLogins):
        login.with_password(USER, "wrong horse", HERE)
    with pytest.raises(TooManyFailedLogins):
        login.with_password(USER.upper(), PASSWORD, HERE)
    assert len(checks) == ALLOWED_FAILURES
    assert login.with_password(USER, PASSWORD, ELSEWHERE).name == USER
    assert login.with_password(READER, PASSWORD, HERE).name == READER


def test_unknown_users_must_wait_too(login: Login) -> None:
    for _ in range(ALLOWED_FAILURES):
        _refused(login, "nobody@example.com", "wrong horse")
    with pytest.raises(TooManyFailedLogins):
        login.with_password("nobody@example.com", "wrong horse", HERE)


def test_whoever_works_with_the_right_password_is_not_held_up(login: Login) -> None:
    """One misconfigured machine behind the same address must not stop the others."""
    login.with_password(USER, PASSWORD, HERE)
    for _ in range(ALLOWED_FAILURES):
        _refused(login, USER, "wrong horse")
    with pytest.raises(TooManyFailedLogins):
        login.with_password(USER, "wrong horse", HERE)
    assert login.with_password(USER, PASSWORD, HERE).name == USER


# Tokens


def test_a_token_stands_for_its_user(both: Registry, login: Login, checks: list[bytes]) -> None:
    """U19, X75: with `__token__`, the user's name, any name, or none; or in the name's place."""
    _token, secret = both.acting_as(OPERATOR).accounts.create_token(USER)
    for username in ("__token__", USER, "anything", ""):
        actor = login.with_password(username, secret, HERE)
        assert (actor.name, actor.grants.on("main")) == (USER, Access.WRITE)
    assert login.with_password(secret, "", HERE).name == USER
    assert login.with_token(secret, HERE).name == USER
    assert checks == []


@pytest.mark.parametrize("secret", ["", "ppr_", "ppr_" + "x" * 43, PASSWORD, "\ud800", "a\0b"])
def test_a_wrong_token(login: Login, secret: str) -> None:
    with pytest.raises(InvalidCredentials, match="wrong or was revoked"):
        login.with_token(secret, HERE)
    with pytest.raises(InvalidCredentials, match="wrong or was revoked"):
        login.with_password("__token__", secret, HERE)
    if secret.startswith("ppr_"):
        with pytest.raises(InvalidCredentials, match="wrong or was revoked"):
            login.with_password(secret, "", HERE)


def test_a_token_for_one_repository(both: Registry, login: Login) -> None:
    both.acting_as(OPERATOR).repositories.create("other")
    _token, secret = both.acting_as(OPERATOR).accounts.create_token(USER, repository="main")
    grants = login.with_token(secret, HERE).grants
    assert (grants.on("main"), grants.on("other")) == (Access.WRITE, Access.NONE)


def test_a_token_for_reading(both: Registry, login: Login) -> None:
    _token, secret = both.acting_as(OPERATOR).accounts.create_token(USER, read_only=True)
    assert login.with_token(secret, HERE).grants.on("main") is Access.READ


def test_a_token_never_passes_on_more_than_its_user_has(both: Registry, login: Login) -> None:
    _token, secret = both.acting_as(OPERATOR).accounts.create_token(USER, repository="main")
    both.acting_as(OPERATOR).accounts.set_access(USER, Access.WRITE, {"main": Access.READ})
    assert login.with_token(secret, HERE).grants.on("main") is Access.READ
    both.acting_as(OPERATOR).accounts.set_access(USER, Access.NONE)
    assert login.with_token(secret, HERE).grants.on("main") is Access.NONE


def test_a_token_expires(both: Registry, login: Login) -> None:
    _token, secret = both.acting_as(OPERATOR).accounts.create_token(
        USER, name="nightly", expires_in=timedelta(microseconds=1)
    )
    with pytest.raises(InvalidCredentials, match="'nightly' has expired"):
        login.with_token(secret, HERE)
    _token, secret = both.acting_as(OPERATOR).accounts.create_token(
        USER, expires_in=timedelta(hours=1)
    )
    assert login.with_token(secret, HERE).name == USER


def test_a_revoked_token_is_refused_at_once(both: Registry, login: Login) -> None:
    token, secret = both.acting_as(OPERATOR).accounts.create_token(USER)
    _other, other_secret = both.acting_as(OPERATOR).accounts.create_token(USER)
    assert login.with_token(secret, HERE).name == USER
    both.acting_as(OPERATOR).accounts.revoke_token(token.id)
    with pytest.raises(InvalidCredentials):
        login.with_token(secret, HERE)
    assert login.with_token(other_secret, HERE).name == USER


def test_tokens_go_with_their_user_and_with_their_repository(both: Registry, login: Login) -> None:
    _token, narrow = both.acting_as(OPERATOR).accounts.create_token(USER, repository="main")
    _token, wide = both.acting_as(OPERATOR).accounts.create_token(USER)
    both.acting_as(OPERATOR).repositories.delete("main")
    with pytest.raises(InvalidCredentials):
        login.with_token(narrow, HERE)
    assert login.with_token(wide, HERE).name == USER
    both.acting_as(OPERATOR).accounts.delete_user(USER)
    both.acting_as(OPERATOR).accounts.create_user(USER, PASSWORD)
    with pytest.raises(InvalidCredentials):
        login.with_token(wide, HERE)


def test_a_changed_password_does_not_touch_tokens(both: Registry, login: Login) -> None:
    _token, secret = both.acting_as(OPERATOR).accounts.create_token(USER)
    both.acting_as(OPERATOR).accounts.set_password(USER, "another horse")
    assert login.with_token(secret, HERE).name == USER
