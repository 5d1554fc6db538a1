"""The pages on which repository users manage their own account."""

import re
from urllib.parse import urljoin

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Access, Actor, Registry
from pypi_repo.web.account.user_agents import in_words
from tests.conftest import PASSWORD, READER, USER
from tests.support.http import basic
from tests.support.portal import AccountClient, refusal_of, refused_fields, text_of
from tests.support.sessions import begun_session
from tests.support.sql import count_statements

_SECRET = re.compile(r"ppr_[A-Za-z0-9_-]{43}")


@pytest.fixture
def account(registry: Registry) -> AccountClient:
    client = AccountClient(registry)
    assert client.sign_in(USER, PASSWORD).status_code == 303
    return client


def test_b3_what_the_user_may_do_is_said_in_words(registry: Registry) -> None:
    acting = registry.acting_as(OPERATOR)
    acting.repositories.create("hidden")
    acting.repositories.create("open", public=True)
    acting.groups.create("team", patterns={("main", "acme-*"): Access.WRITE})
    acting.groups.add_members("team", [READER])
    acting.accounts.set_access(READER, Access.NONE, {"main": Access.READ})
    client = AccountClient(registry)
    client.sign_in(READER, PASSWORD)
    text = text_of(client.get(""))
    assert "main install, and publish some projects the group team: read and write," in text
    assert "your own access: read" in text
    assert "open install everybody may install from it" in text
    assert "hidden" not in text


def test_b3_a_token_is_made_shown_once_and_revoked(
    registry: Registry, account: AccountClient
) -> None:
    response = account.post(
        "tokens",
        token_name="laptop",
        repository="main",
        projects="acme-*, Demo",
        read_only="yes",
        expires_in="30",
    )
    target = response.headers["Location"]
    page = account.client.get(urljoin("/account/tokens", target))
    secret = _SECRET.findall(page.text)[0]
    assert f"password = {secret}" in text_of(page)  # ~/.pypirc
    assert f"__token__:{secret}@localhost/repositories/main/simple/" in page.text
    assert "laptop" in text_of(page)
    assert "main, acme-*, demo, read only" in text_of(page)
    again = account.client.get(urljoin("/account/tokens", target))
    assert secret not in again.text
    login = registry.repository("main").login
    assert login.with_token(secret, "192.0.2.1").grants.on("main", "acme-x") is Access.READ
    (token,) = registry.acting_as(OPERATOR).accounts.tokens(USER)
    page = account.send(f"tokens/{token.id}/revoke")
    assert "Revoked the token “laptop”" in text_of(page)
    assert registry.acting_as(OPERATOR).accounts.tokens(USER) == []


def test_lines_to_publish_are_for_who_may_publish(registry: Registry) -> None:
    client = AccountClient(registry)
    client.sign_in(READER, PASSWORD)
    page = client.send("tokens", token_name="x")
    assert "pip install" in text_of(page)
    assert "twine upload" not in text_of(page)


@pytest.mark.parametrize(
    ("field", "value"),
    [("projects", "a/b"), ("expires_in", "soon"), ("expires_in", "99999"), ("token_name", "a\0b")],
)
def test_what_is_wrong_with_a_token_is_said_at_its_field(
    field: str, value: str, registry: Registry, account: AccountClient
) -> None:
    response = account.post("tokens", **{"token_name": "x", field: value})
    assert response.status_code == 400
    assert list(refused_fields(response)) == [field] or refusal_of(response)
    assert registry.acting_as(OPERATOR).accounts.tokens(USER) == []


def test_b3_sessions_are_shown_and_ended(registry: Registry, account: AccountClient) -> None:
    other = registry.user_sessions.sign_in(
        USER, PASSWORD, "192.0.2.9", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"
    )
    assert "Firefox on Linux" in text_of(account.get(""))
    found = re.search(r'action="(sessions/\d+/end)"', account.get("").text)
    assert found is not None
    page = account.send(found[1])
    assert "signed out there" in text_of(page)
    assert registry.user_sessions.find(other.secret) is None


def test_b3_a_new_password_signs_out(registry: Registry, account: AccountClient) -> None:
    wrong = account.post("password", current="wrong horse", password="short", again="other")
    assert wrong.status_code == 401
    assert {"current", "password", "again"} >= set(refused_fields(wrong)) >= {"current"}
    done = account.post(
        "password", current=PASSWORD, password="another horse", again="another horse"
    )
    page = account.follow("password", done)
    assert "password was changed" in text_of(page)
    assert account.get("").status_code == 303
    assert account.sign_in(USER, "another horse").status_code == 303


