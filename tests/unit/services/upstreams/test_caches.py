"""The cache of an upstream in the file store: its size, its upkeep, and what others need of it."""

import hashlib
import os
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.names import normalize
from pypi_repo.domain.upstreams.cached_file import CachedFile
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.services.operations.upkeep import Checked
from pypi_repo.storage.cached_files import CachedFiles
from pypi_repo.storage.database.upstream_tables import cached_files
from pypi_repo.storage.upstream_reports import upstream_reports
from tests.support.distributions import wheel
from tests.support.scripted_index import Installer, ScriptedIndex
from tests.support.uploads import upload
from tests.support.upstreams import keep_metadata
from tests.support.waiting import wait_until

EVERYTHING = timedelta(minutes=-1)
"""A grace that spares nothing."""


@pytest.fixture
def names(index: ScriptedIndex) -> list[str]:
    """Five files of 100,000 bytes each."""
    names = [f"demo-{number}.0-py3-none-any.whl" for number in range(5)]
    for number, name in enumerate(names):
        content = random.Random(number).randbytes(100_000)
        index.add(name, content, beside=b"Name: demo\nVersion: %d\n" % number)
    return names


def stored(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "blobs").rglob("*.whl"))


def place_of(folder: Path, name: str) -> Path:
    (place,) = (folder / "blobs").rglob(name)
    return place


def rows(registry: Registry) -> list[CachedFile]:
    return CachedFiles(registry._database).after(("", 0, ""), limit=100)


def upstream(registry: Registry) -> Upstream:
    return registry.acting_as(OPERATOR).upstreams.get("elsewhere")


@pytest.fixture
def fetch(on_disk: Registry, installer: Installer, names: list[str]) -> Callable[..., None]:
    """Gets files, and waits until the fetches are over, which is a moment later."""

    def fetch(*numbers: int) -> None:
        results = on_disk._upstream_files.results
        for number in numbers:
            before = results()["whole"]
            assert installer.download(names[number]).is_whole
            wait_until(lambda: results()["whole"] > before)  # noqa: B023
        on_disk._blobs.for_cache().settle()

    return fetch


def use_long_ago(registry: Registry, name: str, days: int) -> None:
    moment = datetime.now(UTC) - timedelta(days=days)
    statement = update(cached_files).where(cached_files.c.filename == name)
    with registry._database.begin() as connection:
        connection.execute(statement.values(used_at=moment))


def test_what_was_used_longest_ago_is_dropped_and_comes_back(
    on_disk: Registry,
    installer: Installer,
    index: ScriptedIndex,
    names: list[str],
    fetch: Callable[..., None],
    tmp_path: Path,
) -> None:
    """F7."""
    fetch(0, 1, 2, 3)
    for name, days in zip(names[:4], (1, 4, 2, 3), strict=True):
        use_long_ago(on_disk, name, days)
    on_disk.acting_as(OPERATOR).upstreams.change("elsewhere", cache_size=250_000)
    swept = on_disk.upkeep.sweep()
    assert (swept.blobs, swept.bytes) == (2, 200_000)
    assert stored(tmp_path) == [names[0], names[2]]
    assert {row.filename for row in rows(on_disk)} == {names[0], names[2]}
    assert len(index.asked) == 4
    assert installer.download(names[1]).is_whole
    assert len(index.asked) == 5


def test_a_cache_that_is_full_is_trimmed_by_itself(
    on_disk: Registry, fetch: Callable[..., None], names: list[str], tmp_path: Path
) -> None:
    """F7."""
    on_disk.acting_as(OPERATOR).upstreams.change("elsewhere", cache_size=250_000)
    for number in range(5):
        fetch(number)
        use_long_ago(on_disk, names[number], 10 - number)
        wait_until(lambda: len(stored(tmp_path)) <= 2)
    assert stored(tmp_path) == names[3:]


def test_a_use_counts(
    on_disk: Registry, installer: Installer, names: list[str], fetch: Callable[..., None]
) -> None:
    """F7: to the hour, and with one row for each file and hour."""
    fetch(0)
    use_long_ago(on_disk, names[0], 5)
    on_disk._usage._noted.clear()  # which was in this hour
    installer.download(names[0])
    on_disk._usage.flush()
    (row,) = rows(on_disk)
    assert datetime.now(UTC) - row.used_at < timedelta(hours=2)
    assert (row.used_at.minute, row.used_at.second) == (0, 0)


def test_downloads_fetches_and_bytes_are_counted(
    on_disk: Registry, installer: Installer, names: list[str], fetch: Callable[..., None]
) -> None:
    fetch(0, 1)
    installer.download(names[0])
    installer.download(names[1], Range="bytes=0-9")
    today = datetime.now(UTC).date()

    def counted() -> tuple[int, int, int]:
        on_disk._usage.flush()
        (report,) = upstream_reports(on_disk._database, [upstream(on_disk)], today)
        return report.hits, report.misses, report.fetched

    wait_until(lambda: counted() == (2, 2, 200_000))  # a fetch ends after those who waited for it


