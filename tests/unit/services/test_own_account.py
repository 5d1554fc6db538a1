"""What repository users do with their own account, and with no other."""

from datetime import timedelta

import pytest

from pypi_repo import (
    OPERATOR,
    Access,
    Actor,
    GrantPolicy,
    Permission,
    Registry,
    Settings,
)
from pypi_repo.domain.accounts.errors import (
    InvalidCredentials,
    InvalidPassword,
    TooManyFailedLogins,
    UnknownToken,
)
from pypi_repo.domain.errors import (
    Conflict,
    InvalidSetting,
    NotFound,
    PermissionDenied,
    UnknownRepository,
)
from pypi_repo.domain.journal import JournalFilter
from pypi_repo.domain.records import Repository
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.services.people import own_account
from pypi_repo.services.people.own_account import OwnAccount
from tests.conftest import ADMINISTRATOR, PASSWORD, READER, USER, populate
from tests.support.sessions import begun_session

HERE = "192.0.2.1"


def _own(registry: Registry, name: str = USER) -> OwnAccount:
    return registry.own_account(registry.user_sessions.sign_in(name, PASSWORD, HERE))


def test_b3_rights_are_shown_with_where_they_come_from(both: Registry) -> None:
    acting = both.acting_as(OPERATOR)
    acting.groups.create("team", patterns={("main", "acme-*"): Access.WRITE})
    acting.groups.add_members("team", [READER])
    acting.repositories.create("open", public=True)
    own = _own(both, READER)
    assert own.has_password()
    main, public = own.rights()
    assert (main.repository, main.may_upload) == ("main", True)
    assert [(right.group, right.pattern, right.access) for right in main.rights] == [
        ("team", "acme-*", Access.WRITE),
        (None, None, Access.READ),
    ]
    assert (public.repository, public.is_public, public.may_upload) == ("open", True, False)


@pytest.mark.parametrize(
    ("everywhere", "patterns", "sentence"),
    [
        (Access.READ, {}, "install"),
        (Access.WRITE, {}, "install and publish"),
        (Access.READ, {"acme-*": Access.WRITE}, "install, and publish some projects"),
        (Access.WRITE, {"acme-*": Access.WRITE}, "install and publish"),
        (Access.NONE, {"acme-*": Access.WRITE}, "install and publish some projects"),
        (Access.NONE, {"acme-*": Access.READ}, "install some projects"),
    ],
)
def test_b3_rights_on_some_projects_are_not_told_as_rights_on_all(
    both: Registry, everywhere: Access, patterns: dict[str, Access], sentence: str
) -> None:
    given = {("main", pattern): access for pattern, access in patterns.items()}
    both.acting_as(OPERATOR).accounts.set_access(READER, everywhere, {}, given)
    (found,) = _own(both, READER).rights()
    assert found.sentence == sentence


class _OnlyReading(GrantPolicy):
    """The rules of a host, of which the grants say nothing."""

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        return permission is Permission.READ


def test_b3_rights_are_what_the_policy_of_a_host_says() -> None:
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings, policy=_OnlyReading()) as registry:
        populate(registry)
        (found,) = _own(registry).rights()
        assert (found.repository, found.sentence, found.rights) == ("main", "install", ())


def test_b3_a_token_of_ones_own(both: Registry) -> None:
    account = _own(both)
    token, secret = account.create_token(
        name="laptop",
        repository="main",
        projects=["Acme-*"],
        read_only=True,
        expires_in=timedelta(days=1),
    )
    assert account.tokens() == [token]
    assert (token.name, token.repository, token.projects) == ("laptop", "main", ("acme-*",))
    login = both.repository("main").login
    grants = login.with_token(secret, "192.0.2.1").grants
    assert grants.on("main", "acme-one") is Access.READ
    assert grants.on("main", "other") is Access.NONE
    (entry,) = both.acting_as(OPERATOR).activity.entries(
        JournalFilter(action="create token of user")
    )
    assert (entry.actor, entry.actor_kind, entry.detail) == (USER, "user", {"account": USER})
    assert account.revoke_token(token.id) == token
    assert account.tokens() == []
    with pytest.raises(InvalidCredentials):
        login.with_token(secret, "192.0.2.1")


def test_g3_a_token_has_no_more_than_its_owner_has_at_that_moment(both: Registry) -> None:
    _token, secret = _own(both).create_token()
    login = both.repository("main").login
    assert login.with_token(secret, "192.0.2.1").grants.on("main") is Access.WRITE
    both.acting_as(OPERATOR).accounts.set_access(USER, Access.NONE)
    assert login.with_token(secret, "192.0.2.1").grants.on("main") is Access.NONE


def test_b3_no_token_for_a_repository_that_the_user_cannot_read(both: Registry) -> None:
    accounts = both.acting_as(OPERATOR).accounts
    both.acting_as(OPERATOR).repositories.create("open")
    accounts.set_access(USER, Access.NONE, {"open": Access.READ})
    account = _own(both)
    account.create_token(repository="open")
    refusals = []
    for name in ("main", "no-such-repository"):
        with pytest.raises((PermissionDenied, UnknownRepository)) as caught:
            account.create_token(repository=name)
        refusals.append((caught.value.code, caught.value.message.replace(name, "NAME")))
    assert refusals[0] == refusals[1]  # which ones exist is no business of the user


