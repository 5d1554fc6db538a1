"""B5: buttons that yank what one has uploaded, on the page of a release."""

import re

import pytest
from werkzeug.test import Client

from pypi_repo import ANONYMOUS, OPERATOR, Access, Actor, BrowseApp, Grants, Registry
from tests.conftest import PASSWORD, USER
from tests.support.distributions import wheel
from tests.support.http import basic
from tests.support.portal import text_of
from tests.support.uploads import page, upload
from tests.unit.web.browse.conftest import HTML, Get

OTHER = Actor("other@example.com", grants=Grants(Access.WRITE))


@pytest.fixture
def client(registry: Registry) -> Client:
    """Release 1.0 was uploaded by the user, and 2.0 by somebody else."""
    upload(registry, wheel("demo", "1.0"))
    upload(registry, wheel("demo", "2.0"), actor=OTHER)
    registry.acting_as(OPERATOR).repositories.change("main", users_may_yank=True)
    return Client(registry.wsgi_app())


def _yanked(registry: Registry) -> dict[str, str | None]:
    return {file.version: file.yanked for file in page(registry).files}


def test_a_release_is_yanked_and_comes_back(registry: Registry, client: Client, get: Get) -> None:
    shown = get("project/demo/?version=1.0").text
    assert "Yank this release" in shown
    assert "Take back the yank" not in shown
    (target,) = re.findall(r'action="\.\./\.\./([^"]*/yank)"', shown)
    headers = {**HTML, **basic(USER, PASSWORD)}
    url = "/repositories/main/"
    answer = client.post(
        f"{url}{target}", data={"version": "1.0", "reason": " it <b>breaks</b> "}, headers=headers
    )
    assert answer.status_code == 303
    assert answer.headers["Location"] == "../../project/demo/?version=1.0&notice=yanked"
    assert _yanked(registry) == {"1.0": "it <b>breaks</b>", "2.0": None}
    after = get("project/demo/?version=1.0&notice=yanked")
    assert "The release was yanked" in text_of(after)
    assert "it &lt;b&gt;breaks&lt;/b&gt;" in after.text
    assert "Yank this release" not in after.text
    assert "Take back the yank" in after.text
    back = client.post(f"{url}project/demo/unyank", data={"version": "1.0"}, headers=headers)
    assert back.status_code == 303
    assert _yanked(registry) == {"1.0": None, "2.0": None}


def test_what_is_not_ones_own_has_no_button(registry: Registry, client: Client, get: Get) -> None:
    assert "Your uploads" not in get("project/demo/?version=2.0").text
    answer = client.post(
        "/repositories/main/project/demo/yank",
        data={"version": "2.0", "reason": ""},
        headers={**HTML, **basic(USER, PASSWORD)},
    )
    assert answer.status_code == 403
    assert set(_yanked(registry).values()) == {None}


def test_where_it_is_not_allowed_there_is_no_button(
    registry: Registry, client: Client, get: Get
) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", users_may_yank=False)
    assert "Your uploads" not in get("project/demo/?version=1.0").text
    answer = client.post(
        "/repositories/main/project/demo/yank",
        data={"version": "1.0"},
        headers=basic(USER, PASSWORD),
    )
    assert answer.status_code == 403
    assert set(_yanked(registry).values()) == {None}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_form_changes_nothing(
    headers: dict[str, str], registry: Registry, client: Client
) -> None:
    for path in ("yank", "unyank"):
        answer = client.post(
            f"/repositories/main/project/demo/{path}",
            data={"version": "1.0"},
            headers={**basic(USER, PASSWORD), **headers},
        )
        assert answer.status_code == 403
    assert set(_yanked(registry).values()) == {None}


def test_who_is_nobody_yanks_nothing(registry: Registry, client: Client) -> None:
    url = "/repositories/main/project/demo/yank"
    for headers, status in (
        ({}, 401),
        (basic(USER, "wrong"), 401),
        (basic("reader@example.com", PASSWORD), 403),
        (basic("admin@example.com", PASSWORD), 401),
    ):
        assert client.post(url, data={"version": "1.0"}, headers=headers).status_code == status
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    assert client.post(url, data={"version": "1.0"}).status_code == 401
    assert set(_yanked(registry).values()) == {None}


def test_users_of_a_host_yank_too(registry: Registry, client: Client) -> None:
    app = BrowseApp(
        registry.repository("main"),
        authenticate=lambda environ: OTHER if "HTTP_X_USER" in environ else ANONYMOUS,
    )
    host, headers = Client(app), {"X-User": "other"}
    assert "Yank this release" in host.get("/project/demo/", headers={**HTML, **headers}).text
    form = {"version": "2.0", "reason": "mine"}
    assert host.post("/project/demo/yank", data=form, headers=headers).status_code == 303
    assert _yanked(registry) == {"1.0": None, "2.0": "mine"}
    assert host.post("/project/demo/unyank", data=form).status_code == 401
