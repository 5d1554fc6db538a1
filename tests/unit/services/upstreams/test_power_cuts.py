"""What is left of a cache after a power cut: what had not reached the disk yet is torn or lost."""

import hashlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.services.upstreams.fetching import settling
from pypi_repo.storage.blobs import local, unsynced
from pypi_repo.storage.database.upstream_tables import cached_files, upstream_pages
from tests.support.distributions import wheel
from tests.support.live import LiveServer
from tests.support.scripted_index import Installer, ScriptedIndex
from tests.support.uploads import upload
from tests.support.upstreams import keep_metadata
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(
    unsynced.boot_of_this_machine() is None, reason="files are synced at once where no boot is told"
)

NAME = "demo-1.0-py3-none-any.whl"
CONTENT = random.Random(1).randbytes(100_000)
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing settles by itself."""
    monkeypatch.setattr(settling, "_AFTER", 3600)


def waiting(folder: Path, name: str = "") -> list[Path]:
    """What is not synced yet.

    name: the end of the name.
    """
    found = (folder / "blobs" / ".staging").glob(f"boot-*/*{name}")
    return sorted(path for path in found if path.suffix != ".part")


def place_of(folder: Path, content: bytes, name: str) -> Path:
    digest = hashlib.sha256(content).hexdigest()
    return folder / "blobs" / digest[:2] / digest[2:4] / digest[4:] / name


def fetch(registry: Registry, installer: Installer, name: str = NAME) -> bytes:
    """Gets a file, and waits until the fetch is over, which is a moment later."""
    before = registry._upstream_files.results()["whole"]
    got = installer.download(name)
    assert got.is_whole
    wait_until(lambda: registry._upstream_files.results()["whole"] > before)
    return got.body


def boot_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsynced, "boot_of_this_machine", lambda: "the-next")


def started(folder: Path) -> Registry:
    """Another process, which may be the first after a power cut."""
    return Registry(Settings(database=folder / "registry.db", password_cost=4))


def truncated(path: Path) -> None:
    os.truncate(path, 0)


def zeroed(path: Path) -> None:
    """As where the size has reached the disk, and nothing else."""
    path.write_bytes(bytes(path.stat().st_size))


def lost(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("torn", [truncated, zeroed, lost])
@pytest.mark.parametrize("are_rows_lost", [False, True])
def test_torn_files_are_fetched_again(
    on_disk: Registry,
    index: ScriptedIndex,
    installer: Installer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    torn: Callable[[Path], None],
    are_rows_lost: bool,
) -> None:
    """F1, F2."""
    index.add(NAME, CONTENT, beside=METADATA)
    assert fetch(on_disk, installer) == CONTENT
    assert installer.get(f"{installer.place(NAME)}.metadata").body == METADATA
    keep_metadata(on_disk)
    left = waiting(tmp_path)
    assert len(left) == 2
    for path in left:
        torn(path)
    if are_rows_lost:
        with on_disk._database.begin() as connection:
            connection.execute(cached_files.delete())
            connection.execute(upstream_pages.delete())
    boot_anew(monkeypatch)
    with started(tmp_path) as after, LiveServer(after.wsgi_app()) as server:
        mine = Installer(f"{server.url}/repositories/main")
        assert fetch(after, mine) == CONTENT
        assert mine.get(f"{mine.place(NAME)}.metadata").body == METADATA
        assert len(index.asked) == 4  # both files, twice
        after._blobs.for_cache().settle()
        assert place_of(tmp_path, CONTENT, NAME).read_bytes() == CONTENT
        assert [problem for each in after.upkeep.verify() for problem in each.problems] == []


def test_files_that_were_not_wholly_fetched_are_fetched_anew(
    on_disk: Registry, index: ScriptedIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came before the power cut may be torn, so nothing of it is used."""
    index.add(NAME, CONTENT)
    cut = index.answers
    index.answers = lambda asked, content: cut(asked, content)[:-50_000]
    with LiveServer(on_disk.wsgi_app()) as server:
        installer = Installer(f"{server.url}/repositories/main")
        with installer.asking(installer.place(NAME)) as answer:
            assert answer.read(1000) == CONTENT[:1000]
    on_disk.close()
    (part,) = (tmp_path / "blobs" / ".staging").rglob("*.part")
    zeroed(part)
    index.answers = cut
    boot_anew(monkeypatch)
    with started(tmp_path) as after, LiveServer(after.wsgi_app()) as server:
        assert fetch(after, Installer(f"{server.url}/repositories/main")) == CONTENT


