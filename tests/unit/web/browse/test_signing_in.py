"""B2: people sign in on a form, and clients log in by a header, at the same URLs."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest
from werkzeug.test import Client, TestResponse

from pypi_repo import ANONYMOUS, OPERATOR, BrowseApp, Registry, mount
from pypi_repo.web.browsers import asking_to_sign_in
from tests.conftest import ADMINISTRATOR, PASSWORD, USER
from tests.support.distributions import wheel
from tests.support.http import basic, environ_of
from tests.support.portal import text_of
from tests.support.uploads import page, upload
from tests.unit.web.browse.conftest import HTML

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


NAVIGATION = {**HTML, "Sec-Fetch-Mode": "navigate"}
MAIN = "/repositories/main/"
PATHS = [
    "",
    "?q=demo&page=2",
    "+connect",
    "project/demo/",
    "project/demo/files?version=1.0",
    "simple/",
    "simple/demo/",
    "pypi/demo/json",
    "demo/",
]


@pytest.fixture
def client(registry: Registry) -> Client:
    upload(registry, wheel("demo", "1.0"))
    return Client(registry.wsgi_app())


def _sign_in(client: Client, location: str = "/account/sign-in") -> TestResponse:
    return client.post(location, data={"name": USER, "password": PASSWORD})


@pytest.mark.parametrize("prefix", ["", "/team/pypi"])
@pytest.mark.parametrize("path", PATHS)
def test_a_browser_is_led_to_the_form_and_back(path: str, prefix: str, registry: Registry) -> None:
    upload(registry, wheel("demo", "1.0"))
    app = registry.wsgi_app()
    client = Client(mount({prefix: app}) if prefix else app)
    url = f"{prefix}{MAIN}{path}"
    answer = client.get(url, headers=NAVIGATION)
    assert answer.status_code == 303
    assert "WWW-Authenticate" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    form = urljoin(url, answer.headers["Location"])
    assert form.startswith(f"{prefix}/account/sign-in?next=")
    assert client.get(form, headers=NAVIGATION).status_code == 200
    back = _sign_in(client, form)
    assert back.status_code == 303
    wanted = urljoin(form, back.headers["Location"]).replace("%2B", "+")
    assert wanted == url
    assert client.get(wanted, headers=NAVIGATION).status_code in (200, 301)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        HTML,
        {"Accept": "text/html"},
        {"Accept": "*/*", "Sec-Fetch-Mode": "navigate"},
        {**HTML, "Sec-Fetch-Mode": "cors"},
        {**HTML, "Sec-Fetch-Mode": "no-cors"},
        {**NAVIGATION, **basic(USER, "wrong")},
        {**NAVIGATION, "Authorization": "Bearer ppr_none"},
    ],
)
@pytest.mark.parametrize("path", ["", "project/demo/", "simple/demo/", "pypi/demo/json"])
def test_clients_are_asked_for_a_password(
    path: str, headers: dict[str, str], client: Client
) -> None:
    answer = client.get(f"{MAIN}{path}", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_only_what_is_opened_is_led_there(method: str, client: Client) -> None:
    for path in ("", "simple/demo/", "project/demo/yank"):
        assert client.open(f"{MAIN}{path}", method=method, headers=NAVIGATION).status_code != 303


def test_whether_a_repository_exists_is_not_told(client: Client) -> None:
    answers = [
        client.get(f"/repositories/{name}/", headers=NAVIGATION) for name in ("main", "nowhere")
    ]
    assert {answer.status_code for answer in answers} == {303}
    assert (
        answers[0].headers["Location"].replace("main", "nowhere")
        == (answers[1].headers["Location"])
    )


def test_who_is_signed_in_sees_the_name_and_the_way_out(client: Client) -> None:
    assert "Sign in" in text_of(client.get("/", headers=HTML))
    _sign_in(client)
    for url in ("/", MAIN, f"{MAIN}project/demo/", f"{MAIN}+connect", f"{MAIN}project/none/"):
        shown = client.get(url, headers=HTML)
        assert USER in text_of(shown)
        (link,) = re.findall(r'<div class="account">\s*<a href="([^"]*)"', shown.text)
        assert urljoin(url, link) == "/account/"
        (target,) = re.findall(r'action="([^"]*sign-out)"', shown.text)
        assert urljoin(url, target) == "/account/sign-out"
    assert 'href="repositories/main/"' in client.get("/", headers=HTML).text
    token = re.findall(r'name="form_token" value="([0-9a-f]+)"', shown.text)[0]
    assert client.post("/account/sign-out", data={"form_token": token}).status_code == 303
    assert client.get(MAIN, headers=NAVIGATION).status_code == 303
    assert "main" not in client.get("/", headers=HTML).text.replace('"#main"', "").replace(
        "<main", ""
    ).replace("</main", "").replace('id="main"', "")


def test_a_session_ends_with_its_user(registry: Registry, client: Client) -> None:
    """O5"""
    _sign_in(client)
    assert client.get(MAIN, headers=HTML).status_code == 200
    registry.acting_as(OPERATOR).accounts.set_disabled(USER, True)
    assert client.get(MAIN, headers=HTML).status_code == 401
    assert client.get(MAIN, headers=NAVIGATION).status_code == 303


def test_a_header_wins_over_the_cookie(registry: Registry, client: Client) -> None:
    _sign_in(client)
    headers = {**HTML, **basic("reader@example.com", PASSWORD)}
    shown = client.get(MAIN, headers=headers)
    assert "reader@example.com" in text_of(shown)
    assert "Sign out" not in text_of(shown)
    wrong = client.get(MAIN, headers={**HTML, **basic(USER, "wrong")})
    assert wrong.status_code == 401


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
def test_a_form_without_the_sessions_token_changes_nothing(
    token: str, registry: Registry, client: Client
) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", users_may_yank=True)
    _sign_in(client)
    for path in ("yank", "unyank"):
        answer = client.post(
            f"{MAIN}project/demo/{path}", data={"version": "1.0", "form_token": token}
        )
        assert answer.status_code == 403
    assert [file.yanked for file in page(registry).files] == [None]


def test_b5_the_form_of_a_page_yanks(registry: Registry, client: Client) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", users_may_yank=True)
    _sign_in(client)
    shown = client.get(f"{MAIN}project/demo/", headers=HTML).text
    form = shown.partition("Your uploads")[2]
    (token,) = re.findall(r'name="form_token" value="([0-9a-f]+)"', form)
    data = {"version": "1.0", "reason": "broken", "form_token": token}
    assert client.post(f"{MAIN}project/demo/yank", data=data).status_code == 303
    assert [file.yanked for file in page(registry).files] == ["broken"]


def test_no_cookie_uploads(client: Client) -> None:
    _sign_in(client)
    for path in ("", "legacy/"):
        assert client.post(f"{MAIN}{path}", data={":action": "file_upload"}).status_code == 401


def test_the_password_of_an_administrator_opens_nothing_here(client: Client) -> None:
    answer = client.post(
        "/account/sign-in", data={"name": ADMINISTRATOR, "password": PASSWORD}, headers=HTML
    )
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert client.get(MAIN, headers=HTML).status_code == 401


def test_a_host_signs_people_in_itself(registry: Registry) -> None:
    """It has no form here, so nobody is sent to one."""
    client = Client(registry.wsgi_app(authenticate=lambda _environ: ANONYMOUS))
    for path in ("", "simple/demo/"):
        assert client.get(f"{MAIN}{path}", headers=NAVIGATION).status_code == 401
    assert "Sign in" not in text_of(client.get("/", headers=HTML)).replace("sign in to", "")


def test_pages_alone_lead_to_the_form_too(registry: Registry) -> None:
    pages = BrowseApp(registry.repository("main"), account_url="../account/")
    site = mount({"/packages": pages}, otherwise=registry.wsgi_app())
    client = Client(site)
    answer = client.get("/packages/?q=x", headers=NAVIGATION)
    assert answer.headers["Location"] == "../account/sign-in?next=packages%2F%3Fq%3Dx"
    _sign_in(client)
    assert USER in text_of(client.get("/packages/", headers=HTML))


def test_an_answer_to_a_browser_stays_the_object_that_it_is() -> None:
    """A file that arrives goes on after it has waited, which a generator around it could not."""

    class Arriving:
        def __iter__(self) -> Iterator[bytes]:
            return iter((b"file",))

    content, begun = Arriving(), []

    def app(_environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        start_response("200 OK", [])
        return content

    answer = asking_to_sign_in(app, "../../account/")(
        environ_of("/files/demo", headers=NAVIGATION),
        lambda status, headers, exc_info=None: begun.append(status),
    )
    assert answer is content
    assert begun == ["200 OK"]
