"""The registry's own pages, and the URLs that belong to nobody."""

import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from markupsafe import escape
from werkzeug.test import Client, TestResponse

from pypi_repo import (
    OPERATOR,
    Actor,
    GrantPolicy,
    Permission,
    Registry,
    Repository,
    Settings,
    mount,
)
from tests.support.distributions import wheel
from tests.support.http import Page, Site, basic, call, environ_of

USER, PASSWORD = "user@example.com", "correct horse"

HOSTILE_HOSTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a.example'><b>",
    "a.example&lt;b&gt;",
    "javascript:alert(1)//",
    "a.example/..//evil",
    "user:pass@evil.example",
    "a b",
    "x" * 5_000,
    "[::1",
    "",
    ":",
]
HOSTILE_TEXTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</li></ul><a href='https://evil.example'>click</a>",
    "&amp;&lt;",
    "caf\u00e9 \U0001f4e6",
    "line\nbreak",
]


def assert_harmless(response: TestResponse, than: TestResponse) -> Page:
    """The browser is forbidden what the page does not need, and the page has no more than another.

    than: the same page with nothing hostile in it.
    """
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    page = Page(response.text)
    assert page.tags == Page(than.text).tags
    return page


def links_of(page: str) -> list[str]:
    """The texts of the links, after those at the top of every page."""
    texts = [anchor.text.strip() for anchor in Page(page).anchors]
    assert texts[:3] == ["Skip to the content", "Packages", "Sign in"]
    return texts[3:]


def test_the_landing_page_says_what_this_is(registry: Registry, client: Client) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert_harmless(response, response)
    assert "pip" in response.text


def test_the_landing_page_shows_public_repositories_only(
    registry: Registry, client: Client
) -> None:
    registry.acting_as(OPERATOR).repositories.create(
        "open-source", public=True, description="For everybody"
    )
    registry.acting_as(OPERATOR).repositories.create("hidden", description="Nothing to see")
    page = client.get("/").text
    assert links_of(page) == ["open-source", "portal"]
    assert "For everybody" in page
    assert "hidden" not in page
    registry.acting_as(OPERATOR).repositories.change("open-source", public=False)
    assert "open-source" not in client.get("/").text


def test_the_landing_page_lists_what_a_policy_lets_everybody_read() -> None:
    class InHouse(GrantPolicy):
        def allows(
            self,
            actor: Actor,
            permission: Permission,
            repository: Repository,
            project: str | None = None,
        ) -> bool:
            return permission is Permission.READ and repository.name != "hidden"

    settings = Settings(database="sqlite://", blobs="memory://")
    with Registry(settings, policy=InHouse()) as registry:
        for name in ("private", "hidden"):
            registry.acting_as(OPERATOR).repositories.create(name)
        page = Client(registry.wsgi_app()).get("/").text
    assert links_of(page) == ["private", "portal"]


def test_the_landing_page_tells_nobody_more(registry: Registry, client: Client) -> None:
    answers = {client.get("/", headers=headers).text for headers in ({}, basic(USER, PASSWORD))}
    assert len(answers) == 1


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_descriptions_are_only_text(registry: Registry, client: Client, text: str) -> None:
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("open", public=True, description="harmless")
    before = [client.get(path) for path in ("/", "/repositories/open/")]
    operator.repositories.change("open", description=text)
    after = [client.get(path) for path in ("/", "/repositories/open/")]
    for old, new in zip(before, after, strict=True):
        assert_harmless(new, old)
        assert escape(text) in new.text


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_a_hostile_host_header_is_only_text(registry: Registry, client: Client, host: str) -> None:
    registry.acting_as(OPERATOR).repositories.create("open", public=True)
    headers = {**basic(USER, PASSWORD), "Host": host}
    for path in ("/", "/repositories/open/", "/repositories/main/", "/repositories/main/+connect"):
        response = client.get(path, headers=headers)
        assert response.status_code in (200, 400)
        if response.status_code == 200:
            usual = client.get(path, headers=basic(USER, PASSWORD))
            for anchor in assert_harmless(response, usual).anchors:
                assert urlsplit(anchor.href).netloc == ""


@pytest.mark.parametrize("prefix", ["", "/team/pypi"])
def test_the_connection_page_gives_the_urls_of_this_deployment(
    registry: Registry, prefix: str
) -> None:
    app = registry.wsgi_app()
    client = Client(mount({prefix: app}) if prefix else app)
    url = f"{prefix}/repositories/main/"
    own = f"packages.example.org:8443{url}"
    headers = {**basic(USER, PASSWORD), "Host": "packages.example.org:8443"}
    shown = {
        tool: client.get(f"{url}+connect?tool={tool}", headers=headers)
        for tool in ("twine", "pip", "uv")
    }
    for response in shown.values():
        assert response.status_code == 200
        assert PASSWORD not in response.text
        assert response.headers["Cache-Control"] == "no-store"
    user = USER.replace("@", "%40")
    assert f"repository = http://{own}\nusername = {USER}\n" in shown["twine"].text
    assert "twine upload --repository main" in shown["twine"].text
    assert f"http://{user}:YOUR-PASSWORD@{own}simple/ PROJECT" in shown["pip"].text
    assert f"--publish-url http://{own} " in shown["uv"].text


