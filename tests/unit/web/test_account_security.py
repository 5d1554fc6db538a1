"""What attackers of the pages of repository users try."""

import logging
from datetime import timedelta
from http.cookies import SimpleCookie
from urllib.parse import quote, urljoin, urlsplit

import pytest
from werkzeug.routing import Map, Rule
from werkzeug.test import Client

from pypi_repo import OPERATOR, Access, Registry, Settings
from pypi_repo.domain.journal import EVERYTHING
from pypi_repo.settings import Limits
from pypi_repo.web.account.app import ROUTES
from tests.conftest import ADMINISTRATOR, PASSWORD, READER, USER, populate
from tests.support.distributions import multipart, upload_form, wheel
from tests.support.http import basic, bearer
from tests.support.portal import AccountClient, PortalClient, refusal_of, text_of
from tests.support.uploads import upload

COOKIE = "pypi_repo_user"
PUBLIC_FORMS = {"sign-in", "invitation/x"}
CHANGES = [
    ("sign-out", {}),
    ("sign-out-everywhere", {}),
    ("password", {"current": PASSWORD, "password": "new password", "again": "new password"}),
    ("tokens", {"token_name": "x"}),
    ("tokens/1/revoke", {}),
    ("sessions/1/end", {}),
]
_NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}


@pytest.fixture
def account(registry: Registry) -> AccountClient:
    client = AccountClient(registry)
    assert client.sign_in(USER, PASSWORD).status_code == 303
    return client


def _cookie(client: AccountClient) -> str:
    found = client.client.get_cookie(COOKIE)
    assert found is not None
    return found.value


def _state(registry: Registry) -> object:
    session = registry.user_sessions.sign_in(READER, PASSWORD, "192.0.2.1")
    del session
    return [
        (entry.action, entry.actor)
        for entry in registry.acting_as(OPERATOR).activity.entries(EVERYTHING)
        if entry.action != "sign in"
    ]


def test_every_change_is_among_those_that_are_tried() -> None:
    urls = Map([Rule(route.path, endpoint=route) for route in ROUTES]).bind("")
    tried = {urls.match(f"/{path}")[0].path for path, _fields in CHANGES}
    assert tried == {route.path for route in ROUTES if route.act and not route.public}


@pytest.mark.parametrize(("path", "fields"), CHANGES)
@pytest.mark.parametrize("token", ["", "0" * 64, "\ud800"])
def test_b2_a_form_without_the_sessions_token_changes_nothing(
    path: str, fields: dict[str, str], token: str, registry: Registry, account: AccountClient
) -> None:
    before = _state(registry)
    account.form_token = token.encode("utf-8", "replace").decode()
    assert account.post(path, **fields).status_code == 403
    assert _state(registry) == before
    assert account.get("").status_code == 200


@pytest.mark.parametrize(("path", "fields"), CHANGES)
@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}]
)
def test_b2_another_sites_form_changes_nothing_even_with_the_token(
    path: str,
    fields: dict[str, str],
    headers: dict[str, str],
    registry: Registry,
    account: AccountClient,
) -> None:
    before = _state(registry)
    assert account.post(path, headers, **fields).status_code == 403
    assert _state(registry) == before
    assert account.get("").status_code == 200


@pytest.mark.parametrize("path", ["sign-in", "invitation/x"])
def test_b2_nobody_is_signed_in_from_another_site(path: str, registry: Registry) -> None:
    client = AccountClient(registry)
    response = client.post(
        path, {"Sec-Fetch-Site": "cross-site"}, name=USER, password=PASSWORD, again=PASSWORD
    )
    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers


def test_b2_a_planted_session_is_worth_nothing(registry: Registry) -> None:
    client = AccountClient(registry)
    client.client.set_cookie(COOKIE, "planted")
    assert client.sign_in(USER, PASSWORD).status_code == 303
    assert _cookie(client) != "planted"
    assert registry.user_sessions.find("planted") is None


