"""Administrators: their areas, sessions and tokens."""

from datetime import timedelta

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.accounts.access import ANONYMOUS, EVERY_AREA, Actor, ActorKind, Area
from pypi_repo.domain.accounts.errors import (
    InvalidCredentials,
    LastAdministrator,
    TooManyFailedLogins,
    UnknownToken,
)
from pypi_repo.domain.errors import InvalidSetting, PermissionDenied
from pypi_repo.domain.journal import JournalFilter
from pypi_repo.domain.names import normalize
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import sessions
from pypi_repo.web.authenticate import basic_or_token
from tests.support.distributions import wheel
from tests.support.uploads import UPLOADER, upload

USER, PASSWORD = "user@example.com", "correct horse"
ADMINISTRATOR = "admin@example.com"
HELPER = "helper@example.com"
ADDRESS = "192.0.2.1"


def administrator(*areas: Area, name: str = HELPER) -> Actor:
    return Actor(name, kind=ActorKind.ADMINISTRATOR, areas=frozenset(areas))


@pytest.fixture
def helped(both: Registry) -> Registry:
    """With a second administrator, who may manage nothing yet."""
    both.acting_as(OPERATOR).administrators.create(HELPER, PASSWORD, areas=())
    return both


def test_each_area_opens_its_own_services(helped: Registry) -> None:
    calls = {
        Area.REPOSITORIES: lambda actor: helped.acting_as(actor).repositories.change(
            "main", description="ours"
        ),
        Area.USERS: lambda actor: helped.acting_as(actor).accounts.set_disabled(USER, True),
        Area.SETTINGS: lambda actor: helped.acting_as(actor).administrators.all(),
    }
    for area, call in calls.items():
        call(administrator(area))
        for other in (administrator(*EVERY_AREA - {area}), Actor(USER), ANONYMOUS):
            with pytest.raises(Exception, match=r"may not|Log in"):
                call(other)


def test_every_change_of_users_needs_the_area(helped: Registry) -> None:
    actor = administrator(Area.REPOSITORIES, Area.SETTINGS)
    token, _secret = helped.acting_as(OPERATOR).accounts.create_token(USER)
    for refused in (
        lambda: helped.acting_as(actor).accounts.users(),
        lambda: helped.acting_as(actor).accounts.create_user("new", PASSWORD),
        lambda: helped.acting_as(actor).accounts.set_password(USER, PASSWORD),
        lambda: helped.acting_as(actor).accounts.set_disabled(USER, True),
        lambda: helped.acting_as(actor).accounts.delete_user(USER),
        lambda: helped.acting_as(actor).accounts.create_token(USER),
        lambda: helped.acting_as(actor).accounts.tokens(USER),
        lambda: helped.acting_as(actor).accounts.revoke_token(token.id),
    ):
        with pytest.raises(PermissionDenied):
            refused()


