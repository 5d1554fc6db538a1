"""Promotions and other changes at the same time, in a database where writers do not take turns."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import (
    FileAlreadyExists,
    InvalidMetadata,
    UnknownProject,
    UnknownRelease,
)
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from tests.support.distributions import Distribution, wheel
from tests.support.together import one_after_the_other, waiting_for_locks
from tests.support.uploads import filenames, page, upload
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

WHEEL, OTHER, BACK = wheel(), wheel(description="other content"), wheel("back")
ODD = wheel(build="1", extra_metadata="Classifier: Home :: Made")

Change = Callable[[Registry], Any]


@pytest.fixture
def demo(both: Registry) -> Registry:
    both.acting_as(OPERATOR).repositories.create("releases")
    upload(both, WHEEL)
    return both


def copy(registry: Registry) -> None:
    registry.acting_as(OPERATOR).promotion.release("main", "demo", "1.0", "releases")


def move(registry: Registry) -> None:
    registry.acting_as(OPERATOR).promotion.release("main", "demo", "1.0", "releases", move=True)


def move_back(registry: Registry) -> None:
    registry.acting_as(OPERATOR).promotion.release("releases", "back", "1.0", "main", move=True)


def delete(registry: Registry) -> None:
    registry.acting_as(OPERATOR).projects.delete_release("main", "demo", "1.0")


def upload_of(distribution: Distribution, repository: str) -> Change:
    return lambda registry: upload(registry, distribution, repository)


def make_strict(registry: Registry) -> None:
    registry.acting_as(OPERATOR).repositories.change("releases", profile="pypi")


def at_once(registry: Registry, first: Change, second: Change) -> Future[Any]:
    """What came of the second change, which began before the first one was there for all."""
    return one_after_the_other(
        registry._database, lambda: first(registry), lambda: second(registry)
    )


def _are_waiting(database: Database, number: int) -> bool:
    return waiting_for_locks(database) == number


def test_promotions_in_both_directions(demo: Registry) -> None:
    """M1: neither waits for what the other one has locked."""
    upload(demo, BACK, "releases")
    database = demo._database
    with ThreadPoolExecutor(2) as threads:
        with database.begin() as connection:
            Catalog(connection).lock("main")
            changes = []
            for number, change in enumerate((move, move_back), 1):
                changes.append(threads.submit(change, demo))
                wait_until(partial(_are_waiting, database, number))
        for future in changes:
            future.result(30)
    assert filenames(demo, "back") == [BACK.filename]
    assert filenames(demo, repository="releases") == [WHEEL.filename]


@pytest.mark.parametrize("promote", [copy, move])
def test_a_release_that_is_deleted_meanwhile_is_not_promoted(
    demo: Registry, promote: Change
) -> None:
    refused = at_once(demo, delete, promote)
    with pytest.raises(UnknownRelease):
        refused.result()
    with pytest.raises(UnknownProject):
        page(demo, repository="releases")


@pytest.mark.parametrize("promote", [copy, move])
def test_a_release_that_is_promoted_first_stays_in_the_target(
    demo: Registry, promote: Change
) -> None:
    deletion = at_once(demo, promote, delete)
    assert (deletion.exception() is None) is (promote is copy)
    assert filenames(demo) == []
    assert filenames(demo, repository="releases") == [WHEEL.filename]


def test_of_a_promotion_and_an_upload_the_first_has_the_name(demo: Registry) -> None:
    with pytest.raises(FileAlreadyExists):
        at_once(demo, upload_of(OTHER, "releases"), move).result()
    assert filenames(demo) == [WHEEL.filename]


def test_an_upload_comes_too_late_for_a_name_that_was_promoted(demo: Registry) -> None:
    with pytest.raises(FileAlreadyExists):
        at_once(demo, move, upload_of(OTHER, "releases")).result()
    (file,) = page(demo, repository="releases").files
    assert file.hashes["sha256"] == WHEEL.sha256


def test_a_file_that_is_uploaded_meanwhile_goes_with_its_release(demo: Registry) -> None:
    later = wheel(build="1")
    at_once(demo, upload_of(later, "main"), move).result()
    assert filenames(demo) == []
    assert filenames(demo, repository="releases") == [WHEEL.filename, later.filename]


def test_a_file_that_is_replaced_meanwhile_goes_as_it_is_then(demo: Registry) -> None:
    demo.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    at_once(demo, upload_of(OTHER, "main"), copy).result()
    (file,) = page(demo, repository="releases").files
    assert file.hashes["sha256"] == OTHER.sha256


def test_what_changes_meanwhile_is_checked_again(demo: Registry) -> None:
    """Both the files and the rules of the target."""
    make_strict(demo)
    with pytest.raises(InvalidMetadata):
        at_once(demo, upload_of(ODD, "main"), copy).result()
    demo.acting_as(OPERATOR).repositories.change("releases", profile="private")
    with pytest.raises(InvalidMetadata):
        at_once(demo, make_strict, copy).result()
    with pytest.raises(UnknownProject):
        page(demo, repository="releases")
