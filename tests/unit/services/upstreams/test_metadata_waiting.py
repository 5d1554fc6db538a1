"""Core metadata that have come from an upstream and wait to be kept, with others (P5)."""

import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.services.upstreams import keeping
from pypi_repo.services.upstreams.fetching import settling
from pypi_repo.storage.cached_files import CachedFiles
from tests.support.live import LiveServer
from tests.support.scripted_index import Installer, ScriptedIndex
from tests.support.sql import count_statements
from tests.support.upstreams import keep_metadata
from tests.support.waiting import wait_until

NAMES = [f"demo-{number}.0-py3-none-any.whl" for number in range(3)]


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept by itself."""
    monkeypatch.setattr(settling, "_AFTER", 3600)


@pytest.fixture
def places(index: ScriptedIndex, installer: Installer) -> list[str]:
    for name in NAMES:
        index.add(name, name.encode(), beside=f"Name: {name}\n".encode())
    return [f"{installer.place(name)}.metadata" for name in NAMES]


def kept(registry: Registry) -> list[str]:
    rows = CachedFiles(registry._database).after(("", 0, ""), 10)
    return sorted(row.filename for row in rows if row.metadata_sha256)


def get_all(installer: Installer, places: list[str]) -> None:
    for place, name in zip(places, NAMES, strict=True):
        assert installer.get(place).body == f"Name: {name}\n".encode()


def test_all_that_wait_are_kept_at_once(
    on_disk: Registry, index: ScriptedIndex, installer: Installer, places: list[str]
) -> None:
    for _twice in range(2):
        get_all(installer, places)
    assert len(index.asked) == 3
    assert kept(on_disk) == []
    with count_statements(on_disk._database) as statements:
        keep_metadata(on_disk)
    assert [each for each in statements if "SAVEPOINT" in each] == []
    assert sum("INSERT INTO cached_files" in each for each in statements) == 3
    assert kept(on_disk) == NAMES
    get_all(installer, places)
    assert len(index.asked) == 3


def test_they_are_kept_by_themselves(
    on_disk: Registry, installer: Installer, places: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_AFTER", 0.01)
    get_all(installer, places)
    wait_until(lambda: kept(on_disk) == NAMES)


@pytest.mark.parametrize(("limit", "most"), [("_MOST_WAIT", 2), ("_MOST_BYTES", 60)])
def test_many_do_not_wait(
    on_disk: Registry,
    installer: Installer,
    places: list[str],
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    most: int,
) -> None:
    """Neither many documents nor, as each of them has 34 bytes, much of them."""
    monkeypatch.setattr(keeping, limit, most)
    get_all(installer, places)
    assert kept(on_disk) == NAMES[:2]


def test_each_of_many_is_kept_once(
    on_disk: Registry,
    index: ScriptedIndex,
    installer: Installer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many come at the same time while others are being kept."""
    names = [f"demo-{number}.0-py3-none-any.whl" for number in range(40)]
    for name in names:
        index.add(name, name.encode(), beside=f"Name: {name}\n".encode())
    places = [f"{installer.place(name)}.metadata" for name in names]
    replace, put = os.replace, list[str]()

    def slow(source: str, place: str) -> None:
        time.sleep(0.005)
        put.append(os.path.basename(place))
        replace(source, place)

    monkeypatch.setattr(keeping, "_MOST_WAIT", 4)
    monkeypatch.setattr(os, "replace", slow)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(installer.get, places))
    keep_metadata(on_disk)

    assert [answer.status for answer in answers] == [200] * len(names)
    assert len(put) == len(set(put)) == len(names)


def test_they_are_kept_at_the_end(tmp_path: Path, on_disk: Registry, index: ScriptedIndex) -> None:
    for name in NAMES:
        index.add(name, name.encode(), beside=f"Name: {name}\n".encode())
    with closing(Registry(Settings(database=tmp_path / "registry.db"))) as other:
        with LiveServer(other.wsgi_app()) as server:
            installer = Installer(f"{server.url}/repositories/main")
            get_all(installer, [f"{installer.place(name)}.metadata" for name in NAMES])
        assert kept(on_disk) == []
    assert kept(on_disk) == NAMES


def test_they_are_there_while_they_wait_and_nothing_is_asked_any_more(
    on_disk: Registry, installer: Installer, places: list[str]
) -> None:
    """O2."""
    get_all(installer, places)
    on_disk.acting_as(OPERATOR).upstreams.change("elsewhere", offline=True)
    get_all(installer, places)


def test_what_cannot_be_kept_is_asked_for_again(
    on_disk: Registry,
    index: ScriptedIndex,
    installer: Installer,
    places: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It keeps back no others. Whoever got them does not notice."""
    monkeypatch.setattr("pypi_repo.services.upstreams.fetching.parts.DocumentFetch.kept", 0)
    replace = os.replace

    def fails_for_one(source: str, place: str) -> None:
        if NAMES[1] in place:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, place)

    get_all(installer, places)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fails_for_one)
        keep_metadata(on_disk)
    assert "1 core metadata were fetched and cannot be kept" in caplog.text
    assert kept(on_disk) == [NAMES[0], NAMES[2]]
    get_all(installer, places)
    assert len(index.asked) == 4
    keep_metadata(on_disk)
    assert kept(on_disk) == NAMES
