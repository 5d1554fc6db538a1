"""Administrators who invite people, in the portal and by the API."""

import logging
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from pypi_repo import OPERATOR, Access, Actor, ActorKind, Area, PortalApp, Registry, Settings
from pypi_repo.domain.accounts.errors import InvalidCredentials
from tests.conftest import ADMINISTRATOR, PASSWORD, USER, populate
from tests.support.api import ApiClient
from tests.support.mail import MailServer
from tests.support.portal import AccountClient, PortalClient, refusal_of, text_of

NEW, CHOSEN = "new@example.com", "a horse of my own"
_LINK = re.compile(r"http://localhost/account/invitation/ppi_[A-Za-z0-9_-]{43}")


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    client = PortalClient(registry)
    client.sign_in(ADMINISTRATOR, PASSWORD)
    return client


def _accepts(registry: Registry, link: str, name: str) -> None:
    client = AccountClient(registry)
    path = urlsplit(link).path.removeprefix("/account/")
    assert client.post(path, password=CHOSEN, again=CHOSEN).status_code == 303
    assert registry.user_sessions.sign_in(name, CHOSEN, "192.0.2.1").actor.name == name


def test_a_new_user_is_invited_with_its_access(registry: Registry, portal: PortalClient) -> None:
    page = portal.send("new-user", name=NEW, everywhere="read", do="invite", password="ignored 1")
    (link,) = _LINK.findall(page.text)
    assert "Withdraw the invitation" in page.text
    assert link not in portal.get(f"users/{NEW}").text  # shown once
    with pytest.raises(InvalidCredentials):
        registry.user_sessions.sign_in(NEW, "ignored 1", "192.0.2.1")
    assert registry.acting_as(OPERATOR).accounts.user(NEW).grants.everywhere is Access.READ
    _accepts(registry, link, NEW)
    assert "Withdraw the invitation" not in portal.get(f"users/{NEW}").text


def test_a_new_link_for_who_has_forgotten_the_password(
    registry: Registry, portal: PortalClient
) -> None:
    first = _LINK.findall(portal.send(f"users/{USER}/invitation", do="invite").text)[0]
    second = _LINK.findall(portal.send(f"users/{USER}/invitation", do="invite").text)[0]
    client = AccountClient(registry)
    assert client.get(urlsplit(first).path.removeprefix("/account/")).status_code == 404
    _accepts(registry, second, USER)


def test_an_invitation_is_withdrawn(registry: Registry, portal: PortalClient) -> None:
    link = _LINK.findall(portal.send(f"users/{USER}/invitation", do="invite").text)[0]
    page = portal.send(f"users/{USER}/invitation", do="withdraw")
    assert "Withdrew the invitation" in text_of(page)
    client = AccountClient(registry)
    assert client.get(urlsplit(link).path.removeprefix("/account/")).status_code == 404


def test_who_may_not_be_invited(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).accounts.change_user(USER, tokens_only=True)
    response = portal.post(f"users/{USER}/invitation", do="invite")
    assert response.status_code == 409
    assert "switched off" in refusal_of(response)
    assert portal.post("users/nobody/invitation", do="invite").status_code == 404


def test_a_host_with_its_own_accounts_invites_nobody(registry: Registry) -> None:
    administrator = Actor("boss", kind=ActorKind.ADMINISTRATOR, areas=frozenset({Area.USERS}))
    client = PortalClient(registry)
    client.client.application = registry.wsgi_app(authenticate=lambda _environ: administrator)
    assert "Invite" not in client.get("new-user").text
    assert "Invite" not in client.get(f"users/{USER}").text
    assert client.post(f"users/{USER}/invitation", do="invite").status_code == 404
    assert PortalApp(registry, authenticate=lambda _environ: administrator) is not None


# By mail


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def mailing(mails: MailServer) -> Iterator[Registry]:
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4, smtp=mails.url())
    with Registry(settings) as registry:
        populate(registry)
        yield registry


def test_the_link_is_mailed(
    mailing: Registry, mails: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    portal = PortalClient(mailing)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    with caplog.at_level(logging.DEBUG):
        page = portal.send("new-user", name=NEW, everywhere="read", do="invite")
    assert f"Mailed an invitation to {NEW}" in text_of(page)
    assert _LINK.findall(page.text) == []
    assert mails.mails[0].rcpt_tos == [NEW]
    (link,) = _LINK.findall(mails.text())
    assert link.rpartition("ppi_")[2] not in caplog.text
    _accepts(mailing, link, NEW)


def test_where_mail_fails_the_link_is_shown_with_the_reason(
    mailing: Registry, mails: MailServer
) -> None:
    mails.refuse("554 We take no mail")
    portal = PortalClient(mailing)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    page = portal.send(f"users/{USER}/invitation", do="invite")
    assert "could not be sent through 127.0.0.1: We take no mail" in text_of(page)
    _accepts(mailing, _LINK.findall(page.text)[0], USER)


@pytest.mark.parametrize("name", ["build-server", "a@b.example,c@d.example"])
def test_no_mail_goes_to_what_is_no_address(
    name: str, mailing: Registry, mails: MailServer
) -> None:
    portal = PortalClient(mailing)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    page = portal.send("new-user", name=name, everywhere="read", do="invite")
    assert len(_LINK.findall(page.text)) == 1
    assert mails.mails == []


# By the API


def test_the_api_invites(registry: Registry) -> None:
    api = ApiClient(registry, ADMINISTRATOR)
    url = f"users/{USER}/invitation"
    assert api.get(url).get_json()["error"] == "unknown-invitation"
    created = api.post(url, {"expires_in_days": 1})
    assert created.status_code == 201
    document = created.get_json()
    assert document["path"] == f"account/invitation/{document['secret']}"
    assert document["user"] == USER
    shown = api.get(url)
    assert shown.status_code == 200
    assert document["secret"] not in shown.text
    _accepts(registry, f"http://localhost/{document['path']}", USER)
    assert api.get(url).status_code == 404
    api.post(url, {})
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404
    assert api.post(url, {"expires_in_days": 91}).status_code == 422
    assert api.post("users/nobody/invitation", {}).status_code == 404
