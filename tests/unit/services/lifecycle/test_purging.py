"""What is purged from the trash is gone, and the next sweep frees its bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.lifecycle.errors import UnknownDeletion
from pypi_repo.services.chores.reports import ChoreReport
from pypi_repo.storage.database.lifecycle_tables import trash, trashed_files, trashed_releases
from tests.support.distributions import sdist, wheel
from tests.support.journal import journal_of
from tests.support.trash import rows
from tests.support.uploads import damage, upload

WHEEL, SDIST, OTHER = wheel(), sdist(), wheel("other")
EVERYTHING = timedelta(minutes=-1)


@pytest.fixture
def files(real_files: dict[str, Any]) -> dict[str, Any]:
    return real_files


@pytest.fixture
def ids(both: Registry) -> list[int]:
    """Of two entries: a file, and a project."""
    for distribution in (WHEEL, SDIST, OTHER):
        upload(both, distribution)
    projects = both.acting_as(OPERATOR).projects
    found = [projects.delete_file("main", WHEEL.filename), projects.delete("main", "other")]
    return [entry for entry in found if entry is not None]


def age(registry: Registry, entry: int, days: float, kept_for: int = 30) -> None:
    moment = datetime.now(UTC) - timedelta(days=days)
    with registry._database.begin() as connection:
        its_row = update(trash).where(trash.c.id == entry)
        its_dates = {"deleted_at": moment, "kept_until": moment + timedelta(days=kept_for)}
        connection.execute(its_row.values(its_dates))


def emptied(registry: Registry) -> ChoreReport:
    with registry._database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM chores WHERE name = 'empty-trash'")
    (report,) = (each for each in registry.chores.run_due() if each.name == "empty-trash")
    return report


def test_entries_are_purged_one_by_one_or_all_together(both: Registry, ids: list[int]) -> None:
    """R2, R4: a sweep frees what they took."""
    its = both.acting_as(OPERATOR).trash
    purged = its.purge("main", [ids[0], ids[0]])
    assert (purged.entries, purged.files) == (1, 1)
    assert purged.bytes > len(WHEEL.content)
    assert [entry.id for entry in its.entries("main")] == [ids[1]]
    assert both.upkeep.sweep(EVERYTHING).blobs == 2
    assert its.purge("main").entries == 1
    assert rows(both, trash) == rows(both, trashed_releases) == rows(both, trashed_files) == []
    assert both.upkeep.sweep(EVERYTHING).blobs == 2
    assert damage(both) == []
    last = journal_of(both, "main")[-1]
    assert (last.action, last.detail) == ("purge trash", {"entries": "1", "files": "1"})
    with pytest.raises(UnknownDeletion):
        its.restore("main", ids[1])


@pytest.mark.parametrize("before", [2**31 - 1, 2**31, 2**63, 10**18])
def test_no_number_is_too_large_to_list_what_is_older(
    both: Registry, ids: list[int], before: int
) -> None:
    """R2: the number of an entry has 32 bits, and that of a cursor as many as somebody sends."""
    found = both.acting_as(OPERATOR).trash.entries("main", before=before)
    assert [entry.id for entry in found] == [*reversed(ids)]


def test_an_empty_trash_is_purged_without_a_word_in_the_journal(both: Registry) -> None:
    before = len(journal_of(both, "main"))
    assert both.acting_as(OPERATOR).trash.purge("main").entries == 0
    assert len(journal_of(both, "main")) == before


def test_one_unknown_entry_keeps_all(both: Registry, ids: list[int]) -> None:
    its = both.acting_as(OPERATOR).trash
    with pytest.raises(UnknownDeletion):
        its.purge("main", [*ids, 1000])
    assert len(its.entries("main")) == 2


def test_a_chore_purges_what_was_kept_long_enough(both: Registry, ids: list[int]) -> None:
    """R1: 30 days, unless the settings say otherwise."""
    age(both, ids[0], 30.1)
    age(both, ids[1], 29.9)
    assert emptied(both).did.startswith("Deleted 1 file, ")
    assert [entry.id for entry in both.acting_as(OPERATOR).trash.entries("main")] == [ids[1]]
    assert journal_of(both, "main")[-1].action == "purge trash"
    assert emptied(both).did == ""


@pytest.mark.parametrize("days", [0, 30])
def test_a_process_purges_by_the_date_of_the_entry_and_not_by_its_own_setting(
    both: Registry, ids: list[int], database_url: str, files: dict[str, Any], days: int
) -> None:
    """R1: another process, which keeps everything for a year, has deleted it."""
    age(both, ids[0], 364.9, kept_for=365)
    age(both, ids[1], 365.1, kept_for=365)
    settings = Settings(database=database_url, trash_days=days, password_cost=4, **files)
    with Registry(settings) as other:
        assert emptied(other).did.startswith("Deleted 1 file, ")
    assert [entry.id for entry in both.acting_as(OPERATOR).trash.entries("main")] == [ids[0]]


@pytest.mark.parametrize("days", [1, 365])
def test_an_entry_is_kept_for_as_long_as_whoever_deletes_says(
    both: Registry, database_url: str, files: dict[str, Any], days: int
) -> None:
    """R1: a file, a release, a project, and what is overwritten."""
    settings = Settings(database=database_url, trash_days=days, password_cost=4, **files)
    with Registry(settings) as other:
        projects = other.acting_as(OPERATOR).projects
        other.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
        for distribution in (WHEEL, wheel(description="other content"), SDIST, OTHER):
            upload(other, distribution)
        projects.delete_file("main", WHEEL.filename)
        projects.delete_release("main", "demo", "1.0")
        projects.delete("main", "other")
    kept = both.acting_as(OPERATOR).trash.entries("main")
    assert [entry.kept_until - entry.deleted_at for entry in kept] == [timedelta(days=days)] * 4
