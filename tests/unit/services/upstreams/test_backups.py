"""Backups with and without what was fetched from upstreams."""

import random
import zlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pypi_repo import Registry, Settings
from pypi_repo.domain.errors import InvalidBackup
from pypi_repo.domain.upstreams.pages import UpstreamFile, UpstreamPage, encode
from pypi_repo.storage.cached_files import CachedFiles
from tests.support import dumps
from tests.support.distributions import wheel
from tests.support.live import LiveServer
from tests.support.scripted_index import Installer, ScriptedIndex
from tests.support.uploads import upload
from tests.support.upstreams import keep_metadata
from tests.support.waiting import wait_until

NAME = "demo-1.0-py3-none-any.whl"
CONTENT = random.Random(1).randbytes(100_000)


@pytest.fixture
def source(on_disk: Registry, installer: Installer, index: ScriptedIndex) -> Registry:
    """With an own file, and a file of the upstream with its metadata and its provenance."""
    upload(on_disk, wheel("own", "1.0"))
    index.put("provenance", b"{}")
    index.add(
        NAME, CONTENT, beside=b"Name: demo\n", provenance=f"{index.server.url}/files/provenance"
    )
    assert installer.get(f"{installer.place(NAME)}.metadata").status == 200
    keep_metadata(on_disk)
    assert installer.download(NAME).is_whole
    wait_until(lambda: any(row.size for row in rows(on_disk)))
    return on_disk


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Registry]:
    place = tmp_path / "target" / "registry.db"
    with Registry(Settings(database=place, password_cost=4)) as registry:
        yield registry


def rows(registry: Registry) -> list[Any]:
    return CachedFiles(registry._database).after(("", 0, ""), limit=100)


def stored(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.whl"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def test_a_backup_leaves_out_what_can_be_fetched_again(
    source: Registry, target: Registry, place: Path, index: ScriptedIndex, tmp_path: Path
) -> None:
    source.backup.create(str(place))
    assert stored(place) == ["own-1.0-py3-none-any.whl"]
    target.backup.restore(str(place))
    assert rows(target) == []
    asked = len(index.asked)
    with LiveServer(target.wsgi_app()) as server:
        assert Installer(f"{server.url}/repositories/main").download(NAME).body == CONTENT
    assert len(index.asked) == asked + 1


def test_a_backup_with_the_cache_needs_no_upstream(
    source: Registry, target: Registry, place: Path, index: ScriptedIndex
) -> None:
    done = source.backup.create(str(place), with_cache=True)
    assert done.lost == ()
    assert stored(place) == [NAME, "own-1.0-py3-none-any.whl"]
    target.backup.restore(str(place))
    assert rows(target) == rows(source)
    index.close()
    with LiveServer(target.wsgi_app()) as server:
        installer = Installer(f"{server.url}/repositories/main")
        assert installer.download(NAME).body == CONTENT
        assert installer.get(f"{installer.place(NAME)}.metadata").body == b"Name: demo\n"
    assert [each.problems for each in target.upkeep.verify()] == [()] * 2


def test_cached_files_that_are_lost_are_left_out(
    source: Registry, target: Registry, place: Path, tmp_path: Path
) -> None:
    source.backup.create(str(place), with_cache=True)
    (copy,) = place.rglob(NAME)
    copy.write_bytes(b"damaged")
    assert target.backup.restore(str(place)).lost == ()
    assert rows(target) == []
    source._blobs.for_cache().settle()
    (kept,) = (tmp_path / "blobs").rglob(NAME)
    kept.unlink()
    assert source.backup.create(str(place), with_cache=True).lost == ()


def page(**changes: Any) -> bytes:
    file = UpstreamFile(
        filename=NAME,
        project="demo",  # type: ignore[arg-type]
        version="1.0",
        kind="bdist_wheel",
        python_tag="py3",
        url="https://files.example/demo",
        hashes={"sha256": "0" * 64},
    )
    return encode(UpstreamPage(name="demo", files=(msgspec.structs.replace(file, **changes),)))


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("upstream_pages", "document", "no base64"),
        ("upstream_pages", "document", b64encode(b"no page").decode()),
        ("upstream_pages", "document", b64encode(zlib.compress(b"no page")).decode()),
        ("upstream_pages", "document", b64encode(page(filename="../x.whl")).decode()),
        ("upstream_pages", "document", b64encode(page(project="other")).decode()),
        ("upstream_pages", "document", b64encode(page(url="file:///etc/passwd")).decode()),
        ("upstream_pages", "document", b64encode(page(hashes={"sha256": "../" * 10})).decode()),
        ("upstream_pages", "project", "../demo"),
        ("cached_files", "filename", "../demo.whl"),
        ("cached_files", "sha256", "../../demo"),
        ("cached_files", "metadata_sha256", "../../demo"),
        ("cached_files", "project", "Demo"),
        ("cached_files", "size", -1),
        ("cached_files", "upstream_id", 99),
    ],
)
def test_a_forged_cache_is_refused(
    table: str, column: str, value: Any, source: Registry, target: Registry, place: Path
) -> None:
    source.backup.create(str(place), with_cache=True)
    dumps.forge(dumps.newest(place), lambda lines: dumps.changed(lines, table, column, value))
    with pytest.raises(InvalidBackup):
        target.backup.restore(str(place))
    assert rows(target) == []
