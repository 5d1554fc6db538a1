"""X96: scripts on other sites read all of a public repository, and nothing of a private one."""

import json

import pytest
from werkzeug.test import Client, TestResponse

from pypi_repo import OPERATOR, Registry, Settings, SignedUrls
from tests.conftest import PASSWORD, READER, USER
from tests.support.attestations import attestation
from tests.support.distributions import wheel
from tests.support.http import Site, basic
from tests.support.s3 import S3Server
from tests.unit.web.conftest import PATHS

ORIGIN = "https://notebook.example.com"
DIST = wheel("demo", "1.0")
FILE = f"files/{DIST.sha256[:2]}/{DIST.sha256[2:4]}/{DIST.sha256[4:]}/{DIST.filename}"
ASKED: dict[str, tuple[str, dict[str, str], int]] = {
    "the list": ("simple/", {}, 200),
    "a page": ("simple/demo/", {}, 200),
    "a page for hatch": ("+simple/demo/", {}, 200),
    "a page that the script has": ("simple/demo/", {"If-None-Match": "*"}, 304),
    "a page in no acceptable form": ("simple/demo/", {"Accept": "image/png"}, 406),
    "no project": ("simple/nothing-here/", {}, 404),
    "no name": ("simple/-/", {}, 404),
    "no last slash": ("simple/demo", {}, 301),
    "another spelling": ("simple/DEMO/", {}, 301),
    "no simple": ("demo/", {}, 301),
    "the file": (FILE, {}, 200),
    "a part of the file": (FILE, {"Range": "bytes=0-9"}, 206),
    "a part that it does not have": (FILE, {"Range": "bytes=999999-"}, 416),
    "a file that the script has": (FILE, {"If-None-Match": "*"}, 304),
    "its core metadata": (f"{FILE}.metadata", {}, 200),
    "a signature that it does not have": (f"{FILE}.asc", {}, 404),
    "no file": (f"{FILE}.zip", {}, 404),
    "the project as JSON": ("pypi/demo/json", {}, 200),
    "the release as JSON": ("pypi/demo/1.0/json", {}, 200),
    "JSON under another spelling": ("pypi/Demo/json", {}, 301),
    "no project as JSON": ("pypi/nothing-here/json", {}, 404),
    "provenance": (f"integrity/demo/1.0/{DIST.filename}/provenance", {}, 200),
    "no provenance": (f"integrity/demo/1.0/x{DIST.filename}/provenance", {}, 404),
    "no URL": ("nothing/here/at/all", {}, 404),
    "wrong credentials": ("simple/demo/", basic(USER, "wrong horse"), 401),
}


@pytest.fixture
def public(registry: Registry) -> Site:
    """A public repository with a wheel, its core metadata and its provenance."""
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    site = Site(Client(registry.wsgi_app()), *PATHS, headers=basic(USER, PASSWORD))
    assert site.upload(DIST, attestations=json.dumps([attestation(DIST)])).status_code == 200
    return site


def ask(site: Site, path: str, method: str = "GET", **headers: str) -> TestResponse:
    return site.client.open(
        f"/repositories/main/{path}",
        method=method,
        headers={"Origin": ORIGIN, **{k.replace("_", "-"): v for k, v in headers.items()}},
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("what", ASKED)
def test_all_of_a_public_repository_is_readable(what: str, method: str, public: Site) -> None:
    path, headers, status = ASKED[what]
    if method == "HEAD":
        status = {206: 200, 416: 200}.get(status, status)  # no range of what is not sent
    answer = ask(public, path, method, **headers)
    assert answer.status_code == status
    assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"X-PyPI-Last-Serial", "ETag", "Content-Range"} <= set(exposed)
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("what", ASKED)
def test_nothing_of_a_private_one_is(what: str, public: Site, registry: Registry) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", public=False)
    path, headers, _status = ASKED[what]
    for more in ({}, basic(USER, PASSWORD)):
        answer = ask(public, path, **{**more, **headers})
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_that_a_cache_keeps_is_readable_whoever_asked_first(public: Site) -> None:
    """Origin is in no Vary."""
    for path, status in (("simple/demo/", 200), (FILE, 200), (f"{FILE}.metadata", 200)):
        answer = public.client.get(f"/repositories/main/{path}", headers=basic(READER, PASSWORD))
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["simple/demo/", FILE, "pypi/demo/json", "nothing/here", ""])
def test_who_asks_first_whether_it_may_is_told(path: str, public: Site) -> None:
    asks = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "cache-control, if-none-match",
    }
    answer = ask(public, path, "OPTIONS", **asks)
    assert answer.status_code == 204
    assert answer.data == b""
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET"
    assert answer.headers["Access-Control-Allow-Headers"] == "*"
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize("name", ["main", "no-such-repository"])
def test_it_is_told_nothing_of_what_is_not_public(
    name: str, public: Site, registry: Registry
) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", public=False)
    answer = public.client.options(
        f"/repositories/{name}/simple/",
        headers={"Origin": ORIGIN, "Access-Control-Request-Method": "GET"},
    )
    assert answer.status_code == 405
    assert not [name for name, _value in answer.headers if name.startswith("Access-Control")]


def test_a_redirect_to_the_object_store(s3: S3Server) -> None:
    bucket = s3.create_bucket("cors")
    settings = Settings(
        database="sqlite://",
        blobs=f"s3://{bucket}/packages",
        blob_options=s3.storage_options,
        files_sent_by=SignedUrls(),
        password_cost=4,
    )
    with Registry(settings) as registry:
        registry.acting_as(OPERATOR).repositories.create("main", public=True)
        registry.acting_as(OPERATOR).accounts.create_user(USER, PASSWORD)
        site = Site(Client(registry.wsgi_app()), *PATHS, headers=basic(USER, PASSWORD))
        assert site.upload(DIST).status_code == 200
        answer = ask(site, FILE)
    assert answer.status_code == 302
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/portal/", "/api/v1/users", "/api/v1/", "/healthz", "/metrics"])
def test_nothing_else_is_readable(path: str, public: Site) -> None:
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
        answer = public.client.open(path, method=method, headers=headers)
        assert "Access-Control-Allow-Origin" not in answer.headers
