"""The life of what was uploaded: status, yanks, deletions."""

import pytest
from sqlalchemy import update

from pypi_repo import OPERATOR, Access, Actor, Grants, Registry
from pypi_repo.domain.errors import (
    InvalidSetting,
    PermissionDenied,
    ProjectClosed,
    RegistryError,
    UnknownFile,
    UnknownProject,
    UnknownRelease,
    UnknownRepository,
)
from pypi_repo.domain.records import ProjectStatus
from pypi_repo.storage.database.tables import files
from tests.support.distributions import sdist, wheel
from tests.support.journal import journal_of
from tests.support.sql import count_statements
from tests.support.uploads import UPLOADER, filenames, page, upload

WHEEL, SDIST, NEWER = wheel(), sdist(), wheel(version="2.0")


@pytest.fixture
def demo(both: Registry) -> Registry:
    """With a project of two releases."""
    for distribution in (WHEEL, SDIST, NEWER):
        upload(both, distribution)
    return both


def _yanked(registry: Registry) -> dict[str, str | None]:
    return {file.filename: file.yanked for file in page(registry).files}


def _last_action(registry: Registry) -> tuple[str, str | None, str | None]:
    entry = journal_of(registry, "main")[-1]
    return entry.action, entry.version, entry.filename


@pytest.mark.parametrize("reason", ["broken", "", "Größe <&>"])
def test_yanking_a_file_and_taking_it_back(demo: Registry, reason: str) -> None:
    """X45: a reason may be empty, which is still a yank."""
    demo.acting_as(OPERATOR).projects.yank_file("main", WHEEL.filename, reason)
    assert _yanked(demo) == {WHEEL.filename: reason, SDIST.filename: None, NEWER.filename: None}
    assert _last_action(demo) == ("yank file", "1.0", WHEEL.filename)
    demo.acting_as(OPERATOR).projects.yank_file("main", WHEEL.filename, None)
    assert set(_yanked(demo).values()) == {None}
    assert _last_action(demo) == ("unyank file", "1.0", WHEEL.filename)


@pytest.mark.parametrize("spelling", ["1.0", "1.0.0", "v1", "1"])
def test_yanking_a_release_under_any_spelling(demo: Registry, spelling: str) -> None:
    """U85, X45"""
    demo.acting_as(OPERATOR).projects.yank_release("main", "Demo", spelling, "broken")
    expected = {WHEEL.filename: "broken", SDIST.filename: "broken", NEWER.filename: None}
    assert _yanked(demo) == expected
    demo.acting_as(OPERATOR).projects.yank_release("main", "Demo", spelling, None)
    assert set(_yanked(demo).values()) == {None}


def test_a_yanked_file_can_still_be_downloaded(demo: Registry) -> None:
    """X45"""
    demo.acting_as(OPERATOR).projects.yank_file("main", WHEEL.filename, "broken")
    (file,) = [file for file in page(demo).files if file.yanked]
    source = demo.repository("main").source
    content, _size = source.file(UPLOADER, file.path).open()
    assert content.read() == WHEEL.content


def test_deleting_a_file(demo: Registry) -> None:
    """X43"""
    path = page(demo).files[0].path
    demo.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    assert filenames(demo) == [SDIST.filename, NEWER.filename]
    for gone in (path, path + ".metadata"):
        with pytest.raises(UnknownFile):
            demo.repository("main").source.file(UPLOADER, gone)
    entry = journal_of(demo, "main")[-1]
    assert (entry.action, entry.detail) == ("delete file", {"sha256": WHEEL.sha256})


def test_deleting_the_last_file_leaves_the_project_claimed(demo: Registry) -> None:
    """X05"""
    for distribution in (WHEEL, SDIST, NEWER):
        demo.acting_as(OPERATOR).projects.delete_file("main", distribution.filename)
    assert filenames(demo) == []


