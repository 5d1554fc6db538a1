"""mount(): which app gets which path, and what it sees."""

import http.client
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from pypi_repo import (
    OPERATOR,
    ApiApp,
    DownloadApp,
    PortalApp,
    Registry,
    RegistryError,
    SimpleIndexApp,
    UploadApp,
    mount,
)
from tests.conftest import ADMINISTRATOR
from tests.support.distributions import wheel
from tests.support.http import Called, Page, Site, basic, bearer, call, environ_of, resolve
from tests.support.live import LiveServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

USER, PASSWORD = "user@example.com", "correct horse"


def named(name: str) -> "WSGIApplication":
    """Answers with its name and what it was told of the path."""

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        text = f"{name} {environ['SCRIPT_NAME']!r} {environ['PATH_INFO']!r}"
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [text.encode()]

    return app


def ask(app: "WSGIApplication", path: str, script_name: str = "") -> str:
    answer = call(app, environ_of("/", PATH_INFO=path, SCRIPT_NAME=script_name))
    return answer.read().decode() if answer.status_code == 200 else answer.status[:3]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a", "a '/a' ''"),
        ("/a/", "a '/a' '/'"),
        ("/a/x/y", "a '/a' '/x/y'"),
        ("/a//x", "a '/a' '//x'"),
        ("/a/b", "ab '/a/b' ''"),
        ("/a/b/c", "ab '/a/b' '/c'"),
        ("/a/bc", "a '/a' '/bc'"),
        ("/ab", "404"),
        ("/ab/c", "404"),
        ("/A", "404"),
        ("//a", "404"),
        ("/", "404"),
        ("", "404"),
        ("a", "404"),
        ("/long/prefix", "404"),
        ("/long/prefix/of/four", "four '/long/prefix/of/four' ''"),
        ("/long/prefix/of/fourteen", "404"),
    ],
)
def test_the_longest_prefix_of_whole_segments_wins(path: str, expected: str) -> None:
    apps = {"/a": named("a"), "/a/b": named("ab"), "/long/prefix/of/four": named("four")}
    for order in (apps, dict(reversed(apps.items()))):
        assert ask(mount(order), path) == expected


def test_a_prefix_is_added_to_the_one_that_is_there() -> None:
    inner = mount({"/inner": named("app")})
    outer = mount({"/outer": inner})
    assert ask(outer, "/outer/inner/x", "/server") == "app '/server/outer/inner' '/x'"
    assert ask(outer, "/outer/other", "/server") == "404"


def test_prefixes_may_hold_any_character() -> None:
    app = mount({"/caf\u00e9 \u5bc6": named("app")})
    as_wsgi = "/caf\u00e9 \u5bc6".encode().decode("latin-1")
    assert ask(app, f"{as_wsgi}/x") == f"app {as_wsgi!r} '/x'"
    client = Client(app)
    assert client.get("/caf%C3%A9%20%E5%AF%86/x").status_code == 200
    assert client.get("/caf%E9%20%E5%AF%86/x").status_code == 404


@pytest.mark.parametrize("prefix", ["", "/", "a", "a/", "/a/", "//", "\\a", " /a"])
def test_other_prefixes_are_refused_at_once(prefix: str) -> None:
    with pytest.raises(RegistryError) as caught:
        mount({prefix: named("app")})
    assert repr(prefix) in caught.value.message
    assert caught.value.code == "configuration"


