"""Backups have the trash, and what is restored from one can be restored from its trash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.errors import InvalidBackup
from tests.support.distributions import sdist, wheel
from tests.support.trash import all_columns
from tests.support.uploads import damage, filenames, publish, upload

WHEEL, SDIST, OTHER = wheel(), sdist(), wheel("other")


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Registry]:
    folder = tmp_path / "target"
    settings = Settings(
        database=f"sqlite:///{folder}/registry.db", blobs=f"file://{folder}/blobs", password_cost=4
    )
    with Registry(settings) as registry:
        yield registry


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    return {"blobs": f"file://{tmp_path}/blobs"}


def test_a_backup_brings_the_trash_along(both: Registry, target: Registry, tmp_path: Path) -> None:
    """R4"""
    publish(both, WHEEL, signature=b"signature")
    upload(both, SDIST)
    before = all_columns(both)
    entry = both.acting_as(OPERATOR).projects.delete("main", "demo")
    assert entry is not None
    done = both.backup.create(str(tmp_path / "backup"))
    assert (done.lost, done.blobs) == ((), 5)
    target.backup.restore(str(tmp_path / "backup"))
    assert damage(target) == []
    assert target.acting_as(OPERATOR).trash.entries("main") == (
        both.acting_as(OPERATOR).trash.entries("main")
    )
    target.acting_as(OPERATOR).trash.restore("main", entry)
    assert all_columns(target) == before
    assert damage(target) == []
    again = target.acting_as(OPERATOR).projects.delete("main", "demo")
    assert again is not None
    assert again > entry  # no id is used twice


def test_what_is_lost_of_the_trash_can_be_left_out(
    both: Registry, target: Registry, tmp_path: Path
) -> None:
    """R4: as of what is on the index."""
    for distribution in (WHEEL, SDIST, OTHER):
        upload(both, distribution)
    entry = both.acting_as(OPERATOR).projects.delete("main", "demo")
    assert entry is not None
    both.backup.create(str(tmp_path / "backup"))
    (lost,) = (tmp_path / "backup").rglob(WHEEL.filename)
    lost.unlink()
    with pytest.raises(InvalidBackup, match="1 files are not in the backup"):
        target.backup.restore(str(tmp_path / "backup"))
    target.backup.restore(str(tmp_path / "backup"), skip_lost=True)
    assert damage(target) == []
    target.acting_as(OPERATOR).trash.restore("main", entry)
    assert filenames(target) == [SDIST.filename]
    assert filenames(target, "other") == [OTHER.filename]
