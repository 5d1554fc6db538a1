"""I2: sources that say what nobody has expected, and what is said of them to others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.importing.found import FoundFile, FoundProject
from pypi_repo.domain.names import NormalizedName
from pypi_repo.services.importing.importing import Imports
from pypi_repo.services.importing.sources.folder import Folder
from tests.support.distributions import wheel
from tests.support.uploads import filenames, upload

DEMO, OTHER = wheel("demo", "1.0"), wheel("other", "1.0")


@pytest.fixture
def imports(both: Registry) -> Imports:
    return both.acting_as(OPERATOR).imports


class _Odd(Folder):
    """Fails as no source should."""

    def project(self, name: NormalizedName) -> FoundProject | None:
        if name == "broken":
            raise KeyError(name)
        return super().project(name)

    def read(self, file: FoundFile) -> Iterator[bytes]:
        if "demo" in file.filename:
            raise TypeError("odd")
        return super().read(file)


def test_what_nobody_has_expected_ends_no_import(
    imports: Imports, both: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for file in (DEMO, OTHER, wheel("broken")):
        file.save(tmp_path)

    with caplog.at_level(logging.ERROR):
        report = imports.run("main", _Odd(str(tmp_path)))

    assert report.imported == 1
    assert filenames(both, "other") == [OTHER.filename]
    assert sorted((each.filename, each.detail) for each in report.left_out) == [
        ("", "KeyError: 'broken'"),
        (DEMO.filename, "TypeError: odd"),
    ]
    assert sum(record.exc_info is not None for record in caplog.records) == 2


class _OfManyHashes(Folder):
    """Says digests of every kind, whose lengths nobody knows in advance."""

    def project(self, name: NormalizedName) -> FoundProject | None:
        found = super().project(name)
        assert found is not None
        hashes = {"shake_256": "ab01", "md5-sha1": "ab01", "unheard-of": "ab01"}
        files = tuple(replace(file, hashes=hashes) for file in found.files)
        return replace(found, files=files)


def test_digests_that_nobody_can_compare_are_not_compared(
    imports: Imports, both: Registry, tmp_path: Path
) -> None:
    DEMO.save(tmp_path)

    report = imports.run("main", _OfManyHashes(str(tmp_path)))

    assert (report.imported, report.left_out) == (1, ())


@pytest.mark.parametrize("why", ["name", "content"])
def test_an_exemption_names_no_other_project(
    imports: Imports, both: Registry, tmp_path: Path, why: str
) -> None:
    """I3: whoever may read the one need not know of the other."""
    both.acting_as(OPERATOR).repositories.change("main", profile="pypi")
    if why == "name":
        upload(both, wheel("secret-l"))
        wheel("secret-1").save(tmp_path)
    else:
        theirs = wheel("demo", "1.0", build="1")
        upload(both, theirs)
        path = tmp_path / DEMO.filename
        path.write_bytes(theirs.content)

    (exempted,) = imports.run("main", Folder(str(tmp_path)), as_is=True).exempted

    assert "secret-l" not in exempted.reason
    assert wheel("demo", "1.0", build="1").filename not in exempted.reason
    _found, files = both.acting_as(OPERATOR).projects.get("main", exempted.project)
    assert exempted.reason in [file.exemption for file in files]