def test_b2_who_signs_in_again_leaves_no_session_behind(
    registry: Registry, account: AccountClient
) -> None:
    first = _cookie(account)
    assert account.sign_in(READER, PASSWORD).status_code == 303
    assert _cookie(account) != first
    assert registry.user_sessions.find(first) is None


def test_b2_the_cookie_is_out_of_reach_of_scripts_and_sites(registry: Registry) -> None:
    for scheme in ("http", "https"):
        client = Client(registry.wsgi_app())
        response = client.post(
            "/account/sign-in",
            base_url=f"{scheme}://packages.example/",
            data={"name": USER, "password": PASSWORD},
        )
        cookie = SimpleCookie(response.headers["Set-Cookie"])[COOKIE]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["domain"]
        assert int(cookie["max-age"]) == timedelta(hours=12).total_seconds()
        assert bool(cookie["secure"]) == (scheme == "https")


def test_b2_an_administrators_password_opens_nothing_here(registry: Registry) -> None:
    client = AccountClient(registry)
    response = client.sign_in(ADMINISTRATOR, PASSWORD)
    assert response.status_code == 401
    assert "administrator's account" in refusal_of(response)
    assert "Set-Cookie" not in response.headers
    assert PortalClient(registry).sign_in(USER, PASSWORD).status_code == 401
    administrator = registry.sessions.sign_in(ADMINISTRATOR, PASSWORD, "192.0.2.1")
    client.client.set_cookie(COOKIE, administrator.secret)
    assert client.get("").status_code == 303


def test_b2_whether_a_name_exists_is_not_told(registry: Registry) -> None:
    answers = {
        refusal_of(AccountClient(registry).sign_in(name, "wrong horse"))
        for name in (USER, "nobody@example.com", ADMINISTRATOR, "a b", "", "x" * 1000)
    }
    assert len(answers) == 1