@pytest.mark.parametrize(
    "wrong",
    [
        {"expires_in": timedelta()},
        {"projects": ["*/*"]},
        {"projects": [f"p{number}-*" for number in range(101)]},
        {"name": "a\0b"},
        {"name": "x" * 201},
        {"name": "two\nlines"},
        {"name": "turned \u202e round"},
    ],
    ids=["life", "pattern", "too many patterns", "name", "long name", "lines", "turned name"],
)
def test_b3_a_wrong_token_is_not_made(both: Registry, wrong: dict[str, object]) -> None:
    account = _own(both)
    with pytest.raises(InvalidSetting):
        account.create_token(**wrong)  # type: ignore[arg-type]
    assert account.tokens() == []


def test_b3_tokens_are_limited_in_number(both: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_account, "MOST_TOKENS", 2)
    account = _own(both)
    account.create_token()
    token, _secret = account.create_token()
    with pytest.raises(Conflict, match="revoke"):
        account.create_token()
    account.revoke_token(token.id)
    account.create_token()
    _own(both, READER).create_token()  # others have a limit of their own


def test_b3_nothing_of_others_can_be_reached(both: Registry) -> None:
    account, other = _own(both), _own(both, READER)
    token, secret = other.create_token()
    (session,) = other.sessions()
    for number in (token.id, 0, -1, 10**30):
        with pytest.raises(UnknownToken):
            account.revoke_token(number)
    for number in (session.id, 0, -1, 10**30):
        with pytest.raises(NotFound):
            account.end_session(number)
    assert both.repository("main").login.with_token(secret, "192.0.2.1").name == READER
    assert other.sessions() == [session]


def test_b3_sessions_are_shown_and_ended(both: Registry) -> None:
    old = both.user_sessions.sign_in(USER, PASSWORD, "192.0.2.7", "Old/1.0")
    account = _own(both)
    current, other = account.sessions()
    assert (current.is_current, other.is_current) == (True, False)
    assert (other.address, other.browser) == ("192.0.2.7", "Old/1.0")
    account.end_session(other.id)
    assert both.user_sessions.find(old.secret) is None
    assert account.sessions() == [current]


def test_b2_signing_out_everywhere_leaves_no_session(both: Registry) -> None:
    one = both.user_sessions.sign_in(USER, PASSWORD, HERE)
    two = both.user_sessions.sign_in(USER, PASSWORD, HERE)
    other = both.user_sessions.sign_in(READER, PASSWORD, HERE)
    both.own_account(one).sign_out_everywhere()
    assert both.user_sessions.find(one.secret) is None
    assert both.user_sessions.find(two.secret) is None
    assert both.user_sessions.find(other.secret) is not None


def test_b3_a_new_password(both: Registry) -> None:
    session = both.user_sessions.sign_in(USER, PASSWORD, HERE)
    account = both.own_account(session)
    _token, secret = account.create_token()
    with pytest.raises(InvalidCredentials):
        account.change_password("wrong horse", "another horse", HERE)
    with pytest.raises(InvalidPassword):
        account.change_password(PASSWORD, "short", HERE)
    assert both.user_sessions.find(session.secret) is not None
    account.change_password(PASSWORD, "another horse", HERE)
    assert both.user_sessions.find(session.secret) is None
    assert both.user_sessions.sign_in(USER, "another horse", HERE).actor.name == USER
    assert both.repository("main").login.with_token(secret, "192.0.2.1").name == USER


def test_b3_the_current_password_cannot_be_guessed_there(both: Registry) -> None:
    account = _own(both)
    for _ in range(10):
        with pytest.raises(InvalidCredentials):
            account.check_password("wrong horse", HERE)
    with pytest.raises(TooManyFailedLogins):
        account.change_password("wrong horse 2", "another horse", HERE)


def test_who_has_no_password_cannot_change_it(both: Registry) -> None:
    both.acting_as(OPERATOR).accounts.create_user("new@example.com", None)
    account = both.own_account(begun_session(both, "new@example.com", HERE))
    assert not account.has_password()
    with pytest.raises(InvalidCredentials):
        account.change_password("", "another horse", HERE)


def test_only_a_session_of_a_user_opens_an_account(both: Registry) -> None:
    """An actor that somebody made up, or an administrator's session, is not enough."""
    user = both.user_sessions.sign_in(USER, PASSWORD, HERE)
    both.user_sessions.sign_out(user)
    administrator = both.sessions.sign_in(ADMINISTRATOR, PASSWORD, HERE)
    for session in (user, administrator, Session(user.actor, "made up")):
        account = both.own_account(session)
        for call in (account.rights, account.tokens, account.sessions, account.create_token):
            with pytest.raises(InvalidCredentials):
                call()