def test_all_other_requests_fall_through_untouched() -> None:
    seen: list[WSGIEnvironment] = []

    def otherwise(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        seen.append(environ)
        start_response("200 OK", [])
        return [b"mine"]

    app = mount({"/a": named("a")}, otherwise=otherwise)
    environ = environ_of("/other", method="POST")
    before = dict(environ)
    assert call(app, environ).read() == b"mine"
    assert seen[0] is environ
    assert environ == before
    assert environ["wsgi.input"] is before["wsgi.input"]


def test_the_callers_environ_is_not_changed_by_a_mounted_app() -> None:
    environ = environ_of("/a/x")
    before = dict(environ)
    call(mount({"/a": named("a")}), environ).read()
    assert environ == before


def test_what_mounted_apps_answer_passes_through() -> None:
    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        return Response("teapot", status="418 I am", headers={"X-Own": "1"})(
            environ, start_response
        )

    answer = call(mount({"/a": app}), environ_of("/a"))
    assert answer.status == "418 I am"
    assert answer.header("X-Own") == "1"


def test_without_a_path_it_is_the_root() -> None:
    environ = environ_of("/")
    del environ["PATH_INFO"]
    assert call(mount({"/a": named("a")}), environ).status_code == 404


def test_no_apps_at_all() -> None:
    assert ask(mount({}), "/a") == "404"
    assert ask(mount({}, otherwise=named("o")), "/a") == "o '' '/a'"


# Prefixes as hosts and proxies make them (X03, X99)


@pytest.mark.parametrize(
    "prefix", ["/a", "/a/b", "/caf\u00e9", "/with space/and+plus", "/x:y", "/~u"]
)
def test_x99_everything_works_below_any_prefix(registry: Registry, prefix: str) -> None:
    quoted = quote(prefix)
    root = f"{quoted}/repositories/main"
    site = Site(
        Client(mount({prefix: registry.wsgi_app()})),
        f"{root}/",
        f"{root}/simple/",
        f"{root}/files/",
        headers=basic(USER, PASSWORD),
    )
    assert site.upload(wheel("Some.Demo")).status_code == 200
    for entrance in (f"{root}/simple", f"{root}/Some_Demo", f"{root}/simple/Some.Demo"):
        response = site.get(entrance)
        assert response.status_code == 301
        assert site.get(resolve(entrance, response.headers["Location"])).status_code == 200
    assert site.get(site.file_url(wheel("Some.Demo"))).data == wheel("Some.Demo").content


def test_x99_an_index_mounted_at_the_root_of_a_server(registry: Registry, site: Site) -> None:
    site.upload(wheel())
    client = Client(SimpleIndexApp(registry.repository("main")))
    environ = environ_of("/", headers=site.headers)
    environ["PATH_INFO"] = ""
    answer = call(client.application, environ)
    assert answer.status_code in (200, 301)
    assert client.get("/", headers=site.headers).status_code == 200
    assert client.get("/demo/", headers=site.headers).status_code == 200


def test_x99_behind_a_proxy_that_says_where_it_is(registry: Registry, site: Site) -> None:
    site.upload(wheel())
    client = Client(ProxyFix(registry.wsgi_app(), x_for=1, x_proto=1, x_host=1, x_prefix=1))
    forwarded = {
        **site.headers,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "packages.example.org",
        "X-Forwarded-Prefix": "/outer",
    }
    page = client.get("/repositories/main/", headers=forwarded)
    assert "https://packages.example.org/outer/repositories/main/" in page.text
    for path in ("simple", "simple/Demo", "Demo/"):
        url = f"/repositories/main/{path}"
        response = client.get(url, headers=forwarded)
        assert response.status_code == 301
        outer = resolve(f"/outer{url}", response.headers["Location"])
        assert outer in (
            "/outer/repositories/main/simple/",
            "/outer/repositories/main/simple/demo/",
        )
    index = client.get("/repositories/main/simple/demo/", headers=forwarded)
    (anchor,) = Page(index.text).anchors
    assert anchor.href.startswith("../../files/")


def test_x03_forwarded_headers_mean_nothing_by_themselves(registry: Registry, site: Site) -> None:
    site.upload(wheel())
    forged = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "host=evil.example",
        "X-Script-Name": "/evil",
        "X-Original-URL": "/evil",
    }
    for path in ("", "simple/demo/", "simple/Demo", "Demo"):
        response = site.client.get(f"/repositories/main/{path}", headers={**site.headers, **forged})
        assert "evil" not in response.text
        assert "evil" not in response.headers.get("Location", "")


def test_x03_redirects_do_not_depend_on_the_host(site: Site) -> None:
    for host in ("a.example", "[::1]:8080", "x" * 1000, "evil.example/..", ""):
        response = site.get("/repositories/main/simple", Host=host)
        assert response.headers["Location"] == "simple/"


