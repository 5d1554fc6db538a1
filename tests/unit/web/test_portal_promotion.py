"""The page of the portal on which a release or a project is promoted."""

from html import unescape

import pytest

from pypi_repo import OPERATOR, Area, Registry
from pypi_repo.domain.errors import UnknownProject
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.distributions import sdist, wheel
from tests.support.portal import PortalClient, refusal_of, refused_fields, text_of
from tests.support.uploads import filenames, upload

WHEEL, SDIST, NEWER = wheel(), sdist(), wheel(version="2.0")
PROJECT = "repositories/main/projects/demo"
RELEASE = f"{PROJECT}/promote?version=1.0"


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    registry.acting_as(OPERATOR).repositories.create("releases")
    for dist in (WHEEL, SDIST, NEWER):
        upload(registry, dist)
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    return portal


def test_a_release(registry: Registry, portal: PortalClient) -> None:
    """M2: from the page of the release, with the choice of the other repositories."""
    page = portal.get(f"{PROJECT}?version=1.0").text
    assert f'href="{"../" * 3}{RELEASE}"' in unescape(page)
    form = portal.get(RELEASE)
    assert '<option value="releases">' in form.text
    assert '<option value="main"' not in form.text
    assert "gets 2 files, " in text_of(form)
    told = portal.send(RELEASE, to="releases")
    assert "Copied demo 1.0, 2 files" in text_of(told)
    assert "repositories/releases/projects/demo/releases" in told.text
    assert filenames(registry, repository="releases") == [WHEEL.filename, SDIST.filename]
    assert "Nothing was changed" in text_of(portal.send(RELEASE, to="releases"))
    assert "Moved demo 1.0" in text_of(portal.send(RELEASE, to="releases", move="yes"))
    assert filenames(registry) == [NEWER.filename]


def test_a_project(registry: Registry, portal: PortalClient) -> None:
    """M1"""
    assert f'href="{"../" * 4}{PROJECT}/promote"' in portal.get(f"{PROJECT}/manage").text
    told = portal.send(f"{PROJECT}/promote", to="releases", move="yes")
    assert "Moved demo, 3 files" in text_of(told)
    assert len(filenames(registry, repository="releases")) == 3
    with pytest.raises(UnknownProject):
        filenames(registry)


@pytest.mark.parametrize(
    ("target", "status"), [("", 400), ("main", 400), ("nowhere", 404), ("small", 413)]
)
def test_a_refusal_shows_the_form_again(
    registry: Registry, portal: PortalClient, target: str, status: int
) -> None:
    registry.acting_as(OPERATOR).repositories.create("small", max_file_size=1)
    refused = portal.post(RELEASE, to=target, move="yes")
    assert refused.status_code == status
    assert 'value="yes" checked' in refused.text
    if target == "small":
        assert WHEEL.filename in refusal_of(refused)
        assert '<option value="small" selected>' in refused.text
    else:
        assert list(refused_fields(refused)) == ["to"]
    assert len(filenames(registry)) == 3


def test_where_there_is_no_other_repository(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).repositories.delete("releases")
    page = portal.get(RELEASE)
    assert "no other repository" in text_of(page)
    assert "<select" not in page.text


def test_what_is_not_the_repository_s_own_has_no_button(
    registry: Registry, portal: PortalClient
) -> None:
    operator = registry.acting_as(OPERATOR)
    operator.sources.set_sources("releases", ["repository:main"])
    page = portal.get("repositories/releases/projects/demo")
    assert page.status_code == 200
    assert "/promote" not in page.text
    path = "repositories/releases/projects/demo/promote?version=1.0"
    assert portal.get(path).status_code == 404
    assert portal.post(path, to="main").status_code == 404


@pytest.mark.parametrize(
    "path", [f"{PROJECT}/promote?version=9", "repositories/main/projects/x/promote"]
)
def test_what_is_not_there(portal: PortalClient, path: str) -> None:
    assert portal.get(path).status_code == 404
    assert portal.post(path, to="releases").status_code == 404


def test_forms_need_their_token(registry: Registry, portal: PortalClient) -> None:
    portal.form_token = "0" * 64
    assert portal.post(RELEASE, to="releases").status_code == 403
    with pytest.raises(UnknownProject):
        filenames(registry, repository="releases")


def test_the_page_is_for_who_manages_repositories(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).administrators.create(
        "users@example.com", PASSWORD, areas=[Area.USERS]
    )
    other = PortalClient(registry)
    other.sign_in("users@example.com", PASSWORD)
    assert other.get(RELEASE).status_code == 403
    assert other.post(RELEASE, to="releases").status_code == 403
