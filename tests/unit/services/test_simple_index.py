"""The index: who sees it, and how its pages are named."""

from collections.abc import Hashable

import pytest

from pypi_repo import ANONYMOUS, OPERATOR, Access, Actor, Grants, Registry, Settings
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    PermissionDenied,
    UnknownProject,
    UnknownRepository,
)
from pypi_repo.domain.names import NormalizedName
from tests.support.distributions import sdist, wheel
from tests.support.uploads import UPLOADER, filenames, page, upload

DEMO = NormalizedName("demo")
STRANGER = Actor("stranger", grants=Grants(Access.NONE))


def _keys(registry: Registry) -> tuple[Hashable, Hashable]:
    index = registry.repository("main").source
    return index.project_list(UPLOADER).key, index.project_page(UPLOADER, DEMO).key


def _make_again(registry: Registry) -> None:
    registry.acting_as(OPERATOR).projects.delete("main", "demo")
    upload(registry, wheel(version="3.0"))


def test_the_list_shows_the_projects_by_name(both: Registry) -> None:
    """X31"""
    for name in ("zeta", "Alpha.One", "demo"):
        upload(both, wheel(name))
    versioned = both.repository("main").source.project_list(UPLOADER)
    listed = versioned.load()
    assert [item.normalized_name for item in listed.projects] == ["alpha-one", "demo", "zeta"]
    assert [item.name for item in listed.projects] == ["Alpha.One", "demo", "zeta"]
    assert [item.serial for item in listed.projects] == [2, 3, 1]
    assert versioned.serial == listed.serial == 3
    assert not versioned.public


def test_a_page_shows_files_in_the_order_of_releases(both: Registry) -> None:
    """X32: every file's version is among the versions, which are unique."""
    for distribution in (wheel(version="2.0"), wheel(), sdist(version="2.0")):
        upload(both, distribution)
    shown = page(both)
    assert shown.versions == ("2.0", "1.0")
    assert {file.version for file in shown.files} == set(shown.versions)
    assert len(filenames(both)) == 3


def test_each_change_gives_the_pages_new_keys(both: Registry) -> None:
    """X50: caches keep a page by its key, so no key may come twice."""
    upload(both, wheel())
    seen = [_keys(both)]
    projects = both.acting_as(OPERATOR).projects
    for change in (
        lambda: upload(both, wheel(version="2.0")),
        lambda: projects.yank_file("main", wheel().filename, "why"),
        lambda: projects.yank_file("main", wheel().filename, None),
        lambda: projects.set_status("main", "demo", "archived"),
        lambda: projects.set_status("main", "demo", "active"),
        lambda: projects.delete_release("main", "demo", "2.0"),
        lambda: _make_again(both),
    ):
        change()
        seen.append(_keys(both))
    for keys in zip(*seen, strict=True):
        assert len(set(keys)) == len(keys)


def test_a_change_of_one_project_leaves_the_pages_of_others(both: Registry) -> None:
    upload(both, wheel())
    _list, before = _keys(both)
    upload(both, wheel("other"))
    _list, after = _keys(both)
    assert before == after


def test_pages_of_two_repositories_have_different_keys(both: Registry) -> None:
    both.acting_as(OPERATOR).repositories.create("other")
    keys = []
    for repository in ("main", "other"):
        upload(both, wheel(), repository=repository)
        index = both.repository(repository).source
        keys += [index.project_list(UPLOADER).key, index.project_page(UPLOADER, DEMO).key]
    assert len(set(keys)) == 4


def test_other_processes_see_an_upload_at_once(both: Registry, database_url: str) -> None:
    """U95"""
    other = Registry(Settings(database=database_url, blobs="memory://"))
    with pytest.raises(UnknownProject):
        page(other)
    stored = upload(both, wheel())
    assert page(other).files == (stored,)
    both.acting_as(OPERATOR).projects.yank_file("main", stored.filename, "why")
    assert page(other).files[0].yanked == "why"
    other.close()


def test_a_private_repository(both: Registry) -> None:
    """X71, X72"""
    upload(both, wheel())
    index = both.repository("main").source
    for ask in (index.check_access, index.project_list, lambda who: index.project_page(who, DEMO)):
        with pytest.raises(AuthenticationRequired):
            ask(ANONYMOUS)
        with pytest.raises(PermissionDenied):
            ask(STRANGER)
        ask(UPLOADER)


def test_a_public_repository(both: Registry) -> None:
    """X52: shared caches may keep its pages."""
    upload(both, wheel())
    both.acting_as(OPERATOR).repositories.change("main", public=True)
    index = both.repository("main").source
    assert index.project_list(ANONYMOUS).public
    assert index.project_page(ANONYMOUS, DEMO).load().files
    index.check_access(STRANGER)


def test_names_are_no_secret_that_can_be_guessed_at(both: Registry) -> None:
    """X71, X72: existing or not, repository or project, the answers are alike."""
    upload(both, wheel())
    for who, expected in ((ANONYMOUS, AuthenticationRequired), (STRANGER, PermissionDenied)):
        for repository, project in (("main", "demo"), ("main", "nothing"), ("nowhere", "demo")):
            with pytest.raises(expected):
                page(both, project, repository, who)


def test_who_may_read_learns_what_is_missing(both: Registry) -> None:
    """X05"""
    with pytest.raises(UnknownProject, match="'nothing'"):
        page(both, "nothing")
    with pytest.raises(UnknownRepository):
        page(both, "demo", "nowhere")


def test_a_nul_in_a_name_is_a_name_that_does_not_exist(both: Registry) -> None:
    """X02: PostgreSQL refuses NUL in a text, and anybody can put one into a URL."""
    with pytest.raises(AuthenticationRequired):
        both.repository("ma\0in").source.check_access(ANONYMOUS)
    with pytest.raises(UnknownRepository):
        both.repository("ma\0in").source.check_access(UPLOADER)
    with pytest.raises(UnknownProject):
        page(both, "de\0mo")