def test_x71_the_connection_page_asks_who_it_is(registry: Registry, client: Client) -> None:
    assert client.get("/repositories/main/").status_code == 401
    assert client.get("/repositories/nowhere/").status_code == 401
    assert client.get("/repositories/nowhere/", headers=basic(USER, PASSWORD)).status_code == 404
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    assert client.get("/repositories/main/").status_code == 200


def test_x04_head_of_both_pages(registry: Registry, client: Client) -> None:
    for path in ("/", "/repositories/main/", "/repositories/main/+connect"):
        headers = {"X-Request-ID": "test", **basic(USER, PASSWORD)}
        get, head = client.get(path, headers=headers), client.head(path, headers=headers)
        assert list(head.headers) == list(get.headers)
        assert head.data == b""


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/repositories",
        "/repositories/",
        "/repositories//",
        "/repositories//simple/",
        "/Repositories/main/",
        "/repository/main/",
        "/favicon.ico",
        "/simple/",
        "/%00",
        "/%ff",
        "/" + "x" * 50_000,
    ],
)
@pytest.mark.parametrize("headers", [{}, basic(USER, PASSWORD)], ids=["anonymous", "user"])
def test_what_belongs_to_nobody_is_404(client: Client, path: str, headers: dict[str, str]) -> None:
    for method in ("GET", "HEAD"):
        response = client.open(path, method=method, headers=headers)
        assert response.status_code == 404


@pytest.mark.parametrize("path", ["//", "//repositories/main/", "///", "repositories/main/"])
def test_paths_that_no_url_can_spell_are_404(registry: Registry, path: str) -> None:
    environ = environ_of("/", headers=basic(USER, PASSWORD), PATH_INFO=path)
    assert call(registry.wsgi_app(), environ).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
def test_x77_the_landing_page_is_only_read(client: Client, method: str) -> None:
    response = client.open("/", method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"
    assert "upload to /repositories/NAME/" in response.status


@pytest.mark.parametrize(
    "name", ["MAIN", "main.", "main%20", "ma%69n%00", "%2e%2e", "%C3%A9", "%ff", "x" * 10_000]
)
def test_a_repository_has_one_spelling(client: Client, name: str) -> None:
    for path in ("", "simple/", "simple/demo/", "files/x", "legacy/"):
        url = f"/repositories/{name}/{path}"
        status = client.get(url, headers=basic(USER, PASSWORD)).status_code
        assert status == (405 if path == "legacy/" else 404)


def test_a_repository_appears_and_goes_without_a_restart(registry: Registry, site: Site) -> None:
    assert site.get("/repositories/late/simple/").status_code == 404
    registry.acting_as(OPERATOR).repositories.create("late")
    assert site.get("/repositories/late/simple/").status_code == 200
    assert site.upload(wheel(), url="/repositories/late/").status_code == 200
    registry.acting_as(OPERATOR).repositories.delete("late")
    assert site.get("/repositories/late/simple/demo/").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "simple/"),
        ("POST", "simple"),
        ("POST", "simple/demo/"),
        ("POST", "+simple/"),
        ("PUT", "simple/demo-1.0-py3-none-any.whl"),  # curl -T FILE .../simple/
        ("PUT", ""),
        ("PUT", "demo-1.0-py3-none-any.whl"),
        ("POST", "demo/"),
    ],
)
def test_whoever_uploads_to_another_url_is_told_where_uploads_go(
    method: str, path: str, registry: Registry
) -> None:
    outer = "http://packages.example.com/pypi/repositories/main/"
    client = Client(mount({"/pypi": registry.wsgi_app()}))
    answer = client.open(
        f"/pypi/repositories/main/{path}",
        method=method,
        headers={**basic(USER, PASSWORD), "Host": "packages.example.com"},
    )
    assert answer.status_code == 405
    assert f"Uploads go to {outer} " in answer.status
    assert f"Uploads go to {outer} " in answer.text
    assert "GET" in answer.headers["Allow"]


def test_templates_are_imported_by_the_first_page_that_is_shown() -> None:
    """Most processes show none."""
    code = """
import sys
from werkzeug.test import Client, TestResponse
import pypi_repo.cli.serve
from pypi_repo import OPERATOR, Registry, Settings
with Registry(Settings(database="sqlite://", password_cost=4)) as registry:
    registry.acting_as(OPERATOR).repositories.create("main", public=True)
    client = Client(registry.wsgi_app())
    for path in ("/healthz", "/nothing", "/repositories/main/simple/", "/"):
        status = client.get(path).status_code
        print(path, status, "jinja2" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "/healthz 200 False",
        "/nothing 404 False",
        "/repositories/main/simple/ 200 False",
        "/ 200 True",
    ]
