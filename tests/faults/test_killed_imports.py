"""kill -9 while packages are imported: the same import goes on, and nothing is lost (I3)."""

from __future__ import annotations

import random
import time
from functools import partial
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import OutOfSpace
from pypi_repo.domain.importing.reports import Report
from tests.faults.conftest import embedded
from tests.support.crashing import Working, steps_of
from tests.support.distributions import Distribution, wheel
from tests.support.installation import Installation, assert_all_is_well
from tests.support.journal import journal_of
from tests.support.tiny_disk import NoTinyDisk, TinyDisk

TIMES = 4


def import_folder(registry: Registry, folder: Path, jobs: int = 1) -> Report:
    imports = registry.acting_as(OPERATOR).imports
    return imports.run("main", imports.source(str(folder)), jobs=jobs)


def saved(folder: Path, *files: Distribution) -> list[Distribution]:
    for file in files:
        file.save(folder)
    return list(files)


def assert_it_goes_on(installation: Installation, folder: Path, files: list[Distribution]) -> None:
    """A run over everything brings the rest, and another one finds nothing to do."""
    with installation.registry() as registry:
        rest, again = (import_folder(registry, folder, jobs=4) for _ in range(2))
    assert (rest.imported + rest.here, rest.left_out) == (len(files), ())
    assert (again.imported, again.here, again.left_out) == (0, len(files), ())
    assert_all_is_well(installation, files)


def test_before_every_step(installation: Installation, tmp_path: Path) -> None:
    """Disk, database and object store: whatever an import asks of them, it may be the last."""
    root = tmp_path / "packages"
    files = saved(root / "first", wheel("first"))
    steps_of(installation, partial(import_folder, folder=root / "first"))
    files += saved(root / "whole", wheel("whole"))
    steps = steps_of(installation, partial(import_folder, folder=root / "whole"))
    assert len(steps) > 15
    for number in range(1, len(steps) + 1):
        place = root / f"cut-{number}"
        files += saved(place, wheel(place.name))
        cut = Working(installation, partial(import_folder, folder=place), die_at=number)
        assert cut.wait() == [], steps[number - 1]
    assert_it_goes_on(installation, root, files)


def test_at_random(installation: Installation, tmp_path: Path) -> None:
    """Halfway, with several files under way at once."""
    chance = random.Random(7)
    root = tmp_path / "packages"
    files = saved(root, *(wheel(f"demo-{number % 7}", f"1.{number}") for number in range(80)))
    for _time in range(TIMES):
        working = Working(installation, partial(import_folder, folder=root, jobs=4))
        working.wait_until_ready()
        time.sleep(chance.uniform(0.02, 0.3))
        working.kill()
        working.wait()
    assert_it_goes_on(installation, root, files)


def test_a_full_disk_ends_it(tmp_path: Path) -> None:
    """And it goes on where there is room again."""
    try:
        with TinyDisk(tmp_path / "tiny") as disk:
            database = tmp_path / "elsewhere"
            database.mkdir()
            installation = embedded(disk.folder, database=database)
            root = tmp_path / "packages"
            files = saved(root, *(wheel(f"demo-{number}", "1.0") for number in range(30)))
            disk.leave_pages(20)
            with installation.registry() as registry, pytest.raises(OutOfSpace):
                import_folder(registry, root, jobs=4)
            disk.leave_plenty()
            assert_it_goes_on(installation, root, files)
    except NoTinyDisk as reason:
        pytest.skip(str(reason))


def test_two_at_once(installation: Installation, tmp_path: Path) -> None:
    """Of the same packages: each file comes once, and neither finds anything wrong."""
    root = tmp_path / "packages"
    files = saved(root, *(wheel(f"demo-{number % 3}", f"1.{number}") for number in range(40)))
    both = [Working(installation, partial(import_folder, folder=root, jobs=3)) for _ in range(2)]
    assert all(each.wait() for each in both)
    with installation.registry() as registry:
        entries = journal_of(registry, "main")
    uploaded = [each.filename for each in entries if each.action == "upload file"]
    assert sorted(uploaded) == sorted(file.filename for file in files)
    imported = [each.detail or {} for each in entries if each.action == "import"]
    assert {each["left_out"] for each in imported} == {"0"}
    assert_it_goes_on(installation, root, files)
