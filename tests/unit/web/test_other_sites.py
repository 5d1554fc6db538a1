"""A page of another site changes nothing, whatever the browser sends along with its request."""

from collections.abc import Callable
from itertools import product

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Registry
from tests.conftest import ADMINISTRATOR
from tests.support.api import ApiClient
from tests.support.distributions import wheel
from tests.support.http import Site, basic
from tests.unit.web.conftest import PASSWORD, PATHS, USER

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "anything new"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:8081"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://["},
    {"Origin": "http://[::1"},
    {"Origin": "http://a]"},
    {"Origin": "http://\u2100.example".encode().decode("latin-1")},
    {"Origin": "//localhost@evil.example"},
]
OURS = [
    {},  # a package client
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
]
UPLOADS = ("/repositories/main/", "/repositories/main", "/repositories/main/legacy/")


@pytest.mark.parametrize("headers", FOREIGN)
def test_it_publishes_nothing(headers: dict[str, str], site: Site) -> None:
    for url in UPLOADS:
        answer = site.upload(wheel("planted"), url=url, headers={**site.headers, **headers})
        assert answer.status_code == 403
        assert "another site" in answer.text
    assert site.project_names() == []


def test_whoever_is_not_another_site_publishes(site: Site) -> None:
    for number, headers in enumerate(OURS):
        answer = site.upload(wheel(f"demo{number}"), headers={**site.headers, **headers})
        assert answer.status_code == 200
    assert site.project_names() == [f"demo{number}" for number in range(len(OURS))]


@pytest.mark.parametrize(
    "url",
    [
        *UPLOADS,
        "/",
        "/repositories/main/simple/",
        "/repositories/main/files/00/00/x",
        "/repositories/main/pypi/demo/json",
        "/repositories/main/integrity/demo/1/x/provenance",
        "/portal/sign-in",
        "/portal/new-user",
        "/api/v1/users/planted",
        "/healthz",
    ],
)
def test_no_url_takes_a_change_from_it(url: str, client: Client) -> None:
    """Before anything else of the request is looked at."""
    for method, headers in product(["POST", "PUT", "PATCH", "DELETE"], FOREIGN):
        given = {**basic(USER, "wrong horse"), **headers}
        answer = client.open(url, method=method, headers=given)
        assert answer.status_code == 403, (method, headers)
        assert "another site" in answer.text


def test_everybody_may_lead_here(site: Site) -> None:
    """Links, images, and scripts that read a public repository."""
    for headers in FOREIGN:
        assert site.get(site.index_url, **headers).status_code == 200
        assert site.client.get("/portal/sign-in", headers=headers).status_code == 200


def test_the_management_api_says_so_as_it_says_everything(registry: Registry) -> None:
    api = ApiClient(registry, ADMINISTRATOR)
    answer = api.put("repositories/planted", {}, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
    assert answer.get_json()["error"] == "permission-denied"
    assert answer.headers["Cache-Control"] == "no-store"
    assert [found.name for found in registry.acting_as(OPERATOR).repositories.all()] == ["main"]


def test_the_public_url_is_ours(new_site: Callable[..., Site]) -> None:
    """Whatever Host a proxy passes on."""
    site = new_site(public_url="https://packages.example.com/pypi")
    for origin, expected in (("https://packages.example.com", 200), ("http://localhost", 403)):
        headers = {**basic(USER, PASSWORD), "Origin": origin}
        assert site.upload(wheel("demo"), headers=headers).status_code == expected
    assert site.get(PATHS[1]).status_code == 200
