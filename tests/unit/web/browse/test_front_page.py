"""B1: the first page of a repository, for who may read it."""

import re

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Access, AllowList, BrowseApp, Registry
from tests.conftest import PASSWORD, USER
from tests.support.distributions import sdist, wheel
from tests.support.http import basic
from tests.support.portal import text_of
from tests.support.uploads import upload
from tests.support.upstreams import LiveUpstream
from tests.unit.web.browse.conftest import HTML, Get


def names_on(page: str) -> list[str]:
    """The packages of the list."""
    return re.findall(r'<h3><a href="[^"]*">([^<]*)</a>', page)


def test_it_shows_what_is_there_and_what_is_new(registry: Registry, get: Get) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", description="What our teams build")
    upload(registry, wheel("Demo", "1.0", extra_metadata="Summary: Old\n"))
    upload(registry, wheel("Demo", "2.0", extra_metadata="Summary: Shows how it is done\n"))
    upload(registry, sdist("other-thing", "0.1"))
    page = get()
    assert page.status_code == 200
    assert names_on(page.text) == ["Demo", "other-thing"]
    shown = text_of(page)
    assert "What our teams build" in shown
    assert "Demo 2.0 Shows how it is done 2 releases, the last upload 20" in shown
    newest = page.text.partition("Newest releases")[2]
    versions = re.findall(r'class="version">([^<]*)<', newest)
    assert versions == ["0.1", "2.0", "1.0"]
    assert 'href="project/demo/?version=2.0"' in newest


def test_a_search_finds_names_that_hold_the_text(registry: Registry, get: Get) -> None:
    for name in ("acme-tools", "tools", "Tools-Old", "else"):
        upload(registry, wheel(name, "1.0"))
    assert names_on(get("?q=TOOLS").text) == ["tools", "Tools-Old", "acme-tools"]
    nothing = get("?q=zzz")
    assert names_on(nothing.text) == []
    assert "has “zzz” in it." in text_of(nothing)
    assert "Look up" not in nothing.text  # nobody else could have it


def test_a_list_that_is_too_long_has_several_pages(registry: Registry, get: Get) -> None:
    for number in range(52):
        upload(registry, wheel(f"p{number:02}", "1.0"))
    first, second = get("?q=p"), get("?q=p&page=2")
    assert len(names_on(first.text)) == 50
    assert names_on(second.text) == ["p50", "p51"]
    assert 'rel="next" href="./?q=p&amp;page=2"' in first.text
    assert 'rel="prev" href="./?q=p"' in second.text


def test_an_empty_repository_says_what_to_do(registry: Registry, get: Get) -> None:
    assert "Publish the first with the tool you know" in text_of(get())
    registry.acting_as(OPERATOR).accounts.set_access(USER, everywhere=Access.READ)
    assert "Whatever is published here appears on this page." in text_of(get())


def test_a_project_that_only_an_upstream_may_have_is_looked_up_by_its_name(
    registry: Registry, get: Get
) -> None:
    upstream = LiveUpstream()
    try:
        upstream.create_on(registry)
        registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
        upstream.add(wheel("Far-Away", "3.0"))
        found = get("?q=Far.Away")
        assert '<a href="project/far-away/">Look up far-away</a>' in found.text
        page = get("project/far-away/")
        assert "It comes from the upstream public" in text_of(page)
        assert "far-away 3.0" in text_of(page).lower()
        assert names_on(get("?q=far").text) == ["far-away"]
    finally:
        upstream.close()


def test_only_what_the_source_shows_is_there(registry: Registry) -> None:
    for name in ("shown", "secret"):
        upload(registry, wheel(name, "1.0"))
    source = AllowList(registry.repository("main").source, ["shown"])
    client = Client(BrowseApp(registry.repository("main", source=source)))
    headers = {**HTML, **basic(USER, PASSWORD)}
    assert names_on(client.get("/", headers=headers).text) == ["shown"]
    for path in ("/", "/?q=secret", "/?q=s"):
        assert "secret/" not in client.get(path, headers=headers).text
    for path in ("", "readme", "files", "releases"):
        assert client.get(f"/project/secret/{path}", headers=headers).status_code == 404
        unknown = client.get(f"/project/unknown/{path}", headers=headers)
        hidden = client.get(f"/project/secret/{path}", headers=headers)
        assert hidden.text.replace("secret", "unknown") == unknown.text


def test_g2_rights_on_names_hold_here(registry: Registry, get: Get) -> None:
    for name in ("acme-one", "other"):
        upload(registry, wheel(name, "1.0"))
    registry.acting_as(OPERATOR).accounts.set_access(
        USER, everywhere=Access.NONE, patterns={("main", "acme-*"): Access.READ}
    )
    page = get()
    assert names_on(page.text) == ["acme-one"]
    assert "other" not in text_of(page).replace("other tools", "")
    assert get("project/acme-one/").status_code == 200
    assert get("project/other/").status_code == get("project/none/").status_code


@pytest.mark.parametrize("path", ["", "+connect", "project/demo/", "project/demo/readme", "?q=d"])
def test_x71_who_may_not_read_sees_nothing(path: str, registry: Registry) -> None:
    upload(registry, wheel("demo", "1.0"))
    registry.acting_as(OPERATOR).accounts.create_user(
        "nobody@example.com", PASSWORD, everywhere=Access.NONE
    )
    client = Client(registry.wsgi_app())
    url = f"/repositories/main/{path}"
    for headers, status in (
        ({}, 401),
        (basic(USER, "wrong"), 401),
        (basic("nobody@example.com", PASSWORD), 403),
        (basic("admin@example.com", PASSWORD), 401),
        (basic(USER, PASSWORD), 200),
    ):
        answer = client.get(url, headers={**HTML, **headers})
        assert answer.status_code == status
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        if status != 200:
            assert "demo" not in text_of(answer)
        plain = client.get(url, headers=headers)
        assert plain.status_code == status
        if status != 200:
            assert plain.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_everybody_may_look_at_a_public_repository(registry: Registry) -> None:
    upload(registry, wheel("demo", "1.0"))
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    client = Client(registry.wsgi_app())
    front = client.get("/repositories/main/", headers=HTML)
    assert names_on(front.text) == ["demo"]
    assert "YOUR-" not in front.text  # nobody has to log in to install
    page = client.get("/repositories/main/project/demo/", headers=HTML)
    assert "uv pip install --index-url http://localhost/repositories/main/simple/ demo==1.0" in (
        text_of(page)
    )
    connect = client.get("/repositories/main/+connect?tool=twine", headers=HTML)
    assert "twine upload" not in connect.text


def test_lines_to_paste_are_for_who_asks(registry: Registry, get: Get) -> None:
    url = "localhost/repositories/main/"
    user = USER.replace("@", "%40")
    assert f"repository = http://{url}\nusername = {USER}" in get("+connect").text
    assert f"http://{user}:YOUR-PASSWORD@{url}simple/" in get("+connect?tool=pip").text
    assert f"http://{user}:YOUR-PASSWORD@{url}simple/ PROJECT" in get().text
    registry.acting_as(OPERATOR).accounts.set_access(USER, everywhere=Access.READ)
    reading = get("+connect")
    assert "may install from this repository, and not publish to it" in text_of(reading)
    assert ">twine</a>" not in reading.text
    assert ">Flit</a>" not in reading.text