def test_deleting_a_release_retires_its_names(demo: Registry) -> None:
    """U57"""
    demo.acting_as(OPERATOR).projects.delete_release("main", "demo", "1.0.0")
    assert filenames(demo) == [NEWER.filename]
    assert page(demo).versions == ("2.0",)
    for distribution in (WHEEL, SDIST):
        with pytest.raises(RegistryError, match="cannot be used again"):
            upload(demo, distribution)
    upload(demo, wheel(version="1.0", build="1"))
    assert page(demo).versions == ("2.0", "1.0")


def test_deleting_a_project_retires_its_names(demo: Registry) -> None:
    """U57"""
    demo.acting_as(OPERATOR).projects.delete("main", "Demo")
    with pytest.raises(UnknownProject):
        page(demo)
    assert demo.acting_as(OPERATOR).projects.all("main") == []
    for distribution in (WHEEL, SDIST, NEWER):
        with pytest.raises(RegistryError, match="cannot be used again"):
            upload(demo, distribution)
    upload(demo, wheel(version="3.0"))
    assert page(demo).versions == ("3.0",)


def test_deleting_twice_is_said(demo: Registry) -> None:
    demo.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    with pytest.raises(UnknownFile):
        demo.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)


@pytest.mark.parametrize("status", ["active", "archived", "quarantined", "deprecated"])
def test_setting_a_status(demo: Registry, status: ProjectStatus) -> None:
    """X23, X32"""
    demo.acting_as(OPERATOR).projects.set_status("main", "demo", status, "why")
    shown = page(demo)
    assert (shown.status, shown.status_reason) == (status, "why")
    assert demo.acting_as(OPERATOR).projects.get("main", "demo")[0].status == status
    demo.acting_as(OPERATOR).projects.set_status("main", "demo", "active")
    assert page(demo).status_reason == ""


def test_an_archived_project_is_read_as_before(demo: Registry) -> None:
    """X46"""
    demo.acting_as(OPERATOR).projects.set_status("main", "demo", "archived")
    shown = page(demo)
    assert len(shown.files) == 3
    assert demo.repository("main").source.file(UPLOADER, shown.files[0].path).size


def test_a_quarantined_project_offers_nothing(demo: Registry) -> None:
    """X46: not in the list, no files, no downloads, and all of it comes back."""
    upload(demo, wheel("other"))
    before = page(demo)
    demo.acting_as(OPERATOR).projects.set_status("main", "demo", "quarantined", "looks odd")
    shown = page(demo)
    assert (shown.status, shown.files) == ("quarantined", ())
    listed = demo.repository("main").source.project_list(UPLOADER).load().projects
    assert [project.name for project in listed] == ["other"]
    for path in (before.files[0].path, before.files[0].path + ".metadata"):
        with pytest.raises(ProjectClosed, match="quarantined"):
            demo.repository("main").source.file(UPLOADER, path)
    demo.acting_as(OPERATOR).projects.set_status("main", "demo", "active")
    assert page(demo).files == before.files


def test_a_status_that_does_not_exist(demo: Registry) -> None:
    with pytest.raises(InvalidSetting, match="active, archived, quarantined, deprecated"):
        demo.acting_as(OPERATOR).projects.set_status("main", "demo", "closed")  # type: ignore[arg-type]


def test_every_change_counts_and_is_written_down(demo: Registry) -> None:
    """X95"""
    projects = demo.acting_as(OPERATOR).projects
    before = demo.acting_as(OPERATOR).repositories.get("main").serial
    projects.yank_file("main", WHEEL.filename, "a")
    projects.yank_release("main", "demo", "2.0", "b")
    projects.set_status("main", "demo", "deprecated", "c")
    projects.delete_file("main", WHEEL.filename)
    projects.delete_release("main", "demo", "2.0")
    projects.delete("main", "demo")
    entries = journal_of(demo, "main")[-6:]
    assert [entry.serial for entry in entries] == list(range(before + 1, before + 7))
    assert {entry.actor for entry in entries} == {"operator"}
    assert [entry.action for entry in entries] == [
        "yank file",
        "yank release",
        "set status deprecated",
        "delete file",
        "delete release",
        "delete project",
    ]
    assert [(entry.detail or {}).get("reason") for entry in entries[:3]] == ["a", "b", "c"]
    assert demo.acting_as(OPERATOR).repositories.get("main").serial == before + 6


