"""Disks that are full, for real, at every page and every name that an upload needs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import embedded, scaled_out
from tests.support.distributions import Distribution, wheel
from tests.support.http import Site
from tests.support.installation import Installation, assert_all_is_well, shown_files
from tests.support.postgres import PostgresServer
from tests.support.s3 import S3Server
from tests.support.tiny_disk import PAGE, NoTinyDisk, TinyDisk

FULL = 507


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[TinyDisk]:
    try:
        with TinyDisk(tmp_path / "tiny") as disk:
            yield disk
    except NoTinyDisk as reason:
        pytest.skip(str(reason))


def upload_until_there_is_room(
    site: Site, dist: Distribution, leave: Callable[[int], None], after_each: Callable[[], None]
) -> list[int]:
    """The statuses, with a little more room each time."""
    statuses: list[int] = []
    while not statuses or statuses[-1] != 200:
        leave(len(statuses))
        statuses.append(site.upload(dist).status_code)
        if statuses[-1] != 200:
            after_each()
        assert len(statuses) < 100
    return statuses


@pytest.mark.parametrize(
    ("what", "fewest"), [("pages", 25), ("names", 4)], ids=["staging", "folders and renames"]
)
def test_the_disk_of_the_files(what: str, fewest: int, disk: TinyDisk, tmp_path: Path) -> None:
    """Nothing half-written stays behind, not even until the next sweep."""
    database = tmp_path / "elsewhere"
    database.mkdir()
    installation = embedded(disk.folder, database=database)
    before, dist = wheel("demo", "1.0"), wheel("demo", "2.0", padding=25 * PAGE)
    with installation.registry() as registry:
        site = installation.site(registry)
        assert site.upload(before).status_code == 200
        stored = set(installation.stored.digests())

        def nothing_new() -> None:
            assert list(shown_files(site)) == [before.filename]
            left = set(installation.stored.digests()) - stored
            assert {path for path in left if not path.endswith(".metadata")} == set()

        leave = disk.leave_pages if what == "pages" else disk.leave_names
        statuses = upload_until_there_is_room(site, dist, leave, nothing_new)
    disk.leave_plenty()
    assert set(statuses[:-1]) == {FULL}
    assert len(statuses) > fewest
    assert_all_is_well(installation, [before, dist])


def test_the_disk_of_an_embedded_database(disk: TinyDisk, tmp_path: Path) -> None:
    """Also in the middle of a commit, and when the server is started on a full disk."""
    installation = embedded(tmp_path, database=disk.folder)
    answered = []
    refused = 0
    for number in range(3):
        disk.leave_pages(0)
        with installation.registry() as registry:
            site = installation.site(registry)
            dist = wheel(f"demo-{number}")
            statuses = upload_until_there_is_room(site, dist, disk.leave_pages, lambda: None)
            assert set(statuses[:-1]) <= {FULL}
            refused += len(statuses) - 1
            answered.append(dist)
            assert set(shown_files(site)) == {dist.filename for dist in answered}
    disk.leave_plenty()
    assert refused > 3
    assert_all_is_well(installation, answered)


def test_the_disk_of_a_database_server(disk: TinyDisk, s3: S3Server) -> None:
    with PostgresServer(disk.folder) as postgres:
        installation = scaled_out(postgres, s3)
        answered, statuses = _fill(installation, disk)
        disk.leave_plenty()
        postgres.crash()  # a full disk may have ended it already
        postgres.start()
        assert set(statuses) <= {200, 503, FULL}
        assert FULL in statuses
        assert_all_is_well(installation, answered, [wheel("demo", f"1.{len(statuses) - 1}")])


def _fill(installation: Installation, disk: TinyDisk) -> tuple[list[Distribution], list[int]]:
    """Uploads without any more room, until one is refused."""
    answered: list[Distribution] = []
    statuses: list[int] = []
    with installation.registry() as registry:
        site = installation.site(registry)
        assert site.get(site.index_url).status_code == 200
        disk.leave_pages(0)
        while set(statuses) <= {200}:
            dist = wheel("demo", f"1.{len(statuses)}")
            statuses.append(site.upload(dist).status_code)
            if statuses[-1] == 200:
                answered.append(dist)
    return answered, statuses