def test_b2_guessing_is_slowed_down() -> None:
    limits = Limits(failed_logins=3)
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4, limits=limits)
    with Registry(settings) as registry:
        populate(registry)
        client = AccountClient(registry)
        statuses = [client.sign_in(USER, f"horse {number}").status_code for number in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        refused = client.sign_in(USER, "horse 6")
        assert int(refused.headers["Retry-After"]) > 0
        # What failed there counts for package clients too, and the other way round.
        client_refused = Client(registry.wsgi_app()).get(
            "/repositories/main/simple/", headers=basic(USER, "horse 7")
        )
        assert client_refused.status_code == 429


def test_b2_the_cookie_neither_uploads_nor_administers(
    registry: Registry, account: AccountClient
) -> None:
    demo = wheel("demo")
    content = ("content", demo.filename, demo.content, None)
    body, content_type = multipart(upload_form(demo), [content])
    for path in ("/repositories/main/", "/repositories/main/legacy/"):
        response = account.client.post(path, data=body, content_type=content_type)
        assert response.status_code == 401
    assert account.client.get("/portal/").status_code == 303
    assert account.client.get("/portal/users").headers["Location"].startswith("sign-in")
    for path in ("repositories", "users"):
        assert account.client.get(f"/api/v1/{path}").status_code == 401
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        response = account.client.open("/repositories/main/simple/demo/", method=method)
        assert response.status_code in (401, 405)


def test_b3_neither_a_password_nor_a_token_opens_the_account(registry: Registry) -> None:
    """A token that leaked must not make others."""
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(USER)
    for headers in (basic(USER, PASSWORD), basic("__token__", secret), bearer(secret)):
        client = Client(registry.wsgi_app())
        for path in ("/account/", "/account/tokens"):
            assert client.get(path, headers=headers).status_code == 303
        response = client.post("/account/tokens", headers=headers, data={"token_name": "x"})
        assert response.status_code == 303
        assert "sign-in" in response.headers["Location"]
    assert len(registry.acting_as(OPERATOR).accounts.tokens(USER)) == 1


def test_a_header_wins_over_the_cookie(registry: Registry, account: AccountClient) -> None:
    url = "/repositories/main/simple/"
    assert account.client.get(url).status_code == 200
    assert account.client.get(url, headers=basic(USER, "wrong horse")).status_code == 401
    registry.acting_as(OPERATOR).accounts.set_access(READER, Access.NONE)
    refused = account.client.get(url, headers=basic(READER, PASSWORD)).status_code
    assert refused in (403, 404)


def test_no_shared_cache_hands_one_persons_page_to_another(
    registry: Registry, account: AccountClient
) -> None:
    upload(registry, wheel("demo"))
    for path in ("simple/", "simple/demo/", "pypi/demo/json"):
        response = account.client.get(f"/repositories/main/{path}")
        assert response.status_code == 200
        assert "private" in response.headers["Cache-Control"]
        assert "Cookie" in response.headers["Vary"]
    assert account.get("").headers["Cache-Control"] == "no-store"


def test_b2_sign_out_everywhere_holds_on_the_next_request(
    registry: Registry, account: AccountClient
) -> None:
    other = AccountClient(registry)
    other.sign_in(USER, PASSWORD)
    page = account.send("sign-out-everywhere")
    assert "signed out everywhere" in text_of(page)
    for client in (account, other):
        assert client.get("").status_code == 303
        assert client.client.get("/repositories/main/simple/").status_code == 401


def test_a_stolen_cookie_is_worth_nothing_after_signing_out(
    registry: Registry, account: AccountClient
) -> None:
    stolen = _cookie(account)
    account.send("sign-out")
    assert account.client.get_cookie(COOKIE) is None
    account.client.set_cookie(COOKIE, stolen)
    assert account.get("").status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/evil",
        "../../evil",
        "repositories/../../evil",
        "repositories//evil.example",
        "%2F%2Fevil.example",
        "%2e%2e/evil",
        "/%09/evil.example",
        "\t//evil.example",
        "a\r\nSet-Cookie: x=y",
        "?https://evil.example",
        "#//evil.example",
        "a?b=\r\nX: y",
    ],
)
def test_b2_after_the_sign_in_nobody_is_sent_elsewhere(wanted: str, registry: Registry) -> None:
    """Wherever it leads, it is below the root of the registry on this host."""
    client = AccountClient(registry)
    for given in (wanted, quote(wanted)):
        path = f"sign-in?next={quote(given)}"
        response = client.post(path, name=USER, password=PASSWORD)
        assert response.status_code == 303
        assert "X" not in response.headers
        assert len(response.headers.getlist("Set-Cookie")) == 1
        target = urlsplit(
            urljoin("http://localhost/packages/account/sign-in", response.headers["Location"])
        )
        assert (target.scheme, target.netloc) == ("http", "localhost")
        assert target.path.startswith("/packages/")
        client.send("sign-out") if client.form_token else None
        client.client.delete_cookie(COOKIE)
        client.form_token = ""


@pytest.mark.parametrize(
    "wanted",
    ["repositories/main/", "repositories/main/project/demo/?version=1.0", "account/tokens", ""],
)
def test_b2_after_the_sign_in_the_wanted_page_is_shown(wanted: str, registry: Registry) -> None:
    client = AccountClient(registry)
    path = f"sign-in?next={quote(wanted)}"
    response = client.post(path, name=USER, password=PASSWORD)
    target = urljoin("/account/sign-in", response.headers["Location"])
    assert target == f"/{wanted or 'account/'}"
    client.client.set_cookie(COOKIE, _cookie(client))
    assert client.get(path).headers["Location"] == response.headers["Location"]


@pytest.mark.parametrize("path", ["", "sign-in", "no-such-page", "invitation/x"])
def test_no_answer_can_be_framed_or_run_strange_scripts(path: str, account: AccountClient) -> None:
    response = account.get(path)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Cache-Control"] == "no-store"


