"""What was deleted or overwritten comes back as it was, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from pypi_repo import OPERATOR, Actor, Registry, Settings
from pypi_repo.domain.accounts.access import ActorKind, Area, GrantPolicy, Permission
from pypi_repo.domain.errors import (
    FileAlreadyExists,
    FilenameRetired,
    PermissionDenied,
    ProjectClosed,
    TooLarge,
    UnknownRepository,
)
from pypi_repo.domain.lifecycle.errors import FileStaged, UnknownDeletion
from pypi_repo.domain.pages.simple_pages import Links, project_html, project_json
from pypi_repo.domain.records import Repository
from pypi_repo.services.packages.projects import Projects
from pypi_repo.storage.database.lifecycle_tables import (
    stages,
    trash,
    trashed_files,
    trashed_releases,
)
from tests.support.attestations import attestation
from tests.support.distributions import sdist, wheel
from tests.support.journal import journal_of
from tests.support.sql import count_statements
from tests.support.trash import Deletion, all_columns, rows
from tests.support.uploads import damage, filenames, page, publish, stage, upload

WHEEL, SDIST, NEWER, OTHER = wheel(), sdist(), wheel("demo", "2.0"), wheel("other")
CHANGED = wheel(description="other content")
FILES_IN_TRASH = 2  # of the release below

DELETIONS: dict[str, Deletion] = {
    "file": lambda its: its.delete_file("main", WHEEL.filename),
    "release": lambda its: its.delete_release("main", "demo", "1.0"),
    "project": lambda its: its.delete("main", "demo"),
}


@pytest.fixture
def files(real_files: dict[str, Any]) -> dict[str, Any]:
    return real_files


@pytest.fixture
def projects(both: Registry) -> Projects:
    """Those of a registry with everything that may be known of a file."""
    document = json.dumps([attestation(WHEEL)])
    publish(both, WHEEL, signature=b"signature", attestations=document)
    for distribution in (SDIST, NEWER, OTHER):
        upload(both, distribution)
    projects = both.acting_as(OPERATOR).projects
    projects.yank_file("main", WHEEL.filename, "broken")
    projects.set_status("main", "demo", "deprecated", "old")
    return projects


def deleted(projects: Projects, what: str) -> int:
    entry = DELETIONS[what](projects)
    assert entry is not None
    return entry


def shown(registry: Registry) -> tuple[bytes, bytes]:
    """The page of the project, but for its serial."""
    found, links = replace(page(registry), serial=0), Links("../../files/", "https://x/")
    return project_html(found, links), project_json(found, links)


def in_trash(registry: Registry) -> int:
    return sum(len(rows(registry, table)) for table in (trash, trashed_releases, trashed_files))


@pytest.mark.parametrize("what", DELETIONS)
def test_what_is_restored_is_as_it_was(both: Registry, projects: Projects, what: str) -> None:
    """R1: to the last column, and to the last byte of the page."""
    before, page_before = all_columns(both), shown(both)
    entry = deleted(projects, what)
    assert all_columns(both) != before
    restored = both.acting_as(OPERATOR).trash.restore("main", entry)
    assert all_columns(both) == before
    assert shown(both) == page_before
    assert in_trash(both) == 0
    assert restored.subject == what
    assert damage(both) == []
    last = journal_of(both, "main")[-1]
    assert (last.action, last.project) == (f"restore {what}", "demo")
    assert last.version == (None if what == "project" else "1.0")
    assert last.filename == (WHEEL.filename if what == "file" else None)
    assert last.serial == page(both).serial


def test_deletions_are_undone_in_any_order(both: Registry, projects: Projects) -> None:
    """R1: the project was deleted after its release, and that after its file."""
    before, page_before = all_columns(both), shown(both)
    entries = [deleted(projects, what) for what in DELETIONS]
    its = both.acting_as(OPERATOR).trash
    for entry in (entries[0], entries[2], entries[1]):
        its.restore("main", entry)
    assert all_columns(both) == before
    assert shown(both) == page_before


def test_a_pinned_release_is_pinned_again(both: Registry, projects: Projects) -> None:
    """R1"""
    with both._database.begin() as connection:
        connection.exec_driver_sql("UPDATE releases SET pinned = 'in use'")
    before = all_columns(both)
    both.acting_as(OPERATOR).trash.restore("main", deleted(projects, "release"))
    assert all_columns(both) == before


@pytest.mark.parametrize("what", DELETIONS)
def test_names_stay_retired_after_a_restore(both: Registry, projects: Projects, what: str) -> None:
    """R1"""
    its = both.acting_as(OPERATOR).trash
    its.restore("main", deleted(projects, what))
    projects.delete_file("main", WHEEL.filename)
    with pytest.raises(FilenameRetired):
        upload(both, CHANGED)


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_a_closed_project_takes_what_is_restored(
    both: Registry, projects: Projects, status: Any
) -> None:
    """R1: though it takes no upload."""
    entry = deleted(projects, "file")
    projects.set_status("main", "demo", status)
    both.acting_as(OPERATOR).trash.restore("main", entry)
    assert projects.file("main", WHEEL.filename).yanked == "broken"
    assert projects.project("main", "demo").status == status
    with pytest.raises(ProjectClosed):
        upload(both, wheel("demo", "3.0"))


def test_a_project_that_came_again_keeps_its_own(both: Registry, projects: Projects) -> None:
    entry = deleted(projects, "project")
    upload(both, wheel("Demo", "3.0"))
    both.acting_as(OPERATOR).trash.restore("main", entry)
    assert len(filenames(both)) == 4
    assert projects.project("main", "demo").name == "Demo"


def _status(projects: Projects) -> tuple[str, str]:
    found = projects.project("main", "demo")
    return found.status, found.status_reason


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("quarantined", "active", ("quarantined", "before")),
        ("quarantined", "archived", ("quarantined", "before")),
        ("archived", "deprecated", ("archived", "before")),
        ("deprecated", "active", ("deprecated", "before")),
        ("deprecated", "archived", ("archived", "now")),
        ("archived", "quarantined", ("quarantined", "now")),
        ("quarantined", "quarantined", ("quarantined", "now")),
        ("active", "active", ("active", "now")),
    ],
)
def test_a_project_that_came_again_gets_the_stricter_status(
    both: Registry, projects: Projects, before: Any, now: Any, expected: tuple[str, str]
) -> None:
    """R1: an upload takes nothing out of quarantine."""
    projects.set_status("main", "demo", before, "before")
    entry = deleted(projects, "project")
    upload(both, wheel("demo", "3.0"))
    projects.set_status("main", "demo", now, "now")
    known = len(journal_of(both, "main"))
    both.acting_as(OPERATOR).trash.restore("main", entry)
    assert _status(projects) == expected
    told = [(each.action, each.detail) for each in journal_of(both, "main")[known:]]
    changed = [(f"set status {before}", {"reason": "before"})] if expected[1] == "before" else []
    assert told == [*changed, ("restore project", None)]


@pytest.mark.parametrize("what", ["file", "release"])
@pytest.mark.parametrize("came_again", [False, True])
def test_parts_of_a_deleted_project_have_its_last_status(
    both: Registry, projects: Projects, what: str, came_again: bool
) -> None:
    """R1: also if they were deleted before it was quarantined."""
    part = deleted(projects, what)
    projects.set_status("main", "demo", "quarantined", "malware")
    whole = deleted(projects, "project")
    if came_again:
        upload(both, wheel("demo", "3.0"))
    trash = both.acting_as(OPERATOR).trash
    trash.restore("main", part)
    assert _status(projects) == ("quarantined", "malware")
    trash.restore("main", whole)
    assert _status(projects) == ("quarantined", "malware")


def test_a_quarantine_that_was_lifted_stays_so(both: Registry, projects: Projects) -> None:
    """R1: what the project is now is what somebody decided last."""
    projects.set_status("main", "demo", "quarantined", "malware?")
    part = deleted(projects, "file")
    projects.set_status("main", "demo", "active")
    trash = both.acting_as(OPERATOR).trash
    trash.restore("main", deleted(projects, "project"))
    trash.restore("main", part)
    assert _status(projects) == ("active", "")


def test_a_former_project_of_the_name_says_nothing_of_a_later_one(
    both: Registry, projects: Projects
) -> None:
    projects.set_status("main", "demo", "quarantined", "malware")
    deleted(projects, "project")
    upload(both, wheel("demo", "3.0"))
    later = projects.delete_release("main", "demo", "3.0")
    assert later is not None
    both.acting_as(OPERATOR).trash.restore("main", later)
    assert _status(projects) == ("active", "")


def test_an_overwrite_is_undone(both: Registry, projects: Projects) -> None:
    """R2: and can be done again in the same way."""
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    before, its = all_columns(both), both.acting_as(OPERATOR).trash
    upload(both, CHANGED)
    after = all_columns(both)
    (entry,) = its.entries("main")
    assert (entry.action, entry.subject) == ("overwrite file", "file")
    its.restore("main", entry.id)
    assert all_columns(both) == before
    last = journal_of(both, "main")[-1]
    assert (last.action, last.detail) == ("restore file", {"replaced": WHEEL.filename})
    (entry,) = its.entries("main")
    its.restore("main", entry.id)
    assert all_columns(both) == after


def test_other_content_under_the_name_is_in_the_way(both: Registry, projects: Projects) -> None:
    """R1: nothing is restored, and the answer names the file."""
    repositories, its = both.acting_as(OPERATOR).repositories, both.acting_as(OPERATOR).trash
    repositories.change("main", allow_reuse=True)
    entry = deleted(projects, "release")
    upload(both, CHANGED)
    before, kept = all_columns(both), in_trash(both)
    with pytest.raises(FileAlreadyExists, match=WHEEL.filename):
        its.restore("main", entry)
    assert (all_columns(both), in_trash(both)) == (before, kept)
    repositories.change("main", allow_overwrite=True)
    its.restore("main", entry)
    assert projects.file("main", WHEEL.filename).digests.sha256 == WHEEL.sha256
    (replaced,) = its.entries("main")
    assert (replaced.action, replaced.filename) == ("overwrite file", WHEEL.filename)


def test_a_file_of_another_project_in_the_way_is_deleted_from_it(both: Registry) -> None:
    """The name of a source distribution may belong to either of two projects."""
    ours = sdist("foo-1", "2", filename="foo-1-2.tar.gz")
    theirs = sdist("foo", "1-2", filename="foo-1-2.tar.gz")
    its = both.acting_as(OPERATOR)
    its.repositories.change("main", profile="lenient", allow_reuse=True, allow_overwrite=True)
    upload(both, ours)
    entry = its.projects.delete_file("main", ours.filename)
    upload(both, theirs)
    assert entry is not None
    before, known = page(both, "foo").serial, len(journal_of(both, "main"))
    its.trash.restore("main", entry)
    assert filenames(both, "foo-1") == [ours.filename]
    assert filenames(both, "foo") == []
    assert page(both, "foo").serial > before
    told = [(each.action, each.project) for each in journal_of(both, "main")[known:]]
    assert told == [("delete file", "foo"), ("restore file", "foo-1")]
    (kept,) = its.trash.entries("main")
    assert (kept.action, kept.project) == ("delete file", "foo")


def test_another_spelling_of_the_same_wheel_is_in_the_way(
    both: Registry, projects: Projects
) -> None:
    both.acting_as(OPERATOR).repositories.change("main", allow_reuse=True)
    entry = deleted(projects, "file")
    spelled = wheel("demo", "1.0.0", description="other content")
    upload(both, spelled)
    with pytest.raises(FileAlreadyExists, match=spelled.filename):
        both.acting_as(OPERATOR).trash.restore("main", entry)


def test_a_name_that_a_stage_has_reserved_is_in_the_way(both: Registry, projects: Projects) -> None:
    """R1, G2"""
    both.acting_as(OPERATOR).repositories.change("main", allow_reuse=True)
    entry, its = deleted(projects, "release"), both.acting_as(OPERATOR)
    opened = its.stages.open("main").id
    stage(both, opened, CHANGED)
    before = all_columns(both)
    with pytest.raises(FileStaged, match=WHEEL.filename):
        its.trash.restore("main", entry)
    assert all_columns(both) == before
    its.stages.drop("main", opened)
    its.trash.restore("main", entry)
    assert len(filenames(both)) == 3


def test_a_stage_that_has_expired_is_not_in_the_way(both: Registry, projects: Projects) -> None:
    """Nobody could drop it."""
    its = both.acting_as(OPERATOR)
    its.repositories.change("main", allow_reuse=True)
    entry = deleted(projects, "release")
    stage(both, its.stages.open("main").id, CHANGED)
    with both._database.begin() as connection:
        connection.execute(update(stages).values(expires_at=datetime.now(UTC)))
    its.trash.restore("main", entry)
    assert len(filenames(both)) == 3


def test_the_number_of_files_costs_no_statements(both: Registry, projects: Projects) -> None:
    """R1: the repository is not locked for long, however large a project is."""
    for name, number in (("few", 2), ("many", 8)):
        for patch in range(number):
            upload(both, wheel(name, f"1.{patch}"))
    its, counts = both.acting_as(OPERATOR).trash, []
    for name in ("few", "many"):
        with count_statements(both._database) as deleting:
            entry = projects.delete("main", name)
        assert entry is not None
        with count_statements(both._database) as restoring:
            its.restore("main", entry)
        counts.append(
            [
                len([each for each in found if not each.startswith("DELETE")])
                for found in (deleting, restoring)
            ]
        )
    assert counts[0] == counts[1]


def test_the_same_content_under_the_name_is_skipped(both: Registry, projects: Projects) -> None:
    both.acting_as(OPERATOR).repositories.change("main", allow_reuse=True)
    entry = deleted(projects, "release")
    uploaded = upload(both, WHEEL)
    both.acting_as(OPERATOR).trash.restore("main", entry)
    assert projects.file("main", WHEEL.filename) == uploaded  # not yanked, without provenance
    assert sorted(filenames(both)) == sorted([WHEEL.filename, SDIST.filename, NEWER.filename])
    assert in_trash(both) == 0


def test_a_restore_needs_room_in_the_quota(both: Registry, projects: Projects) -> None:
    """R3: only if the trash does not count already."""
    repositories, its = both.acting_as(OPERATOR).repositories, both.acting_as(OPERATOR).trash
    entry = deleted(projects, "release")
    repositories.change("main", quota=1)
    before = all_columns(both)
    with pytest.raises(TooLarge):
        its.restore("main", entry)
    assert all_columns(both) == before
    repositories.change("main", quota_counts_trash=True)
    its.restore("main", entry)
    assert len(filenames(both)) == 3


def test_the_quota_counts_the_trash_only_where_the_repository_says_so(both: Registry) -> None:
    """R3"""
    operator = both.acting_as(OPERATOR)
    uploaded = upload(both, WHEEL)
    beside = rows_of_beside(both)
    operator.repositories.change("main", quota=uploaded.size + beside + 100)
    operator.projects.delete_file("main", WHEEL.filename)
    operator.repositories.change("main", quota_counts_trash=True)
    with pytest.raises(TooLarge):
        upload(both, OTHER)
    operator.repositories.change("main", quota_counts_trash=False)
    upload(both, OTHER)


def rows_of_beside(registry: Registry) -> int:
    from pypi_repo.storage.database.tables import files

    return sum(row["size_beside"] for row in rows(registry, files))


def test_what_is_overwritten_still_counts_where_the_trash_does(both: Registry) -> None:
    """R3"""
    operator = both.acting_as(OPERATOR)
    uploaded = upload(both, WHEEL)
    quota = (uploaded.size + rows_of_beside(both)) * 3 // 2
    operator.repositories.change("main", allow_overwrite=True, quota=quota, quota_counts_trash=True)
    with pytest.raises(TooLarge):
        upload(both, CHANGED)
    operator.repositories.change("main", quota_counts_trash=False)
    upload(both, CHANGED)


def test_sizes_show_both(both: Registry, projects: Projects) -> None:
    """R3"""
    usage = both.acting_as(OPERATOR).usage
    whole = usage.repository("main")
    assert whole.size_of_trash == 0
    deleted(projects, "release")
    after = usage.repository("main")
    assert after.size_of_trash == len(WHEEL.content) + len(SDIST.content)
    assert after.size + after.size_of_trash == whole.size


def test_what_is_staged_has_a_size(both: Registry, projects: Projects) -> None:
    """G2: it counts for the quota."""
    its = both.acting_as(OPERATOR)
    whole = its.usage.repository("main")
    assert whole.size_of_stages == 0
    staged = wheel("staged")
    stage(both, its.stages.open("main").id, staged)
    assert its.usage.repository("main") == replace(whole, size_of_stages=len(staged.content))


def test_the_trash_is_listed_newest_first(both: Registry, projects: Projects) -> None:
    """R2"""
    its = both.acting_as(OPERATOR).trash
    ids = [deleted(projects, what) for what in DELETIONS]
    entries = its.entries("main")
    assert [entry.id for entry in entries] == ids[::-1]
    assert [entry.name for entry in entries] == ["demo", "demo 1.0", WHEEL.filename]
    assert [entry.files for entry in entries] == [1, 1, 1]
    assert entries[1].size > len(SDIST.content)  # with what is beside it
    assert its.entries("main", limit=2) == entries[:2]
    assert its.entries("main", before=ids[1], limit=2) == entries[2:]
    assert its.get("main", ids[0]) == entries[2]


def test_what_is_not_in_the_trash_is_not_restored(both: Registry, projects: Projects) -> None:
    operator = both.acting_as(OPERATOR)
    operator.repositories.create("elsewhere")
    entry = deleted(projects, "file")
    for repository, id_ in (("main", entry + 1), ("main", 2**40), ("elsewhere", entry)):
        with pytest.raises(UnknownDeletion):
            operator.trash.restore(repository, id_)
        with pytest.raises(UnknownDeletion):
            operator.trash.purge(repository, [id_])
    with pytest.raises(UnknownRepository):
        operator.trash.restore("nowhere", entry)
    operator.trash.restore("main", entry)
    with pytest.raises(UnknownDeletion):
        operator.trash.restore("main", entry)


class _OnlyDemo(GrantPolicy):
    """Lets administrators manage one project only."""

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        if actor.kind is ActorKind.ADMINISTRATOR:
            return project in (None, "demo")
        return super().allows(actor, permission, repository, project)


def test_only_who_may_manage_a_project_sees_and_restores_it(
    both: Registry, projects: Projects, database_url: str, files: dict[str, Any]
) -> None:
    """R2: and what an entry is about stays hidden from others."""
    mine, other = deleted(projects, "file"), projects.delete("main", "other")
    assert other is not None
    reader = both.acting_as(Actor("somebody"))
    for attempt in (
        lambda: reader.trash.entries("main"),
        lambda: reader.trash.restore("main", mine),
        lambda: reader.trash.purge("main"),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    settings = Settings(database=database_url, password_cost=4, **files)
    with Registry(settings, policy=_OnlyDemo()) as host:
        its = host.acting_as(
            Actor("admin", kind=ActorKind.ADMINISTRATOR, areas=frozenset({Area.REPOSITORIES}))
        ).trash
        assert [entry.id for entry in its.entries("main")] == [mine]
        with pytest.raises(UnknownDeletion):
            its.restore("main", other)
        with pytest.raises(UnknownDeletion):
            its.purge("main", [mine, other])
        assert its.purge("main").entries == 1
    assert [entry.id for entry in both.acting_as(OPERATOR).trash.entries("main")] == [other]
