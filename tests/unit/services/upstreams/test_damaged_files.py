"""Files of upstreams that were damaged on the disk after they had come, as by an error of it (F1).

What is damaged so that it is noticed when it is opened is fetched again.
"""

import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pypi_repo import Registry, Settings
from tests.support.distributions import wheel
from tests.support.live import LiveServer
from tests.support.scripted_index import Installer, ScriptedIndex
from tests.support.uploads import upload
from tests.support.upstreams import Reader, keep_metadata
from tests.support.waiting import wait_until

NAME = "demo-1.0-py3-none-any.whl"
SMALL, LARGE = random.Random(1).randbytes(20_000), random.Random(2).randbytes(100_000)
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def stored_file(folder: Path, content: bytes) -> Path:
    digest = hashlib.sha256(content).hexdigest()
    return folder / "blobs" / digest[:2] / digest[2:4] / digest[4:] / NAME


def settled(registry: Registry, path: Path) -> None:
    def is_in_place() -> bool:
        registry._blobs.for_cache().settle()
        return path.exists()

    wait_until(is_in_place)


@pytest.mark.parametrize(
    ("content", "damage"),
    [(SMALL, cut), (SMALL, zeroed), (LARGE, cut)],
    ids=["small-cut", "small-zeroed", "large-cut"],
)
@pytest.mark.parametrize("says_size", [False, True])
def test_a_damaged_file_is_fetched_again(
    on_disk: Registry,
    index: ScriptedIndex,
    installer: Installer,
    tmp_path: Path,
    content: bytes,
    damage: Callable[[Path], None],
    says_size: bool,
) -> None:
    index.add(NAME, content, **({} if says_size else {"size": None}))
    assert installer.download(NAME).body == content
    path = stored_file(tmp_path, content)
    settled(on_disk, path)
    damage(path)
    with (
        Registry(Settings(database=tmp_path / "registry.db", password_cost=4)) as other,
        LiveServer(other.wsgi_app()) as server,
    ):
        assert Installer(f"{server.url}/repositories/main").download(NAME).body == content
        wait_until(lambda: path.read_bytes() == content)
        assert Installer(f"{server.url}/repositories/main").download(NAME).body == content
    assert len(index.asked) == 2


def test_damaged_core_metadata_are_fetched_again(
    on_disk: Registry, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    index.add(NAME, SMALL, beside=METADATA)
    place = f"{installer.place(NAME)}.metadata"
    assert installer.get(place).body == METADATA
    keep_metadata(on_disk)
    on_disk._blobs.for_cache().settle()
    (path,) = (tmp_path / "blobs").rglob("*.metadata")
    zeroed(path)
    with Registry(Settings(database=tmp_path / "registry.db", password_cost=4)) as other:
        with LiveServer(other.wsgi_app()) as server:
            assert Installer(f"{server.url}/repositories/main").get(place).body == METADATA
        keep_metadata(other)
        assert path.read_bytes() == METADATA


def test_a_small_own_file_that_is_damaged_is_not_sent(
    on_disk: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = wheel("own", "1.0")
    upload(on_disk, own)
    zeroed(tmp_path / "blobs" / own.path)
    got = Reader(on_disk).get(f"/files/{own.path}")
    assert got.status_code == 404
    assert f"{own.path} is damaged" in caplog.text