def test_projects_and_their_files(demo: Registry) -> None:
    upload(demo, wheel("another"))
    assert [project.name for project in demo.acting_as(OPERATOR).projects.all("main")] == [
        "another",
        "demo",
    ]
    project, files = demo.acting_as(OPERATOR).projects.get("main", "DEMO")
    assert project.normalized_name == "demo"
    assert [file.filename for file in files] == [WHEEL.filename, SDIST.filename, NEWER.filename]


@pytest.mark.parametrize("version", ["3.0", "1.0.1", "no version", ""])
def test_an_unknown_release(demo: Registry, version: str) -> None:
    with pytest.raises(UnknownRelease, match="has no release"):
        demo.acting_as(OPERATOR).projects.yank_release("main", "demo", version, "why")
    with pytest.raises(UnknownRelease):
        demo.acting_as(OPERATOR).projects.delete_release("main", "demo", version)
    with pytest.raises(UnknownRelease):
        demo.acting_as(OPERATOR).projects.release("main", "demo", version)


def test_the_files_of_one_release_are_loaded_alone(demo: Registry) -> None:
    projects = demo.acting_as(OPERATOR).projects
    found, files = projects.get("main", "demo")
    assert projects.project("main", "demo") == found
    expected = [file for file in files if file.version == "1.0"]
    with count_statements(demo._database) as statements:
        assert projects.release("main", "demo", "v1.0.0") == expected != files
    assert "canonical_version" in statements[-1]
    for file in expected:
        projects.delete_file("main", file.filename)
    assert projects.release("main", "demo", "1.0") == []


def test_unknown_names(demo: Registry) -> None:
    demo.acting_as(OPERATOR).repositories.create("other")
    projects = demo.acting_as(OPERATOR).projects
    with pytest.raises(UnknownProject):
        projects.get("main", "nothing")
    with pytest.raises(UnknownProject):
        projects.set_status("other", "demo", "archived")
    with pytest.raises(UnknownFile):
        projects.yank_file("other", WHEEL.filename, "why")
    for refused in (
        lambda: projects.all("nowhere"),
        lambda: projects.delete("nowhere", "demo"),
        lambda: projects.delete_file("nowhere", WHEEL.filename),
    ):
        with pytest.raises(UnknownRepository):
            refused()


def test_who_may_only_upload_manages_nothing(demo: Registry) -> None:
    actor = Actor("user@example.com", grants=Grants(Access.WRITE))
    serial = demo.acting_as(OPERATOR).repositories.get("main").serial
    for refused in (
        lambda: demo.acting_as(actor).projects.all("main"),
        lambda: demo.acting_as(actor).projects.yank_file("main", WHEEL.filename, "why"),
        lambda: demo.acting_as(actor).projects.delete("main", "demo"),
        lambda: demo.acting_as(actor).projects.set_status("main", "demo", "archived"),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    assert demo.acting_as(OPERATOR).repositories.get("main").serial == serial


def test_sizes_that_need_more_than_32_bits(demo: Registry) -> None:
    with demo._database.begin() as connection:
        connection.execute(update(files).values(size=2**31))
        connection.execute(
            update(files).where(files.c.filename == WHEEL.filename).values(size=2**33)
        )
    _project, found = demo.acting_as(OPERATOR).projects.get("main", "demo")
    sizes = {file.filename: file.size for file in found}
    assert sizes == {WHEEL.filename: 2**33, SDIST.filename: 2**31, NEWER.filename: 2**31}
    assert {file.filename: file.size for file in page(demo).files} == sizes