def test_a_sweep_leaves_what_is_cached_and_takes_what_is_not(
    on_disk: Registry,
    installer: Installer,
    names: list[str],
    fetch: Callable[..., None],
    tmp_path: Path,
) -> None:
    fetch(0)
    installer.get(f"{installer.place(names[1])}.metadata")
    installer.get(f"{installer.place(names[0])}.metadata")
    keep_metadata(on_disk)
    assert on_disk.upkeep.sweep(EVERYTHING).blobs == 0
    acting = on_disk.acting_as(OPERATOR)
    acting.sources.set_sources("main", [])
    acting.upstreams.delete("elsewhere")
    assert on_disk.upkeep.sweep(EVERYTHING).blobs == 3
    assert stored(tmp_path) == []


def test_a_part_that_nobody_goes_on_with_is_swept(on_disk: Registry, tmp_path: Path) -> None:
    part = tmp_path / "blobs" / ".staging" / "0123.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"some")
    on_disk.upkeep.sweep()
    assert part.exists()
    os.utime(part, (time.time() - 2 * 24 * 60 * 60,) * 2)
    on_disk.upkeep.sweep()
    assert not part.exists()


def own_copy(registry: Registry, index: ScriptedIndex) -> str:
    """The same file at the upstream, as `demo-9.0`, and in a repository."""
    demo = wheel("demo", "9.0")
    index.add(demo.filename, demo.content)
    registry.acting_as(OPERATOR).repositories.create("other")
    upload(registry, demo, "other")
    return demo.filename