def test_administrators_without_the_area_manage_only_themselves(helped: Registry) -> None:
    actor = administrator()
    administrators = helped.acting_as(OPERATOR).administrators
    helped.acting_as(actor).administrators.set_password(HELPER, "another horse")
    token, _secret = helped.acting_as(actor).administrators.create_token(HELPER, areas=())
    other, _secret = administrators.create_token(ADMINISTRATOR)
    assert helped.acting_as(actor).administrators.tokens(HELPER) == [token]
    helped.acting_as(actor).administrators.revoke_token(token.id)
    for refused in (
        lambda: helped.acting_as(actor).administrators.set_password(ADMINISTRATOR, PASSWORD),
        lambda: helped.acting_as(actor).administrators.tokens(ADMINISTRATOR),
        lambda: helped.acting_as(actor).administrators.create_token(ADMINISTRATOR),
        lambda: helped.acting_as(actor).administrators.revoke_token(other.id),
        lambda: helped.acting_as(actor).administrators.set_areas(HELPER, EVERY_AREA),
        lambda: helped.acting_as(actor).administrators.create("new", PASSWORD),
        lambda: helped.acting_as(actor).administrators.delete(ADMINISTRATOR),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    # A repository user of the same name is somebody else.
    with pytest.raises(PermissionDenied):
        helped.acting_as(Actor(HELPER)).administrators.set_password(HELPER, PASSWORD)


def test_a_token_gives_nobody_more_than_it_has(helped: Registry) -> None:
    """A narrow token would otherwise make itself a wider one, or a password."""
    administrators = helped.acting_as(OPERATOR).administrators
    administrators.set_areas(HELPER, [Area.REPOSITORIES, Area.USERS])
    token, secret = administrators.create_token(HELPER, areas=[Area.USERS])
    narrow, _its_token = helped.sessions.with_token(secret)
    whole = administrator(Area.REPOSITORIES, Area.USERS)
    for refused in (
        lambda: helped.acting_as(narrow).administrators.create_token(HELPER, areas=[Area.USERS]),
        lambda: helped.acting_as(narrow).administrators.set_password(HELPER, PASSWORD),
        lambda: helped.acting_as(narrow).administrators.revoke_token(token.id),
        lambda: helped.acting_as(whole).administrators.create_token(HELPER, areas=EVERY_AREA),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    helped.acting_as(whole).administrators.create_token(HELPER, areas=[Area.USERS])


@pytest.mark.parametrize(
    "areas", [{Area.SETTINGS}, {Area.SETTINGS, Area.USERS}, {Area.SETTINGS, Area.REPOSITORIES}]
)
@pytest.mark.parametrize("by_token", [True, False])
def test_nobody_gives_areas_that_it_does_not_have(
    areas: set[Area], by_token: bool, helped: Registry
) -> None:
    """Neither with a token that has less than its administrator, nor as an administrator."""
    administrators = helped.acting_as(OPERATOR).administrators
    administrators.set_areas(HELPER, EVERY_AREA if by_token else areas)
    administrators.create("third", PASSWORD, areas=areas)
    _token, secret = administrators.create_token(HELPER, areas=areas)
    actor, _its_token = helped.sessions.with_token(secret)
    before = administrators.all(), administrators.tokens(ADMINISTRATOR)
    for refused in (
        lambda: helped.acting_as(actor).administrators.create("new", PASSWORD),
        lambda: helped.acting_as(actor).administrators.create(
            "new", PASSWORD, areas=EVERY_AREA - areas
        ),
        lambda: helped.acting_as(actor).administrators.set_areas("third", EVERY_AREA),
        lambda: helped.acting_as(actor).administrators.set_areas(ADMINISTRATOR, areas),
        lambda: helped.acting_as(actor).administrators.set_password(ADMINISTRATOR, "another horse"),
        lambda: helped.acting_as(actor).administrators.set_password(ADMINISTRATOR, PASSWORD),
        lambda: helped.acting_as(actor).administrators.create_token(HELPER, areas=EVERY_AREA),
        lambda: helped.acting_as(actor).administrators.create_token(ADMINISTRATOR, areas=areas),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    assert (administrators.all(), administrators.tokens(ADMINISTRATOR)) == before
    # What it has itself, it gives; and who has more can leave, by it too.
    helped.acting_as(actor).administrators.create("new", PASSWORD, areas=areas)
    helped.acting_as(actor).administrators.set_password("new", "another horse")
    helped.acting_as(actor).administrators.create_token("new", areas=areas)
    helped.acting_as(actor).administrators.set_areas("new", {Area.SETTINGS})
    token, _secret = administrators.create_token(ADMINISTRATOR)
    helped.acting_as(actor).administrators.revoke_token(token.id)
    helped.acting_as(actor).administrators.delete(ADMINISTRATOR)


def test_somebody_can_always_manage_administrators(helped: Registry) -> None:
    for refused in (
        lambda: helped.acting_as(OPERATOR).administrators.set_areas(ADMINISTRATOR, {Area.USERS}),
        lambda: helped.acting_as(OPERATOR).administrators.delete(ADMINISTRATOR),
    ):
        with pytest.raises(LastAdministrator):
            refused()
    helped.acting_as(OPERATOR).administrators.set_areas(HELPER, {Area.SETTINGS})
    helped.acting_as(OPERATOR).administrators.set_areas(ADMINISTRATOR, {Area.USERS})
    assert helped.acting_as(OPERATOR).administrators.get(ADMINISTRATOR).areas == {Area.USERS}


def test_a_session_from_signing_in_to_signing_out(helped: Registry, database: Database) -> None:
    session = helped.sessions.sign_in(ADMINISTRATOR.upper(), PASSWORD, ADDRESS)
    found = helped.sessions.find(session.secret)
    assert found == session
    assert session.actor == administrator(*EVERY_AREA, name=ADMINISTRATOR)
    assert session.has_form_token(session.form_token)
    assert not session.has_form_token(session.secret)
    with database.snapshot() as connection:
        stored = repr(connection.execute(sessions.select()).all())
    assert session.secret not in stored
    assert session.form_token not in stored
    helped.sessions.sign_out(session)
    assert helped.sessions.find(session.secret) is None


@pytest.mark.parametrize(
    "end",
    [
        lambda registry: registry.sessions.sign_out_everywhere(administrator(name=ADMINISTRATOR)),
        lambda registry: registry.acting_as(OPERATOR).administrators.set_password(
            ADMINISTRATOR, "another horse"
        ),
        lambda registry: registry.acting_as(OPERATOR).administrators.delete(ADMINISTRATOR),
    ],
    ids=["sign out everywhere", "new password", "deleted"],
)
def test_what_ends_every_session_of_an_administrator(helped: Registry, end) -> None:
    helped.acting_as(OPERATOR).administrators.set_areas(HELPER, EVERY_AREA)
    sessions = [helped.sessions.sign_in(ADMINISTRATOR, PASSWORD, ADDRESS) for _ in range(2)]
    other = helped.sessions.sign_in(HELPER, PASSWORD, ADDRESS)
    end(helped)
    assert [helped.sessions.find(session.secret) for session in sessions] == [None, None]
    assert helped.sessions.find(other.secret) == other


def test_permissions_change_within_a_session(helped: Registry) -> None:
    session = helped.sessions.sign_in(HELPER, PASSWORD, ADDRESS)
    helped.acting_as(OPERATOR).administrators.set_areas(HELPER, {Area.USERS})
    found = helped.sessions.find(session.secret)
    assert found is not None
    assert found.actor.areas == {Area.USERS}


def test_only_administrators_sign_in_and_guessing_is_slowed_down(helped: Registry) -> None:
    for name, password in ((USER, PASSWORD), (ADMINISTRATOR, "wrong one"), ("\0", "x")):
        with pytest.raises(InvalidCredentials, match=r"^The name or password is wrong\.$"):
            helped.sessions.sign_in(name, password, ADDRESS)
    for _ in range(9):
        with pytest.raises(InvalidCredentials):
            helped.sessions.sign_in(ADMINISTRATOR, "wrong one", ADDRESS)
    with pytest.raises(TooManyFailedLogins):
        helped.sessions.sign_in(ADMINISTRATOR, PASSWORD, ADDRESS)
    helped.sessions.sign_in(ADMINISTRATOR, PASSWORD, "192.0.2.2")


def test_a_token_passes_on_what_both_may(helped: Registry) -> None:
    helped.acting_as(OPERATOR).administrators.set_areas(HELPER, {Area.USERS, Area.REPOSITORIES})
    token, secret = helped.acting_as(OPERATOR).administrators.create_token(
        HELPER, areas={Area.USERS, Area.SETTINGS}, read_only=True
    )
    actor, found = helped.sessions.with_token(secret)
    assert (actor, found) == (administrator(Area.USERS), token)
    assert token.prefix == secret[: len(token.prefix)]
    helped.acting_as(OPERATOR).administrators.revoke_token(token.id)
    with pytest.raises(InvalidCredentials):
        helped.sessions.with_token(secret)
    with pytest.raises(UnknownToken):
        helped.acting_as(OPERATOR).administrators.revoke_token(token.id)


@pytest.mark.parametrize("life", [timedelta(), timedelta(days=-1), timedelta(days=367)])
def test_tokens_of_administrators_expire(helped: Registry, life: timedelta) -> None:
    with pytest.raises(InvalidSetting):
        helped.acting_as(OPERATOR).administrators.create_token(HELPER, expires_in=life)


def test_an_expired_token_is_refused(helped: Registry) -> None:
    _token, secret = helped.acting_as(OPERATOR).administrators.create_token(
        HELPER, expires_in=timedelta(microseconds=1)
    )
    with pytest.raises(InvalidCredentials, match="expired"):
        helped.sessions.with_token(secret)


def test_neither_kind_of_token_opens_the_other_side(helped: Registry) -> None:
    _token, administrators = helped.acting_as(OPERATOR).administrators.create_token(ADMINISTRATOR)
    _token, users = helped.acting_as(OPERATOR).accounts.create_token(USER)
    with pytest.raises(InvalidCredentials):
        helped.sessions.with_token(users)
    authenticate = basic_or_token(helped.repository("main").login)
    with pytest.raises(InvalidCredentials, match="administrator"):
        authenticate({"HTTP_AUTHORIZATION": f"Bearer {administrators}"})


def test_a_disabled_user_is_refused_and_keeps_everything(helped: Registry) -> None:
    _token, secret = helped.acting_as(OPERATOR).accounts.create_token(USER)
    authenticate = basic_or_token(helped.repository("main").login)
    environ = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
    before = authenticate(environ)
    helped.acting_as(OPERATOR).accounts.set_disabled(USER, True)
    with pytest.raises(InvalidCredentials, match="disabled"):
        authenticate(environ)
    helped.acting_as(OPERATOR).accounts.set_disabled(USER, False)
    assert authenticate(environ) == before


def test_the_journal_filters_and_pages(helped: Registry) -> None:
    helped.acting_as(administrator(Area.REPOSITORIES)).repositories.create("other")
    everything = helped.acting_as(OPERATOR).activity.entries()
    assert [entry.id for entry in everything] == sorted((e.id for e in everything), reverse=True)
    first = helped.acting_as(OPERATOR).activity.entries(limit=2)
    rest = helped.acting_as(OPERATOR).activity.entries(before=first[-1].id)
    assert first + rest == everything
    (entry,) = helped.acting_as(OPERATOR).activity.entries(JournalFilter(actor=HELPER))
    assert (entry.action, entry.actor_kind) == ("create repository", "administrator")
    assert helped.acting_as(OPERATOR).activity.entries(JournalFilter(repository="other")) == [entry]
    assert helped.acting_as(OPERATOR).activity.entries(JournalFilter(since=entry.at)) == [entry]
    assert (
        helped.acting_as(OPERATOR).activity.entries(JournalFilter(until=entry.at)) == everything[1:]
    )
    assert "create repository" in helped.acting_as(OPERATOR).activity.actions()
    with pytest.raises(PermissionDenied):
        helped.acting_as(Actor(USER)).activity.entries()


def test_no_text_holds_what_a_database_cannot_keep(helped: Registry) -> None:
    """PostgreSQL takes no NUL, so it is refused on both engines and never a server error.

    Nor can it be one line that is shown to people.
    """
    upload(helped, wheel("demo", "1.0"))
    for refused in (
        lambda: helped.acting_as(OPERATOR).repositories.create("other", description="\0"),
        lambda: helped.acting_as(OPERATOR).repositories.change("main", description="a\0b"),
        lambda: helped.acting_as(OPERATOR).projects.set_status("main", "demo", "archived", "\0"),
        lambda: helped.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "\0"),
        lambda: helped.acting_as(OPERATOR).projects.yank_file(
            "main", "demo-1.0-py3-none-any.whl", "\0"
        ),
        lambda: helped.acting_as(OPERATOR).accounts.create_token(USER, name="\0"),
        lambda: helped.acting_as(OPERATOR).administrators.create_token(HELPER, name="\0"),
        lambda: helped.acting_as(OPERATOR).groups.create("platform", description="\0"),
        lambda: helped.repository("main").own_uploads.yank(UPLOADER, normalize("demo"), "1", "\0"),
    ):
        with pytest.raises(InvalidSetting, match="NUL"):
            refused()
