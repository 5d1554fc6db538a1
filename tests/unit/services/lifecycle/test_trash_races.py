"""Restores, purges, deletions and uploads that come at once, on both engines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import FileAlreadyExists, RegistryError
from pypi_repo.domain.lifecycle.errors import UnknownDeletion
from pypi_repo.storage.database.lifecycle_tables import trash, trashed_files, trashed_releases
from tests.support.distributions import wheel
from tests.support.together import one_after_the_other
from tests.support.trash import rows
from tests.support.uploads import damage, filenames, upload

WHEEL, CHANGED = wheel(), wheel(description="other content")
ROUNDS = 5

Change = Callable[[Registry, int], Any]


@pytest.fixture
def files(real_files: dict[str, Any]) -> dict[str, Any]:
    return real_files


@pytest.fixture
def entry(both: Registry) -> int:
    """Of a deleted file, whose name may be used again."""
    both.acting_as(OPERATOR).repositories.change("main", allow_reuse=True)
    upload(both, WHEEL)
    return deleted(both)


def deleted(registry: Registry) -> int:
    entry = registry.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    assert entry is not None
    return entry


def restore(registry: Registry, entry: int) -> None:
    registry.acting_as(OPERATOR).trash.restore("main", entry)


def purge(registry: Registry, entry: int) -> None:
    registry.acting_as(OPERATOR).trash.purge("main", [entry])


def upload_other(registry: Registry, _entry: int) -> None:
    upload(registry, CHANGED)


def delete(registry: Registry, _entry: int) -> None:
    registry.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)


def at_once(registry: Registry, entry: int, *changes: Change) -> list[Future[Any]]:
    """What came of changes of which none was done when the other began."""
    if not registry._database.is_embedded:
        earlier: Future[Any] = Future()

        def first() -> None:
            try:
                earlier.set_result(changes[0](registry, entry))
            except RegistryError as error:
                earlier.set_exception(error)

        return [
            earlier,
            one_after_the_other(registry._database, first, lambda: changes[1](registry, entry)),
        ]
    barrier = threading.Barrier(len(changes))

    def run(change: Change) -> Any:
        barrier.wait(120)
        return change(registry, entry)

    with ThreadPoolExecutor(len(changes)) as threads:
        return [threads.submit(run, change) for change in changes]


def outcomes(futures: list[Future[Any]]) -> list[type[BaseException] | None]:
    return [type(error) if (error := future.exception()) else None for future in futures]


def in_trash(registry: Registry) -> int:
    return len(rows(registry, trash)) + len(rows(registry, trashed_releases))


def test_of_two_restores_at_once_one_finds_nothing(both: Registry, entry: int) -> None:
    """R1"""
    for _round in range(ROUNDS):
        found = outcomes(at_once(both, entry, restore, restore))
        assert sorted(found, key=str) == sorted([None, UnknownDeletion], key=str)
        assert filenames(both) == [WHEEL.filename]
        assert in_trash(both) == 0
        entry = deleted(both)


@pytest.mark.parametrize("order", [(restore, purge), (purge, restore)])
def test_a_purge_and_a_restore_at_once(
    both: Registry, entry: int, order: tuple[Change, Change]
) -> None:
    """R1, R2: the file is there or gone, and its bytes with it."""
    for _round in range(ROUNDS):
        first, second = at_once(both, entry, *order)
        assert sorted(outcomes([first, second]), key=str) == sorted(
            [None, UnknownDeletion], key=str
        )
        restored = (first if order[0] is restore else second).exception() is None
        assert filenames(both) == ([WHEEL.filename] if restored else [])
        assert in_trash(both) == 0
        assert damage(both) == []
        if not restored:
            upload(both, WHEEL)
        entry = deleted(both)


@pytest.mark.parametrize("order", [(restore, upload_other), (upload_other, restore)])
def test_a_restore_and_an_upload_of_the_same_name(
    both: Registry, entry: int, order: tuple[Change, Change]
) -> None:
    """R1: whoever is first has the name, and the other is told so."""
    for _round in range(ROUNDS):
        first, second = at_once(both, entry, *order)
        assert sorted(outcomes([first, second]), key=str) == sorted(
            [None, FileAlreadyExists], key=str
        )
        restored = (first if order[0] is restore else second).exception() is None
        (row,) = both.acting_as(OPERATOR).projects.release("main", "demo", "1.0")
        assert row.digests.sha256 == (WHEEL if restored else CHANGED).sha256
        assert damage(both) == []
        if not restored:
            delete(both, 0)
            restore(both, entry)
        entry = deleted(both)


@pytest.mark.parametrize("order", [(delete, upload_other), (upload_other, delete)])
def test_a_deletion_and_an_overwrite_at_once(
    both: Registry, entry: int, order: tuple[Change, Change]
) -> None:
    """R2: the old content is in the trash in any case, and nothing is lost."""
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    restore(both, entry)
    assert outcomes(at_once(both, entry, *order)) == [None, None]
    kept = {row["sha256"] for row in rows(both, trashed_files)}
    there = {
        file.digests.sha256 for file in both.acting_as(OPERATOR).projects.get("main", "demo")[1]
    }
    assert WHEEL.sha256 in kept
    assert CHANGED.sha256 in kept | there
    assert damage(both) == []
