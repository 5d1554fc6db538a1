"""What is deleted or overwritten goes to the trash, with all that is known of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.errors import FilenameRetired, UnknownFile, UnknownProject, UnknownRelease
from pypi_repo.services.packages.candidates import Candidate
from pypi_repo.services.packages.projects import Projects
from pypi_repo.services.packages.publishing import Publishing
from pypi_repo.storage.database.lifecycle_tables import trash, trashed_files, trashed_releases
from pypi_repo.storage.database.metadata import columns_of_a_file
from pypi_repo.storage.database.tables import files as files_table
from pypi_repo.storage.stored_files import StoredFiles
from tests.support.attestations import attestation
from tests.support.distributions import sdist, wheel
from tests.support.trash import Deletion, rows
from tests.support.uploads import UPLOADER, damage, filenames, form_of, publish, upload

WHEEL, SDIST, NEWER = wheel(), sdist(), wheel("demo", "2.0")
EVERYTHING = timedelta(minutes=-1)
_COLUMNS = [column.name for column in columns_of_a_file()]

DELETIONS: dict[str, tuple[Deletion, list[str]]] = {
    "file": (lambda its: its.delete_file("main", WHEEL.filename), [WHEEL.filename]),
    "release": (
        lambda its: its.delete_release("main", "demo", "1.0.0"),
        [WHEEL.filename, SDIST.filename],
    ),
    "project": (
        lambda its: its.delete("main", "demo"),
        [WHEEL.filename, SDIST.filename, NEWER.filename],
    ),
}


@pytest.fixture
def files(real_files: dict[str, Any]) -> dict[str, Any]:
    return real_files


def filled(registry: Registry) -> Projects:
    document = json.dumps([attestation(WHEEL)])
    publish(registry, WHEEL, signature=b"signature", attestations=document)
    for distribution in (SDIST, NEWER):
        upload(registry, distribution)
    projects = registry.acting_as(OPERATOR).projects
    projects.yank_file("main", WHEEL.filename, "broken")
    projects.set_status("main", "demo", "deprecated", "old")
    return projects


@pytest.mark.parametrize("what", DELETIONS)
def test_what_is_deleted_is_kept_with_all_that_is_known_of_it(both: Registry, what: str) -> None:
    """R1: hidden at once, and not a byte or column less."""
    projects = filled(both)
    delete, names = DELETIONS[what]
    before = [row for row in rows(both, files_table) if row["filename"] in names]
    entry = delete(projects)
    kept = rows(both, trashed_files)
    assert [[row[name] for name in _COLUMNS] for row in kept] == [
        [row[name] for name in _COLUMNS] for row in before
    ]
    assert [row["provenance"] is not None for row in kept] == [
        row["filename"] == WHEEL.filename for row in before
    ]
    (row,) = rows(both, trash)
    assert (row["id"], row["action"], row["project"]) == (entry, f"delete {what}", "demo")
    assert (row["status"], row["status_reason"]) == ("deprecated", "old")
    assert (row["deleted_by"], row["deleted_by_kind"]) == (OPERATOR.name, OPERATOR.kind.value)
    assert row["version"] == (None if what == "project" else "1.0")
    assert row["filename"] == (WHEEL.filename if what == "file" else None)
    for name in names:
        with pytest.raises(UnknownFile):
            projects.file("main", name)


@pytest.mark.parametrize("what", DELETIONS)
def test_the_names_of_deleted_files_stay_retired(both: Registry, what: str) -> None:
    """R1"""
    delete, _names = DELETIONS[what]
    delete(filled(both))
    with pytest.raises(FilenameRetired):
        upload(both, wheel(description="other content"))


@pytest.mark.parametrize("what", DELETIONS)
def test_what_keeps_a_stored_file_is_also_the_trash(both: Registry, what: str) -> None:
    """R4: a sweep spares it, and a check looks at it."""
    delete, _names = DELETIONS[what]
    before = {blob.path for blob in both._blobs.walk()} if filled(both) else set()
    delete(both.acting_as(OPERATOR).projects)
    assert both.upkeep.sweep(EVERYTHING).blobs == 0
    assert {blob.path for blob in both._blobs.walk()} == before
    assert damage(both) == []
    (path,) = (path for path in before if path.endswith(f"/{WHEEL.filename}"))
    both._blobs.delete(path)
    assert [problem.path for problem in damage(both)] == [path]
    assert StoredFiles(both._database).size() == sum(
        len(each.content) for each in (WHEEL, SDIST, NEWER)
    )


def test_without_a_trash_everything_is_deleted_at_once(
    both: Registry, database_url: str, files: dict[str, Any]
) -> None:
    """R1: `trash_days` is 0."""
    filled(both)
    settings = Settings(database=database_url, trash_days=0, password_cost=4, **files)
    with Registry(settings) as without:
        without.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
        upload(without, wheel(description="again"))
        for delete, _names in DELETIONS.values():
            assert delete(without.acting_as(OPERATOR).projects) is None
        assert rows(without, trash) == rows(without, trashed_files) == []
        assert without.upkeep.sweep(EVERYTHING).blobs > 6
        assert list(without._blobs.walk()) == []


def test_an_overwritten_file_is_kept(both: Registry) -> None:
    """R2"""
    projects = filled(both)
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    (before,) = (row for row in rows(both, files_table) if row["filename"] == WHEEL.filename)
    upload(both, wheel(description="again"))
    (kept,) = rows(both, trashed_files)
    assert [kept[name] for name in _COLUMNS] == [before[name] for name in _COLUMNS]
    assert kept["provenance"] is not None
    (entry,) = rows(both, trash)
    assert (entry["action"], entry["filename"]) == ("overwrite file", WHEEL.filename)
    assert len(rows(both, trashed_releases)) == 1
    assert projects.file("main", WHEEL.filename).yanked is None
    assert len(filenames(both)) == 3
    assert both.upkeep.sweep(EVERYTHING).blobs == 0


def test_a_refused_upload_of_the_same_content_leaves_what_is_in_the_trash(both: Registry) -> None:
    """R4: what was stored for it is needed by the trash."""
    upload(both, WHEEL)
    uploads = both.repository("main").uploads
    with uploads.stage() as staged:
        staged.write(WHEEL.content, len(WHEEL.content))
        admitted = uploads.admit(UPLOADER)
        needed = (admitted.rules, uploads.limits, both.readmes, both._database)
        candidate = Candidate.checked(UPLOADER, form_of(WHEEL), staged, *needed)
        both.acting_as(OPERATOR).projects.delete("main", "demo")
        publishing = Publishing("main", both._database, both._blobs, both._gate)
        with pytest.raises(FilenameRetired):
            publishing.publish(UPLOADER, [candidate])
    assert damage(both) == []
    both.acting_as(OPERATOR).trash.restore("main", 1)
    assert damage(both) == []


def test_what_is_not_there_leaves_nothing_in_the_trash(both: Registry) -> None:
    projects = filled(both)
    with pytest.raises(UnknownFile):
        projects.delete_file("main", "demo-9.0-py3-none-any.whl")
    with pytest.raises(UnknownRelease):
        projects.delete_release("main", "demo", "9.0")
    with pytest.raises(UnknownProject):
        projects.delete("main", "other")
    assert rows(both, trash) == rows(both, trashed_releases) == []