def test_two_registries_side_by_side(new_registry: "Callable[..., Registry]") -> None:
    first, second = new_registry(), new_registry()
    second.acting_as(OPERATOR).accounts.set_password(USER, "another horse")
    client = Client(mount({"/one": first.wsgi_app(), "/two": second.wsgi_app()}))
    one, two = (
        Site(
            client,
            f"/{name}/repositories/main/",
            f"/{name}/repositories/main/simple/",
            "",
            headers=basic(USER, password),
        )
        for name, password in (("one", PASSWORD), ("two", "another horse"))
    )
    assert one.upload(wheel()).status_code == 200
    assert two.upload(wheel("other")).status_code == 200
    assert (one.project_names(), two.project_names()) == (["demo"], ["other"])
    assert one.get(two.index_url).status_code == 401
    assert two.get(two.file_url(wheel("other"))).data == wheel("other").content


def test_three_apps_in_three_places(registry: Registry) -> None:
    main = registry.repository("main")

    def my_site(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        return Response(f"mine: {Request(environ).path}")(environ, start_response)

    app = mount(
        {
            "/index": SimpleIndexApp(main, files_url="../deep/er/files/"),
            "/deep/er/files": DownloadApp(main),
            "/upload": UploadApp(main),
        },
        otherwise=my_site,
    )
    site = Site(
        Client(app), "/upload/", "/index/", "/deep/er/files/", headers=basic(USER, PASSWORD)
    )
    assert site.upload(wheel()).status_code == 200
    assert site.get(site.file_url(wheel())).data == wheel().content
    assert site.get("/deep").text == "mine: /deep"
    assert site.get("/uploads").text == "mine: /uploads"
    assert site.get("/upload/x").status_code == 404


def test_below_a_prefix_on_a_real_server(registry: Registry) -> None:
    with LiveServer(registry.wsgi_app(), "/team/pypi") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for path, status in (
            ("/team/pypi/", 200),
            ("/team/pypi", 301),
            ("/team/pypi/repositories/main/simple/", 401),
            ("/repositories/main/simple/", 404),
        ):
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            assert response.status == status
        connection.request(
            "GET", "/team/pypi/repositories/main/simple", headers=basic(USER, PASSWORD)
        )
        response = connection.getresponse()
        response.read()
        assert (response.status, response.headers["Location"]) == (301, "simple/")
        connection.close()


@pytest.mark.parametrize(
    ("script_name", "quoted"),
    [("/mein portal/ü", "/mein%20portal/%C3%BC"), ("//evil.example", "/evil.example")],
)
def test_redirects_and_links_quote_the_mount_point(
    script_name: str, quoted: str, registry: Registry
) -> None:
    """Two slashes at its beginning would make the next name a host."""
    site, outer = registry.wsgi_app(), script_name.encode().decode("latin-1")
    index = SimpleIndexApp(registry.repository("main"), authenticate=lambda _environ: OPERATOR)
    _token, secret = registry.acting_as(OPERATOR).administrators.create_token(ADMINISTRATOR)

    def answer(app: "WSGIApplication", path: str, **how: Any) -> Called:
        return call(app, environ_of("/", **how, PATH_INFO=path, SCRIPT_NAME=outer))

    created = answer(
        site,
        "/api/v1/repositories/new",
        method="PUT",
        headers={"Content-Type": "application/json", **bearer(secret)},
        body=BytesIO(b"{}"),
        length=2,
    )
    assert created.header("Location") == f"{quoted}/api/v1/repositories/new"
    assert answer(index, "//demo").header("Location") == f"{quoted}/demo/"
    last = quoted.rpartition("/")[2]
    for app in (PortalApp(registry), ApiApp(registry), index):
        assert answer(app, "").header("Location") == f"{last}/"
    description = json.loads(answer(site, "/api/v1/openapi.json").read())
    assert description["servers"] == [{"url": f"{quoted}/api/v1"}]
