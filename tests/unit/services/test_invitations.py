"""Links with which people set their passwords themselves."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, update

from pypi_repo import OPERATOR, Actor, Registry
from pypi_repo.domain.accounts.access import ActorKind, Area
from pypi_repo.domain.accounts.errors import (
    InvalidCredentials,
    InvalidPassword,
    UnknownAccount,
    UnknownInvitation,
)
from pypi_repo.domain.errors import Conflict, InvalidSetting, PermissionDenied
from pypi_repo.domain.journal import EVERYTHING
from pypi_repo.storage.database.account_tables import invitations
from pypi_repo.storage.database.database import Database
from tests.conftest import PASSWORD, USER

NEW, CHOSEN = "new@example.com", "a horse of my own"
HERE = "192.0.2.1"


def _invited(registry: Registry, name: str = NEW) -> str:
    registry.acting_as(OPERATOR).accounts.create_user(name, None)
    return registry.acting_as(OPERATOR).invitations.invite(name)


def test_an_invitation_is_accepted_once(both: Registry) -> None:
    secret = _invited(both)
    invitation = both.invitations.find(secret)
    assert invitation.user == NEW
    assert both.acting_as(OPERATOR).invitations.of(NEW) == invitation
    assert timedelta(days=6) < invitation.expires_at - datetime.now(UTC) <= timedelta(days=7)
    assert both.invitations.accept(secret, CHOSEN) == NEW
    assert both.user_sessions.sign_in(NEW, CHOSEN, HERE).actor.name == NEW
    for again in (
        lambda: both.invitations.accept(secret, "another horse"),
        lambda: both.invitations.find(secret),
    ):
        with pytest.raises(UnknownInvitation):
            again()
    assert both.acting_as(OPERATOR).invitations.of(NEW) is None
    both.user_sessions.sign_in(NEW, CHOSEN, HERE)


def test_a_password_that_is_too_weak_uses_nothing_up(both: Registry) -> None:
    secret = _invited(both)
    with pytest.raises(InvalidPassword):
        both.invitations.accept(secret, "short")
    both.invitations.accept(secret, CHOSEN)


def test_of_two_who_accept_at_once_one_wins(both: Registry) -> None:
    secret = _invited(both)
    start = Barrier(4)

    def accept(number: int) -> bool:
        start.wait()
        try:
            both.invitations.accept(secret, f"horse number {number}")
        except UnknownInvitation:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        won = list(threads.map(accept, range(4)))
    assert sum(won) == 1
    both.user_sessions.sign_in(NEW, f"horse number {won.index(True)}", HERE)


def test_who_forgot_the_password_gets_a_new_link(both: Registry) -> None:
    session = both.user_sessions.sign_in(USER, PASSWORD, HERE)
    invitations_of = both.acting_as(OPERATOR).invitations
    first, second = invitations_of.invite(USER), invitations_of.invite(USER.upper())
    with pytest.raises(UnknownInvitation):
        both.invitations.find(first)
    both.user_sessions.sign_in(USER, PASSWORD, HERE)  # until somebody accepts
    both.invitations.accept(second, CHOSEN)
    assert both.user_sessions.find(session.secret) is None
    with pytest.raises(InvalidCredentials):
        both.user_sessions.sign_in(USER, PASSWORD, HERE)


def test_an_invitation_ends(both: Registry, database: Database) -> None:
    acting = both.acting_as(OPERATOR)

    def expire() -> None:
        with database.begin() as connection:
            connection.execute(update(invitations).values(expires_at=datetime.now(UTC)))

    for end in (
        expire,
        lambda: acting.invitations.withdraw(USER),
        lambda: acting.accounts.set_password(USER, "another horse"),
        lambda: acting.accounts.set_disabled(USER, True),
        lambda: acting.accounts.change_user(USER, tokens_only=True),
        lambda: acting.accounts.delete_user(USER),
    ):
        acting.accounts.change_user(USER, disabled=False, tokens_only=False)
        secret = acting.invitations.invite(USER)
        end()
        with pytest.raises(UnknownInvitation):
            both.invitations.find(secret)
        with pytest.raises(UnknownInvitation):
            both.invitations.accept(secret, CHOSEN)


def test_nobody_is_invited_who_could_not_accept(both: Registry) -> None:
    acting = both.acting_as(OPERATOR)
    acting.accounts.set_disabled(USER, True)
    with pytest.raises(Conflict):
        acting.invitations.invite(USER)
    acting.accounts.change_user(USER, disabled=False, tokens_only=True)
    with pytest.raises(Conflict):
        acting.invitations.invite(USER)


def test_an_invitation_does_not_come_back(both: Registry) -> None:
    acting = both.acting_as(OPERATOR)
    for name in ("disabled", "tokens_only"):
        secret = acting.invitations.invite(USER)
        acting.accounts.change_user(USER, **{name: True})
        acting.accounts.change_user(USER, **{name: False})
        with pytest.raises(UnknownInvitation):
            both.invitations.accept(secret, CHOSEN)


def test_only_who_manages_users_invites(both: Registry) -> None:
    for actor in (
        Actor(USER),
        Actor("helper", kind=ActorKind.ADMINISTRATOR, areas=frozenset({Area.REPOSITORIES})),
    ):
        refused = both.acting_as(actor).invitations
        for call in (refused.invite, refused.of, refused.withdraw):
            with pytest.raises(PermissionDenied):
                call(USER)


def test_what_cannot_be_is_refused(both: Registry) -> None:
    inviting = both.acting_as(OPERATOR).invitations
    for life in (timedelta(), timedelta(days=-1), timedelta(days=91)):
        with pytest.raises(InvalidSetting):
            inviting.invite(USER, expires_in=life)
    with pytest.raises(UnknownAccount):
        inviting.invite("nobody")
    accounts = both.acting_as(OPERATOR).accounts
    accounts.set_disabled(USER, True)
    with pytest.raises(Conflict, match="disabled"):
        inviting.invite(USER)
    accounts.set_disabled(USER, False)
    accounts.change_user(USER, tokens_only=True)
    with pytest.raises(Conflict, match="switched off"):
        inviting.invite(USER)


def test_the_secret_is_neither_stored_nor_in_the_journal(
    both: Registry, database: Database
) -> None:
    secret = _invited(both)
    assert secret not in str(database.execute(select(invitations)).all())
    both.invitations.accept(secret, CHOSEN)
    entries = both.acting_as(OPERATOR).activity.entries(EVERYTHING)
    assert [entry.action for entry in entries][:3] == [
        "set password of user",
        "accept invitation",
        "invite user",
    ]
    assert secret not in str(entries)


@pytest.mark.parametrize("secret", ["", "x", "\0", "\ud800", "é" * 10_000])
def test_unknown_secrets_are_told_alike(both: Registry, secret: str) -> None:
    with pytest.raises(UnknownInvitation):
        both.invitations.accept(secret, CHOSEN)
