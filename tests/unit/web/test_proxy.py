"""Who is believed about the client and the outer URL, and where that URL is shown."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Registry, mount
from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.web.proxy import at_public_url, behind_proxy
from tests.conftest import ADMINISTRATOR, PASSWORD, USER
from tests.support.attestations import attestation
from tests.support.distributions import wheel
from tests.support.http import JSON, Site, basic, call, environ_of
from tests.unit.web.conftest import PATHS

PROXY = "10.0.0.10"
OUTER = "https://packages.example.com/pypi/"
FORWARDED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "packages.example.com",
    "X-Forwarded-Prefix": "/pypi",
}


def seen(remote: str, proxy: str = PROXY, **headers: str) -> tuple[str, str]:
    """The address and the root URL that an app behind the proxy is told."""
    told: list[dict[str, Any]] = []

    def app(environ, start_response):
        told.append(environ)
        start_response("200 OK", [])
        return []

    given = {f"X-Forwarded-{name}": value for name, value in headers.items()}
    environ = environ_of("/", headers=given, REMOTE_ADDR=remote, SCRIPT_NAME="/x")
    call(behind_proxy(app, proxy), environ).close()
    (environ,) = told
    url = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}{environ['SCRIPT_NAME']}"
    return environ["REMOTE_ADDR"], url


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, PROXY),
        ({"For": "192.0.2.1"}, "192.0.2.1"),
        ({"For": "1.1.1.1, 192.0.2.1"}, "192.0.2.1"),
        ({"For": "192.0.2.1:5001"}, "192.0.2.1"),
        ({"For": "2001:DB8::1"}, "2001:db8::1"),
        ({"For": "[2001:db8::1]:5001"}, "2001:db8::1"),
        ({"For": "::ffff:192.0.2.1"}, "192.0.2.1"),
        ({"For": "unknown"}, PROXY),
        ({"For": "192.0.2.1,"}, PROXY),
        ({"For": "192.0.2.1\tx"}, PROXY),
        ({"For": "192.0.2.1:"}, PROXY),
    ],
)
def test_the_address_of_the_client(headers: dict[str, str], expected: str) -> None:
    assert seen(PROXY, **headers)[0] == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "http://localhost/x"),
        ({"Proto": "https"}, "https://localhost/x"),
        ({"Proto": "HTTPS"}, "https://localhost/x"),
        ({"Proto": "http, https"}, "https://localhost/x"),
        ({"Proto": "javascript"}, "http://localhost/x"),
        ({"Host": "packages.example.com"}, "http://packages.example.com/x"),
        ({"Host": "inner:8080, packages.example.com:8443"}, "http://packages.example.com:8443/x"),
        ({"Host": "[2001:db8::1]:80"}, "http://[2001:db8::1]:80/x"),
        ({"Host": ""}, "http://localhost/x"),
        ({"Host": "evil.example/path"}, "http://localhost/x"),
        ({"Host": "user@evil.example"}, "http://localhost/x"),
        ({"Host": "evil.example:port"}, "http://localhost/x"),
        ({"Host": "["}, "http://localhost/x"),
        ({"Host": "a b"}, "http://localhost/x"),
        ({"Host": "a" * 300}, "http://localhost/x"),
        ({"Prefix": "/pypi"}, "http://localhost/pypi/x"),
        ({"Prefix": "/pypi/"}, "http://localhost/pypi/x"),
        ({"Prefix": "/team%20a/pypi"}, "http://localhost/team a/pypi/x"),
        ({"Prefix": "/"}, "http://localhost/x"),
        ({"Prefix": ""}, "http://localhost/x"),
        ({"Prefix": "pypi"}, "http://localhost/x"),
        ({"Prefix": "//evil.example"}, "http://localhost/x"),
        ({"Prefix": "/a?b"}, "http://localhost/x"),
        ({"Prefix": "/a/" * 1000}, "http://localhost/x"),
    ],
)
def test_the_outer_url(headers: dict[str, str], expected: str) -> None:
    assert seen(PROXY, **headers)[1] == expected


ALL = {"For": "192.0.2.1", "Proto": "https", "Host": "evil.example", "Prefix": "/evil"}


@pytest.mark.parametrize("remote", ["192.0.2.7", "", "10.0.0.1", "10.0.0.100", "::1"])
def test_nobody_else_is_believed(remote: str) -> None:
    assert seen(remote, **ALL) == (remote, "http://localhost/x")


@pytest.mark.parametrize(
    ("proxy", "remote"), [(PROXY, f"::ffff:{PROXY}"), ("::1", "0:0:0:0:0:0:0:1"), ("::1", "::1")]
)
def test_an_address_may_be_spelled_in_several_ways(proxy: str, remote: str) -> None:
    assert seen(remote, proxy, **ALL) == ("192.0.2.1", "https://evil.example/evil/x")


@pytest.mark.parametrize("proxy", ["*", "proxy.example.com", "10.0.0.0/8", "10.0.0.10:80x"])
def test_a_proxy_is_an_address(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address of a proxy"):
        behind_proxy(lambda _environ, _start: [], proxy)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "packages.example.com",
        "/pypi",
        "ftp://packages.example.com",
        "https://",
        "https://user:password@packages.example.com/",
        "https://packages.example.com/?a=b",
        "https://packages.example.com/#a",
        "https://[",
        "https://a b/",
        "https://packages.example.com:99999/",
        "https://packages.example.com/a/../b",
        "https://packages.example.com/%zz",
        "https://packages.example.com/a\n",
    ],
)
def test_what_no_public_url_can_be(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no public URL"):
        at_public_url(lambda _environ, _start: [], url)


# Where the outer URL is shown


def by_headers(registry: Registry) -> Any:
    """As the proxy reaches it."""
    app = behind_proxy(registry.wsgi_app(), PROXY)
    return lambda environ, start: app({**environ, "REMOTE_ADDR": PROXY}, start)


@pytest.fixture(params=["headers", "setting", "setting, mounted"])
def outside(
    request: pytest.FixtureRequest, new_registry: Callable[..., Registry]
) -> tuple[Registry, Site, dict[str, str]]:
    """A registry that is known as OUTER outside, and the headers that its proxy sends."""
    if request.param == "headers":
        registry, forwarded = new_registry(), FORWARDED
        app = by_headers(registry)
    else:
        registry, forwarded = new_registry(public_url=OUTER), {}
        app = registry.wsgi_app()
        if "mounted" in request.param:
            app = mount({"/inner": app})
    prefix = "/inner" if "mounted" in request.param else ""
    headers = {**basic(USER, PASSWORD), **forwarded}
    return registry, Site(Client(app), *(prefix + path for path in PATHS), headers), forwarded


def test_json_api_provenance_and_connection_settings(
    outside: tuple[Registry, Site, dict[str, str]],
) -> None:
    _registry, site, _forwarded = outside
    base = site.upload_url
    dist = wheel("demo", "1.0")
    assert site.upload(dist, attestations=json.dumps([attestation(dist)])).status_code == 200
    inside = f"{OUTER}repositories/main/"
    document = site.get(f"{base}pypi/demo/json").get_json()
    assert document["urls"][0]["url"].startswith(f"{inside}files/")
    assert document["info"]["package_url"] == f"{inside}simple/demo/"
    (file,) = site.page("demo")["files"]
    assert file["provenance"].startswith(f"{inside}integrity/demo/1.0/")
    assert f"repository = {inside}" in site.get(f"{base}+connect").text
    landing = site.get(base.removesuffix("repositories/main/")).text
    assert 'href="portal/"' in landing


def test_redirects_and_files_lead_to_the_outer_url(
    outside: tuple[Registry, Site, dict[str, str]],
) -> None:
    _registry, site, _forwarded = outside
    base = site.upload_url
    dist = wheel("demo", "1.0")
    assert site.upload(dist).status_code == 200
    answer = site.get(f"{base}simple/Demo/")
    assert answer.headers["Location"] == "../demo/"
    answer = site.get(f"{base}simple//demo/")
    assert answer.headers["Location"] == "/pypi/repositories/main/simple/demo/"
    (file,) = site.get(f"{base}simple/demo/", Accept=JSON).get_json(force=True)["files"]
    assert file["url"].startswith("../../files/")


def test_portal(outside: tuple[Registry, Site, dict[str, str]]) -> None:
    registry, site, forwarded = outside
    registry.acting_as(OPERATOR).administrators.create(ADMINISTRATOR, PASSWORD)
    portal = site.upload_url.replace("repositories/main/", "portal/")
    answer = site.client.post(
        f"{portal}sign-in",
        data={"name": ADMINISTRATOR, "password": PASSWORD},
        headers={**forwarded, "Origin": OUTER.removesuffix("/pypi/")},
    )
    assert answer.status_code == 303
    cookie = answer.headers["Set-Cookie"]
    assert "Secure" in cookie
    headers = {**forwarded, "Cookie": cookie.partition(";")[0]}
    page = site.client.get(f"{portal}repositories/main/connect", headers=headers)
    assert f"{OUTER}repositories/main/" in page.text
    assert "http://localhost" not in page.text


def test_management_api(outside: tuple[Registry, Site, dict[str, str]]) -> None:
    registry, site, forwarded = outside
    registry.acting_as(OPERATOR).administrators.create(ADMINISTRATOR, PASSWORD)
    _token, secret = registry.acting_as(OPERATOR).administrators.create_token(ADMINISTRATOR)
    api = site.upload_url.replace("repositories/main/", "api/v1/")
    headers = {**forwarded, "Authorization": f"Bearer {secret}"}
    answer = site.client.post(f"{api}users/{USER}/tokens", json={}, headers=headers)
    assert answer.status_code == 201
    assert answer.headers["Location"].startswith(f"/pypi/api/v1/users/{USER}/tokens/")


def test_nobody_else_says_where_all_this_is(registry: Registry) -> None:
    client = Client(registry.wsgi_app())
    headers = {**basic(USER, PASSWORD), **FORWARDED, "Host": "inner:8080"}
    page = client.get("/repositories/main/+connect", headers=headers)
    assert "http://inner:8080/repositories/main/" in page.text
    assert "packages.example.com" not in page.text