def test_stored_text_is_only_text(registry: Registry, account: AccountClient) -> None:
    bad = "<script>alert(1)</script>"
    account.client.post(
        "/account/sign-in",
        data={"name": USER, "password": PASSWORD, "form_token": account.form_token},
        headers={"User-Agent": bad},
    )
    client = AccountClient(registry)
    client.sign_in(USER, PASSWORD)
    client.post("tokens", token_name=bad)
    for path in ("", f"sign-in?next={quote(bad)}"):
        assert "<script>alert" not in client.get(path).text
    fresh = AccountClient(registry)
    assert "<script>alert" not in fresh.post("sign-in", name=bad, password=bad).text


def test_passwords_never_come_back(account: AccountClient) -> None:
    typed = "typed password 1234"
    for path, fields in (
        ("password", {"current": typed, "password": typed, "again": typed}),
        ("sign-in", {"name": USER, "password": typed}),
    ):
        assert typed not in account.post(path, **fields).text


def test_the_secret_of_an_invitation_is_told_to_nobody(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    secret = registry.acting_as(OPERATOR).invitations.invite(USER)
    client = AccountClient(registry)
    path = f"invitation/{secret}"
    with caplog.at_level(logging.DEBUG):
        page = client.get(path)
        client.post(path, password="short", again="short")
        client.post(path, {"Sec-Fetch-Site": "cross-site"}, password="x")
        done = client.post(path, password="a new horse", again="a new horse")
        client.get(path)
    assert caplog.records
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "/account/invitation/***" in logged
    assert secret.removeprefix("ppi_") not in logged
    for response in (page, done):  # a Referer would say the host alone
        assert response.headers["Referrer-Policy"] == "strict-origin"
    assert secret not in page.text  # not even in the page itself
    assert secret not in str(registry.acting_as(OPERATOR).activity.entries(EVERYTHING))


def test_an_invitation_that_is_none_says_nothing(registry: Registry) -> None:
    client = AccountClient(registry)
    for path in ("invitation/x", f"invitation/ppi_{'a' * 43}", f"invitation/{'é' * 300}"):
        response = client.get(path)
        assert response.status_code == 404
        assert USER not in response.text


def test_the_pages_of_others_are_not_found(registry: Registry, account: AccountClient) -> None:
    token, secret = registry.acting_as(OPERATOR).accounts.create_token(READER)
    assert account.post(f"tokens/{token.id}/revoke").status_code == 404
    registry.user_sessions.sign_in(READER, PASSWORD, "192.0.2.1")
    assert account.post("sessions/2/end").status_code == 404
    assert registry.repository("main").login.with_token(secret, "192.0.2.1").name == READER


def test_navigation_headers_open_no_door(registry: Registry) -> None:
    client = Client(registry.wsgi_app())
    response = client.get("/account/tokens", headers=_NAVIGATION)
    assert urljoin("/account/tokens", response.headers["Location"]) == "/account/sign-in"


@pytest.mark.parametrize("name", ["elsewhere", COOKIE, "pypi_repo_sign_in"])
def test_cookies_that_are_no_text_matter_to_nobody(name: str, registry: Registry) -> None:
    """Another application of the host may set any bytes, and so may anybody else."""
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    session = registry.user_sessions.sign_in(USER, PASSWORD, "192.0.2.1")
    client = Client(registry.wsgi_app(), use_cookies=False)
    odd = {"HTTP_COOKIE": f"{name}=1.\xe9\xff.x"}
    for path in (
        "/",
        "/account/sign-in",
        "/repositories/main/",
        "/repositories/main/simple/",
        "/repositories/main/project/demo/",
        "/portal/sign-in",
    ):
        assert client.get(path, environ_overrides=odd).status_code in (200, 404), path
    for app in ("account", "portal"):
        path = f"/{app}/sign-in/sso/callback?state=x&code=y"
        assert client.get(path, environ_overrides=odd).status_code in (401, 404), path
    both = {"HTTP_COOKIE": f"elsewhere=\xe9; {COOKIE}={session.secret}"}
    assert client.get("/account/", environ_overrides=both).status_code == 200


def test_static_files_are_only_read(registry: Registry) -> None:
    client = Client(registry.wsgi_app())
    path = "/account/static/pages.css"
    assert client.get(path).status_code == 200
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        assert client.open(path, method=method).status_code == 405