def test_what_waits_is_there_for_all_processes_of_this_boot(
    on_disk: Registry, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    """F3, F6: also if the one that has fetched it was killed."""
    index.add(NAME, CONTENT, beside=METADATA)
    assert fetch(on_disk, installer) == CONTENT
    assert installer.get(f"{installer.place(NAME)}.metadata").body == METADATA
    keep_metadata(on_disk)
    assert len(waiting(tmp_path)) == 2
    with started(tmp_path) as other, LiveServer(other.wsgi_app()) as server:
        mine = Installer(f"{server.url}/repositories/main")
        assert mine.download(NAME).body == CONTENT
        assert mine.get(f"{mine.place(NAME)}.metadata").body == METADATA
        assert len(index.asked) == 2
        assert [problem for each in other.upkeep.verify() for problem in each.problems] == []
        backup = tmp_path / "backup"
        other.backup.create(str(backup), with_cache=True)
        (copy,) = backup.rglob(NAME)
        assert copy.read_bytes() == CONTENT
        other.upkeep.sweep()
        assert waiting(tmp_path) == []
        assert place_of(tmp_path, CONTENT, NAME).read_bytes() == CONTENT
        assert mine.download(NAME).body == CONTENT
    assert len(index.asked) == 2


def test_what_waits_settles_by_itself_and_at_the_end(
    on_disk: Registry,
    index: ScriptedIndex,
    installer: Installer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index.add(NAME, CONTENT)
    monkeypatch.setattr(settling, "_AFTER", 0.01)
    fetch(on_disk, installer)
    wait_until(lambda: waiting(tmp_path) == [])
    monkeypatch.setattr(settling, "_AFTER", 3600)
    assert place_of(tmp_path, CONTENT, NAME).read_bytes() == CONTENT
    other, more = "demo-2.0-py3-none-any.whl", CONTENT[::-1]
    index.add(other, more)
    with started(tmp_path) as second, LiveServer(second.wsgi_app()) as server:
        acting = second.acting_as(OPERATOR).upstreams
        acting.change("elsewhere", fresh_for=0)
        fetch(second, Installer(f"{server.url}/repositories/main"), other)
        assert len(waiting(tmp_path)) == 1
    assert waiting(tmp_path) == []
    assert place_of(tmp_path, more, other).read_bytes() == more


def test_what_a_registry_has_put_off_since_its_start_settles_at_its_end(
    on_disk: Registry, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    index.add(NAME, CONTENT)
    fetch(on_disk, installer)
    with started(tmp_path) as second:
        second.upkeep.settle_soon()
        assert len(waiting(tmp_path)) == 1
    assert waiting(tmp_path) == []


def test_what_is_in_its_place_is_synced(
    on_disk: Registry,
    index: ScriptedIndex,
    installer: Installer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F1: whoever shares it counts on that."""
    index.add(NAME, CONTENT)
    fetch(on_disk, installer)
    (left,) = waiting(tmp_path)
    synced, fsync = [], os.fsync

    def recording(descriptor: int) -> None:
        fsync(descriptor)
        synced.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", recording)
    inode = left.stat().st_ino
    on_disk._blobs.for_cache().settle()
    assert place_of(tmp_path, CONTENT, NAME).stat().st_ino == inode
    assert inode in synced


def test_an_upload_of_what_waits_is_durable(
    on_disk: Registry,
    index: ScriptedIndex,
    installer: Installer,
    tmp_path: Path,
) -> None:
    """F1: the upload's own bytes are synced, and what waits never comes in their place."""
    demo = wheel("demo", "9.0")
    index.add(demo.filename, demo.content)
    fetch(on_disk, installer, demo.filename)
    on_disk.acting_as(OPERATOR).repositories.create("own")
    upload(on_disk, demo, "own")
    place = place_of(tmp_path, demo.content, demo.filename)
    inode = place.stat().st_ino
    (left,) = waiting(tmp_path, demo.filename)
    zeroed(left)
    assert place.read_bytes() == demo.content
    on_disk._blobs.for_cache().settle()
    assert (place.stat().st_ino, place.read_bytes()) == (inode, demo.content)
    assert waiting(tmp_path) == []
    # And the other way round.
    again = wheel("other", "9.0")
    index.add(again.filename, again.content)
    upload(on_disk, again, "own")
    fetch(on_disk, installer, again.filename)
    assert waiting(tmp_path, again.filename) == []
    assert place_of(tmp_path, again.content, again.filename).read_bytes() == again.content


def test_a_damaged_file_in_its_place_is_replaced(
    on_disk: Registry, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    index.add(NAME, CONTENT)
    fetch(on_disk, installer)
    on_disk._blobs.for_cache().settle()
    place = place_of(tmp_path, CONTENT, NAME)
    truncated(place)
    with started(tmp_path) as after, LiveServer(after.wsgi_app()) as server:
        assert fetch(after, Installer(f"{server.url}/repositories/main")) == CONTENT
    assert place.read_bytes() == CONTENT


def test_files_are_synced_at_once_where_no_boot_is_told(
    index: ScriptedIndex, on_disk: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsynced, "boot_of_this_machine", lambda: None)
    assert isinstance(on_disk._blobs.for_cache(), local.LocalBlobStore)
    index.add(NAME, CONTENT)
    with started(tmp_path) as other, LiveServer(other.wsgi_app()) as server:
        assert fetch(other, Installer(f"{server.url}/repositories/main")) == CONTENT
        assert waiting(tmp_path) == []
        assert place_of(tmp_path, CONTENT, NAME).read_bytes() == CONTENT


def test_a_name_that_is_too_long_to_wait_is_synced_at_once(
    index: ScriptedIndex, on_disk: Registry, installer: Installer, tmp_path: Path
) -> None:
    long = f"demo-1.0+{'a' * 200}-py3-none-any.whl"
    index.add(long, CONTENT)
    assert fetch(on_disk, installer, long) == CONTENT
    assert waiting(tmp_path) == []
    assert place_of(tmp_path, CONTENT, long).read_bytes() == CONTENT


def test_a_page_that_comes_instead_of_a_lost_one_is_not_taken_for_it(
    on_disk: Registry, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    """By a process that still remembers the lost one: the database may be on another machine."""
    index.add(NAME, CONTENT)
    assert [file["filename"] for file in installer.page("demo")] == [NAME]
    with on_disk._database.begin() as connection:
        connection.execute(upstream_pages.delete())
    index.add("demo-2.0-py3-none-any.whl", CONTENT)
    with started(tmp_path) as other, LiveServer(other.wsgi_app()) as server:
        assert len(Installer(f"{server.url}/repositories/main").page("demo")) == 2
    upstream = on_disk.acting_as(OPERATOR).upstreams.get("elsewhere")
    on_disk._upstream_pages.look_again(upstream, "demo")  # type: ignore[arg-type]
    assert len(installer.page("demo")) == 2


@pytest.mark.parametrize("clock", ["runs", "was set back"])
def test_a_completed_page_that_comes_instead_of_a_lost_one_is_not_taken_for_it(
    on_disk: Registry,
    index: ScriptedIndex,
    installer: Installer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clock: str,
) -> None:
    """And so with a page that is changed and not added."""
    names = [NAME, "demo-2.0-py3-none-any.whl"]
    for name in names:
        index.add(name, name.encode(), hashes={})
    assert len(installer.page("demo")) == 2
    with on_disk._database.begin() as connection:
        (before,) = connection.execute(upstream_pages.select()).mappings().all()
    if clock == "was set back":
        monkeypatch.setattr(time, "time_ns", lambda: 1)
    fetch(on_disk, installer, names[0])
    wait_until(lambda: _known_digests(installer) == [names[0]])
    with on_disk._database.begin() as connection:
        connection.execute(cached_files.delete())
        connection.execute(upstream_pages.update().values(**before))
    with started(tmp_path) as other, LiveServer(other.wsgi_app()) as server:
        mine = Installer(f"{server.url}/repositories/main")
        fetch(other, mine, names[1])
        wait_until(lambda: _known_digests(mine) == [names[1]])
    upstream = on_disk.acting_as(OPERATOR).upstreams.get("elsewhere")
    on_disk._upstream_pages.look_again(upstream, "demo")  # type: ignore[arg-type]
    assert _known_digests(installer) == [names[1]]


def _known_digests(installer: Installer) -> list[str]:
    return [file["filename"] for file in installer.page("demo") if file["hashes"]]