def test_without_a_password_none_can_be_changed(registry: Registry) -> None:
    registry.acting_as(OPERATOR).accounts.create_user("new@example.com", None)
    session = begun_session(registry, "new@example.com", "192.0.2.1")
    client = AccountClient(registry)
    client.client.set_cookie("pypi_repo_user", session.secret)
    assert 'name="current"' not in client.get("").text


def test_links_lead_to_the_right_places_below_a_prefix(registry: Registry) -> None:
    client = Client(registry.wsgi_app())
    outer = {"SCRIPT_NAME": "/packages"}
    form = {"name": USER, "password": PASSWORD}
    response = client.post("/account/sign-in", data=form, environ_overrides=outer)
    cookie = response.headers["Set-Cookie"]
    assert "Path=/packages;" in cookie
    assert urljoin("/packages/account/sign-in", response.headers["Location"]) == (
        "/packages/account/"
    )
    secret = cookie.partition(";")[0]
    page = client.get("/account/", environ_overrides=outer, headers={"Cookie": secret})
    found = re.findall(r'<th scope="row"><a href="([^"]*)">main', page.text)
    assert [urljoin("/packages/account/", link) for link in found] == [
        "/packages/repositories/main/"
    ]


def test_a_host_with_its_own_accounts_has_no_such_pages(registry: Registry) -> None:
    app = registry.wsgi_app(authenticate=lambda _environ: Actor("host"))
    assert Client(app).get("/account/").status_code == 404


def test_an_invitation_is_accepted(registry: Registry) -> None:
    registry.acting_as(OPERATOR).accounts.create_user("new@example.com", None)
    secret = registry.acting_as(OPERATOR).invitations.invite("new@example.com")
    client = AccountClient(registry)
    path = f"invitation/{secret}"
    page = client.get(path)
    assert "new@example.com" in text_of(page)
    refused = client.post(path, password="short", again="shorter")
    assert refused.status_code == 400
    assert set(refused_fields(refused)) == {"password"} or refused_fields(refused)
    done = client.post(path, password="a new horse", again="a new horse")
    assert "Your password is set" in text_of(client.follow(path, done))
    assert client.get(path).status_code == 404
    assert client.post(path, password="b new horse", again="b new horse").status_code == 404
    assert client.sign_in("new@example.com", "a new horse").status_code == 303


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15",
            "Safari on macOS",
        ),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "A browser that does not say which"),
    ],
)
def test_browsers_in_words(said: str, words: str) -> None:
    assert in_words(said) == words


def test_b1_the_cookie_opens_what_the_user_may_read(
    registry: Registry, account: AccountClient
) -> None:
    for path in ("", "simple/", "simple/demo/"):
        url = f"/repositories/main/{path}"
        status = account.client.get(url).status_code
        assert (
            status
            == Client(registry.wsgi_app()).get(url, headers=basic(USER, PASSWORD)).status_code
        )
        assert status != 401
        assert Client(registry.wsgi_app()).get(url).status_code == 401
    registry.acting_as(OPERATOR).accounts.set_access(USER, Access.NONE)
    assert account.client.get("/repositories/main/simple/").status_code in (401, 403, 404)


def test_g4_the_cookie_costs_as_many_statements_as_a_password(
    registry: Registry, account: AccountClient
) -> None:
    """The account with all its rights, and the page."""
    counted = []
    for client, headers in (
        (account.client, {}),
        (Client(registry.wsgi_app()), basic(USER, PASSWORD)),
    ):
        url = "/repositories/main/simple/"
        assert client.get(url, headers=headers).status_code == 200
        description = f"after {len(counted)}"
        registry.acting_as(OPERATOR).repositories.change("main", description=description)
        with count_statements(registry._database) as statements:
            assert client.get(url, headers=headers).status_code == 200
        counted.append(len(statements))
    assert counted == [2, 2]


@pytest.mark.parametrize("number", [1, 20])
def test_what_the_account_asks_of_the_database_is_the_same_for_many_tokens(
    number: int, registry: Registry, account: AccountClient
) -> None:
    operator = registry.acting_as(OPERATOR)
    for each in range(number):
        operator.repositories.create(f"more-{each}")
        operator.accounts.create_token(USER)
        registry.user_sessions.sign_in(USER, PASSWORD, "192.0.2.1")
    with count_statements(registry._database) as statements:
        assert account.get("").status_code == 200
    # Repositories, tokens and sessions; before each, and for the page itself, whose session it is.
    assert len(statements) == 8, statements
