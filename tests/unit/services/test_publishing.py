"""Several files in one publication: all of them are on the index at once, or none is anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import FileAlreadyExists, InvalidName, PermissionDenied, TooLarge
from pypi_repo.domain.validation.profiles import RULES
from pypi_repo.services.packages.candidates import Candidate
from pypi_repo.services.packages.publishing import Accepted, Publishing
from pypi_repo.settings import Limits
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.journal import journal_of
from tests.support.together import counted_commits
from tests.support.uploads import UPLOADER, damage, filenames, form_of, page, publish

REPOSITORY = "main"


@pytest.fixture
def files(real_files: dict[str, Any]) -> dict[str, Any]:
    return real_files


@contextmanager
def candidates(registry: Registry, *distributions: Distribution) -> Iterator[Sequence[Candidate]]:
    """Of the distributions, which are staged until the end of the block."""
    uploads = registry.repository(REPOSITORY).uploads
    rules = RULES[registry.acting_as(OPERATOR).repositories.get(REPOSITORY).profile]
    found = []
    with ExitStack() as stack:
        for distribution in distributions:
            staged = stack.enter_context(uploads.stage())
            staged.write(distribution.content, len(distribution.content))
            found.append(
                Candidate.checked(
                    UPLOADER,
                    form_of(distribution),
                    staged,
                    rules,
                    Limits(),
                    registry.readmes,
                    registry._database,
                )
            )
        yield found


def publishing(registry: Registry) -> Publishing:
    return Publishing(REPOSITORY, registry._database, registry._blobs, registry._gate)


def publish_at_once(registry: Registry, *distributions: Distribution) -> list[Accepted]:
    with candidates(registry, *distributions) as found:
        return publishing(registry).publish(UPLOADER, found)


def state(registry: Registry) -> Sequence[object]:
    """What each publication changes: projects, the serial, the journal or the files."""
    serial = registry.acting_as(OPERATOR).repositories.get(REPOSITORY).serial
    names = [project.name for project in registry.acting_as(OPERATOR).projects.all(REPOSITORY)]
    kept = {blob.path for blob in registry._blobs.walk()}
    return names, serial, len(journal_of(registry, REPOSITORY)), kept


def test_a_whole_release_appears_in_one_commit(both: Registry) -> None:
    """X95: each file has a serial and an entry in the journal of its own."""
    with candidates(both, wheel(), sdist()) as found, counted_commits(both._database) as commits:
        accepted = publishing(both).publish(UPLOADER, found)
    assert len(commits) == 1
    assert [each.file.filename for each in accepted] == [wheel().filename, sdist().filename]
    assert filenames(both) == [wheel().filename, sdist().filename]
    entries = [(entry.filename, entry.serial) for entry in journal_of(both, REPOSITORY)]
    assert entries[-2:] == [(wheel().filename, 1), (sdist().filename, 2)]
    assert page(both).versions == ("1.0",)
    assert page(both).serial == 2
    assert damage(both) == []


def test_where_one_is_refused_nothing_is_left_of_any(both: Registry) -> None:
    """U55, U93: by overwrite protection, which meets the second."""
    publish(both, wheel("other"))
    before = state(both)
    with pytest.raises(FileAlreadyExists):
        publish_at_once(both, wheel(), wheel("other", description="again"), sdist())
    assert state(both) == before
    assert damage(both) == []


def test_within_a_larger_transaction_nothing_is_left_of_a_refused_publication(
    both: Registry,
) -> None:
    """Which goes on and commits what else was done in it."""
    publish(both, wheel("other"))

    def work() -> None:
        with pytest.raises(FileAlreadyExists):
            publish_at_once(both, wheel(), wheel("other", description="again"))
        both.acting_as(OPERATOR).repositories.change(REPOSITORY, description="changed")

    both.as_one(work)
    projects = both.acting_as(OPERATOR).projects.all(REPOSITORY)
    assert [project.name for project in projects] == ["other"]
    assert both.acting_as(OPERATOR).repositories.get(REPOSITORY).description == "changed"
    assert both.acting_as(OPERATOR).repositories.get(REPOSITORY).serial == 1


def test_a_repository_that_was_closed_meanwhile_takes_nothing(both: Registry) -> None:
    """V10: also of uploads that have begun."""
    before = state(both)
    with candidates(both, wheel()) as found:
        both.acting_as(OPERATOR).repositories.change(REPOSITORY, accepts_uploads=False)
        with pytest.raises(PermissionDenied, match="takes no uploads"):
            publishing(both).publish(UPLOADER, found)
    assert [state(both)[index] for index in (0, 1, 3)] == [before[index] for index in (0, 1, 3)]


def test_the_same_file_twice_is_published_once(both: Registry) -> None:
    """U54"""
    accepted = publish_at_once(both, wheel(), wheel())
    assert [each.is_unchanged for each in accepted] == [False, True]
    assert filenames(both) == [wheel().filename]
    assert both.acting_as(OPERATOR).repositories.get(REPOSITORY).serial == 1
    assert damage(both) == []


def test_two_files_of_one_name_are_refused(both: Registry) -> None:
    """U55"""
    before = state(both)
    with pytest.raises(FileAlreadyExists):
        publish_at_once(both, wheel(), wheel(description="another"))
    assert state(both) == before


def test_of_one_name_the_last_stays_where_overwriting_is_allowed(both: Registry) -> None:
    both.acting_as(OPERATOR).repositories.change(REPOSITORY, allow_overwrite=True)
    publish_at_once(both, wheel(), wheel(description="another"))
    (file,) = page(both).files
    assert file.digests.sha256 == wheel(description="another").sha256
    assert damage(both) == []


def test_a_quota_is_for_all_of_them(both: Registry) -> None:
    """U53: each alone would find room."""
    dists = [wheel("demo", f"1.{number}", padding=10_000) for number in range(2)]
    takes = [len(dist.content) + len(dist.metadata) for dist in dists]
    both.acting_as(OPERATOR).repositories.change(REPOSITORY, quota=sum(takes) - 1)
    before = state(both)
    with pytest.raises(TooLarge):
        publish_at_once(both, *dists)
    assert state(both) == before
    both.acting_as(OPERATOR).repositories.change(REPOSITORY, quota=sum(takes))
    publish_at_once(both, *dists)
    assert filenames(both) == [dist.filename for dist in dists]


def test_files_that_begin_one_project_begin_it_once(both: Registry) -> None:
    """U82: it has the name that the last one gives it."""
    publish_at_once(both, wheel("Demo"), wheel("demo", "1.1"))
    projects = both.acting_as(OPERATOR).projects.all(REPOSITORY)
    assert [project.name for project in projects] == ["demo"]
    assert page(both).versions == ("1.0", "1.1")


def test_new_projects_are_compared_with_each_other(both: Registry) -> None:
    """U83"""
    both.acting_as(OPERATOR).repositories.change(REPOSITORY, profile="pypi")
    before = state(both)
    with pytest.raises(InvalidName, match=r"similar to .*'demo'"):
        publish_at_once(both, wheel("demo"), wheel("dem0"))
    assert state(both) == before