def test_what_own_files_need_stays(
    on_disk: Registry, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    """F1, F7: equal files share their place."""
    name = own_copy(on_disk, index)
    assert installer.download(name).is_whole
    wait_until(lambda: on_disk._upstream_files.results()["whole"] == 1)
    on_disk.acting_as(OPERATOR).upstreams.change("elsewhere", cache_size=1)
    on_disk.upkeep.sweep(EVERYTHING)
    assert name in stored(tmp_path)


def test_what_another_upstream_has_stays(
    on_disk: Registry,
    index: ScriptedIndex,
    installer: Installer,
    names: list[str],
    fetch: Callable[..., None],
    tmp_path: Path,
) -> None:
    fetch(0)
    (row,) = rows(on_disk)
    index.create_on(on_disk, "again")
    other = on_disk.acting_as(OPERATOR).upstreams.get("again")
    moved = {name: getattr(row, name) for name in CachedFile.__dataclass_fields__}
    with on_disk._database.begin() as connection:
        CachedFiles(connection).add([CachedFile(**{**moved, "upstream_id": other.id})])
    on_disk.acting_as(OPERATOR).upstreams.change("elsewhere", cache_size=1)
    on_disk.upkeep.sweep(EVERYTHING)
    assert [row.upstream_id for row in rows(on_disk)] == [other.id]
    assert stored(tmp_path) == [names[0]]


def test_a_refused_upload_of_the_same_content_takes_nothing_away(
    on_disk: Registry, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    """F6."""
    demo = wheel("demo", "9.0")
    index.add(demo.filename, demo.content)
    assert installer.download(demo.filename).is_whole
    wait_until(lambda: on_disk._upstream_files.results()["whole"] == 1)
    acting = on_disk.acting_as(OPERATOR)
    acting.repositories.create("small", quota=10)
    with pytest.raises(RegistryError):
        upload(on_disk, demo, "small")
    on_disk._blobs.for_cache().settle()
    assert stored(tmp_path) == [demo.filename]


def problems(registry: Registry) -> list[tuple[str, str, bool]]:
    checked: list[Checked] = list(registry.upkeep.verify())
    return [
        (problem.repositories[0], problem.fault, problem.is_gone)
        for each in checked
        for problem in each.problems
    ]


def test_a_damaged_cached_file_is_reported_deleted_and_comes_back(
    on_disk: Registry,
    installer: Installer,
    names: list[str],
    fetch: Callable[..., None],
    tmp_path: Path,
) -> None:
    fetch(0, 1, 2)
    installer.get(f"{installer.place(names[2])}.metadata")
    keep_metadata(on_disk)
    on_disk._blobs.for_cache().settle()
    assert problems(on_disk) == []
    place_of(tmp_path, names[0]).write_bytes(b"x" * 100_000)
    place_of(tmp_path, names[1]).unlink()
    place_of(tmp_path, f"{names[2]}.*.metadata").write_bytes(b"x")
    assert sorted(problems(on_disk)) == [("upstream:elsewhere", "wrong-digest", True)] * 2
    assert stored(tmp_path) == []
    assert rows(on_disk) == []
    assert problems(on_disk) == []
    for name in names[:3]:
        got = installer.download(name)
        assert hashlib.sha256(got.body).hexdigest() == got.headers["etag"].strip('"')


def test_a_damaged_file_that_is_own_too_is_left_to_the_operator(
    on_disk: Registry, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    name = own_copy(on_disk, index)
    installer.download(name)
    wait_until(lambda: on_disk._upstream_files.results()["whole"] == 1)
    place_of(tmp_path, name).write_bytes(b"x")
    assert problems(on_disk) == [("other", "wrong-size", False)]
    assert name in stored(tmp_path)


def test_a_check_goes_on_where_it_was(
    on_disk: Registry, fetch: Callable[..., None], names: list[str]
) -> None:
    fetch(0, 1, 2, 3)
    checked = list(on_disk.upkeep.verify())
    assert [each.files for each in checked] == [1] * 4
    assert checked == sorted(checked, key=lambda each: each.sha256)
    assert list(on_disk.upkeep.verify(checked[1].sha256)) == checked[2:]


def test_nothing_of_an_upstream_that_is_offline_is_dropped(
    on_disk: Registry, fetch: Callable[..., None], names: list[str], tmp_path: Path
) -> None:
    """F7, O2: it could not come back."""
    fetch(0, 1, 2)
    on_disk.acting_as(OPERATOR).upstreams.change("elsewhere", cache_size=1, offline=True)
    assert on_disk.upkeep.sweep(EVERYTHING).blobs == 0
    place_of(tmp_path, names[0]).write_bytes(b"x" * 100_000)
    place_of(tmp_path, names[1]).unlink()
    assert sorted(problems(on_disk)) == [
        ("upstream:elsewhere", "missing", False),
        ("upstream:elsewhere", "wrong-digest", False),
    ]
    assert stored(tmp_path) == [names[0], names[2]]
    assert len(rows(on_disk)) == 3


def test_what_cannot_be_read_just_now_stays(
    on_disk: Registry, fetch: Callable[..., None], names: list[str], tmp_path: Path
) -> None:
    """It may be the disk, for a moment."""
    fetch(0)
    place = place_of(tmp_path, names[0])
    place.unlink()
    place.mkdir()
    assert problems(on_disk) == [("upstream:elsewhere", "unreadable", False)]
    assert len(rows(on_disk)) == 1
    assert place.is_dir()


def test_the_file_that_was_just_fetched_stays(
    on_disk: Registry, fetch: Callable[..., None], names: list[str], tmp_path: Path
) -> None:
    """F7: even if it alone is too large for the cache."""
    on_disk.acting_as(OPERATOR).upstreams.change("elsewhere", cache_size=1)
    for number in range(3):
        fetch(number)
        wait_until(lambda: stored(tmp_path) == [names[number]])  # noqa: B023
    with pytest.raises(RegistryError):
        on_disk.acting_as(OPERATOR).upstreams.change("elsewhere", cache_size=0)


def test_a_use_never_sets_the_last_one_back(on_disk: Registry, fetch: Callable[..., None]) -> None:
    """F7: all are noted to the hour, so one that is used is never behind one that is not."""
    fetch(0, 1)
    (before,) = {row.used_at for row in rows(on_disk)}
    assert (before.minute, before.second, before.microsecond) == (0, 0, 0)
    row = rows(on_disk)[0]
    use = row.upstream_id, row.sha256, row.filename
    with on_disk._database.begin() as connection:
        CachedFiles(connection).note_use({use: before - timedelta(days=1)})
    assert rows(on_disk)[0].used_at == before
    with on_disk._database.begin() as connection:
        CachedFiles(connection).add([replace(row, used_at=before - timedelta(days=1))])
    assert rows(on_disk)[0].used_at == before


def test_what_is_beside_a_file_counts_once(
    on_disk: Registry, installer: Installer, names: list[str]
) -> None:
    """F7: however many processes have fetched it at the same time."""
    installer.get(f"{installer.place(names[0])}.metadata")
    keep_metadata(on_disk)
    (row,) = rows(on_disk)
    assert row.size_beside == len(b"Name: demo\nVersion: 0\n")
    found = on_disk._upstream_pages.page(upstream(on_disk), normalize("demo"))
    assert found is not None
    file = found.load().by_filename[names[0]]
    keeping = on_disk._upstream_files._keeping
    for _time in range(2):
        keeping.keep_metadata(upstream(on_disk), file, b"Name: demo\nVersion: 0\n")
        keep_metadata(on_disk)
    assert rows(on_disk) == [row]
    for _time in range(2):
        keeping.keep_beside(upstream(on_disk), file, row.sha256, ".0.provenance", b"{}")
    assert rows(on_disk)[0].size_beside == row.size_beside + 2
