"""Uploads that arrive together share a transaction, and are judged as if one came after another."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import FileAlreadyExists, RegistryError, TooLarge
from pypi_repo.services.packages.placing import Accepted
from tests.support.distributions import Distribution, wheel
from tests.support.journal import journal_of
from tests.support.together import counted_commits, together
from tests.support.uploads import UPLOADER, filenames, page, publish


@pytest.fixture
def files(real_files: dict[str, Any]) -> dict[str, Any]:
    return real_files


def publish_together(
    registry: Registry, *distributions: Distribution
) -> list[Accepted | RegistryError]:
    """What came of each, all of which came while somebody else was at work in the database."""
    calls = [partial(publish, registry, distribution) for distribution in distributions]
    outcomes: list[Accepted | RegistryError] = []
    for each in together(registry._database, "main", calls):
        try:
            outcomes.append(each.result())
        except RegistryError as error:
            outcomes.append(error)
    return outcomes


def contents(number: int) -> list[Distribution]:
    """As many under one name."""
    return [wheel("demo", files={"demo/who.txt": b"%d" % each}) for each in range(number)]


def serials(registry: Registry) -> list[int]:
    return [entry.serial for entry in journal_of(registry, "main") if entry.serial is not None]


def test_they_share_one_commit_and_are_counted_one_by_one(both: Registry) -> None:
    """X95: a new project and its releases, each with a serial and an entry of its own."""
    dists = [wheel("demo", f"1.{number}") for number in range(6)]
    with counted_commits(both._database) as commits:
        outcomes = publish_together(both, *dists, wheel("other"))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len(commits) == 2  # that of the first one, whom they waited for
    assert serials(both) == [1, 2, 3, 4, 5, 6, 7]
    assert both.acting_as(OPERATOR).repositories.get("main").serial == 7
    assert (page(both, "demo").serial, page(both, "other").serial) == (6, 7)
    assert filenames(both) == [dist.filename for dist in dists]
    journal = [entry.filename for entry in journal_of(both, "main") if entry.filename]
    assert journal == [dist.filename for dist in (*dists, wheel("other"))]


def test_of_one_filename_one_wins_and_the_others_are_refused(both: Registry) -> None:
    """U55"""
    outcomes = publish_together(both, wheel("other"), *contents(4), wheel("third"))
    assert [type(outcome) for outcome in outcomes] == [
        Accepted, Accepted, FileAlreadyExists, FileAlreadyExists, FileAlreadyExists, Accepted,
    ]  # fmt: skip
    assert page(both).files[0].digests.sha256 == contents(1)[0].sha256
    assert serials(both) == [1, 2, 3]
    assert both.upkeep.sweep(grace=timedelta(minutes=-1)).blobs == 0  # nothing of the refused


def test_the_same_file_several_times_is_published_once(both: Registry) -> None:
    """U54"""
    outcomes = publish_together(both, *[wheel()] * 4)
    assert [outcome.is_unchanged for outcome in outcomes if isinstance(outcome, Accepted)] == [
        False, True, True, True,
    ]  # fmt: skip
    assert serials(both) == [1]
    source = both.repository("main").source
    content, _size = source.file(UPLOADER, page(both).files[0].path).open()
    assert content.read() == wheel().content


def test_where_overwriting_is_allowed_the_last_one_stays(both: Registry) -> None:
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    outcomes = publish_together(both, *contents(3))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    (file,) = page(both).files
    assert file.digests.sha256 == contents(3)[-1].sha256
    actions = [entry.action for entry in journal_of(both, "main") if entry.serial]
    assert actions == ["upload file", "overwrite file", "overwrite file"]


def test_a_quota_counts_those_before_it(both: Registry) -> None:
    """U53: each alone would find room."""
    dists = [wheel("demo", f"1.{number}", padding=10_000) for number in range(3)]
    size = len(dists[0].content) + len(dists[0].metadata)
    both.acting_as(OPERATOR).repositories.change("main", quota=2 * size + 100)
    outcomes = publish_together(both, *dists, wheel("small", padding=1))
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, TooLarge, TooLarge]
    assert serials(both) == [1, 2]
    assert filenames(both) == [dist.filename for dist in dists[:2]]
