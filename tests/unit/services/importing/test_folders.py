"""I1, I2, I3: what a folder has is imported, checked like uploads, and only once."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Actor, Registry, Settings
from pypi_repo.domain.accounts.access import ActorKind
from pypi_repo.domain.errors import InvalidSetting, PermissionDenied, UnknownRepository
from pypi_repo.domain.importing.found import LeftOut
from pypi_repo.domain.importing.reports import Step
from pypi_repo.domain.importing.selection import Selection
from pypi_repo.services.importing.importing import Imports
from tests.support.attestations import attestation
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.journal import journal_of
from tests.support.uploads import damage, filenames, page, publish, upload

TIME = datetime(2021, 5, 1, 12, 30, 15, tzinfo=UTC)
FILES = [wheel("demo", "1.0"), sdist("demo", "1.0"), wheel("demo", "2.0"), wheel("Other.Pkg", "1")]
ODD = wheel("demo", "1.5", filename="Demo-1.5-py3-none-any.whl")
"""Which the profile `private` refuses for its name, and `lenient` takes."""


@pytest.fixture
def imports(both: Registry) -> Imports:
    return both.acting_as(OPERATOR).imports


def save(folder: Path, *files: Distribution, at: datetime = TIME) -> None:
    for file in files:
        path = file.save(folder)
        os.utime(path, (at.timestamp(), at.timestamp()))


def names(left_out: tuple[LeftOut, ...]) -> list[str]:
    return [each.filename for each in left_out]


def test_everything_comes_with_its_time(imports: Imports, both: Registry, tmp_path: Path) -> None:
    """I1, I2."""
    save(tmp_path, *FILES[:2])
    save(tmp_path / "old" / "er", *FILES[2:], at=TIME - timedelta(days=900))
    (tmp_path / "README.txt").write_text("no package")
    save(tmp_path / ".hidden", wheel("hidden"))

    report = imports.run("main", imports.source(str(tmp_path)))

    assert (report.imported, report.here, report.left_out) == (4, 0, ())
    assert report.size == sum(len(file.content) for file in FILES)
    files = {file.filename: file for file in page(both).files}
    assert sorted(files) == sorted(file.filename for file in FILES[:3])
    assert files[FILES[0].filename].uploaded_at == TIME
    assert files[FILES[2].filename].uploaded_at == TIME - timedelta(days=900)
    assert files[FILES[0].filename].hashes["sha256"] == FILES[0].sha256
    assert filenames(both, "other-pkg") == [FILES[3].filename]
    assert damage(both) == []


def test_a_second_run_changes_nothing(imports: Imports, both: Registry, tmp_path: Path) -> None:
    """I3."""
    save(tmp_path, *FILES)
    imports.run("main", imports.source(str(tmp_path)))
    before = journal_of(both)

    report = imports.run("main", imports.source(str(tmp_path)))

    assert (report.imported, report.here, report.left_out) == (0, 4, ())
    assert journal_of(both) == before


def test_the_journal_says_where_it_comes_from(
    imports: Imports, both: Registry, tmp_path: Path
) -> None:
    save(tmp_path, *FILES)
    began = datetime.now(UTC) - timedelta(seconds=1)
    imports.run("main", imports.source(str(tmp_path)))

    *uploads, run = [each for each in journal_of(both, "main") if each.at >= began]

    assert [each.action for each in uploads[-4:]] == ["upload file"] * 4
    assert all((each.detail or {})["from"] == str(tmp_path) for each in uploads[-4:])
    assert run.action == "import"
    assert run.detail == {"from": str(tmp_path), "imported": "4", "here": "0", "left_out": "0"}


def test_another_file_of_this_name_stays(imports: Imports, both: Registry, tmp_path: Path) -> None:
    """I2: also in a repository that allows overwriting."""
    kept = upload(both, wheel("demo", "1.0", description="This one was here before."))
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    save(tmp_path, *FILES)

    report = imports.run("main", imports.source(str(tmp_path)))

    assert names(report.left_out) == [kept.filename]
    assert "other content" in report.left_out[0].reason
    assert report.imported == 3
    assert {file.hashes["sha256"] for file in page(both).files} >= {kept.digests.sha256}


def test_only_what_is_wanted_comes(imports: Imports, both: Registry, tmp_path: Path) -> None:
    save(tmp_path, *FILES, wheel("acme-tool"), wheel("acme-lib"))
    selection = Selection.of(["Other_Pkg  # ours", "", "# all of them:", "acme-*", "missing"])

    report = imports.run("main", imports.source(str(tmp_path)), selection)

    assert report.imported == 3
    assert [(each.project, each.filename) for each in report.left_out] == [("missing", "")]
    assert [each.name for each in both.acting_as(OPERATOR).projects.all("main")] == [
        "acme-lib",
        "acme-tool",
        "Other.Pkg",
    ]


def test_what_is_refused_comes_as_it_is(imports: Imports, both: Registry, tmp_path: Path) -> None:
    """I3: a file that a profile refuses is left out, or imported with the reason on it."""
    save(tmp_path, ODD, FILES[0])

    refused = imports.run("main", imports.source(str(tmp_path)))
    as_is = imports.run("main", imports.source(str(tmp_path)), as_is=True)
    again = imports.run("main", imports.source(str(tmp_path)))

    assert (refused.imported, names(refused.left_out)) == (1, [ODD.filename])
    assert (as_is.imported, as_is.here, as_is.left_out) == (1, 1, ())
    assert as_is.exempted == refused.left_out
    assert (again.imported, again.here, again.left_out) == (0, 2, ())
    files = both.acting_as(OPERATOR).projects.get("main", "demo")[1]
    assert {file.filename: file.exemption for file in files} == {
        ODD.filename: refused.left_out[0].reason,
        FILES[0].filename: None,
    }
    entry = next(each for each in journal_of(both) if each.filename == ODD.filename)
    assert (entry.detail or {})["exemption"] == refused.left_out[0].reason


def test_rules_of_releases_do_not_hold_as_it_is(
    imports: Imports, both: Registry, tmp_path: Path
) -> None:
    """A second sdist of a release, which the profile refuses once the first one is here."""
    second = sdist("demo", "1.0", filename="demo-1.0.0.tar.gz")
    save(tmp_path, FILES[1], second)

    refused = imports.run("main", imports.source(str(tmp_path)), jobs=1)
    as_is = imports.run("main", imports.source(str(tmp_path)), as_is=True)

    assert (refused.imported, len(refused.left_out)) == (1, 1)
    assert (as_is.imported, as_is.left_out) == (1, ())
    assert len(filenames(both)) == 2


@pytest.mark.parametrize(
    "name", ["demo-1.0.tar.bz2", "nothing.whl", "demo-1.0-py3-none-any.whl", "other-3.0.tar.gz"]
)
def test_what_is_always_required_is_required_as_it_is(
    imports: Imports, both: Registry, tmp_path: Path, name: str
) -> None:
    """Names that say nothing, broken archives, and archives of something else."""
    content = b"no archive" if name.startswith("demo") else sdist("demo", "3.0").content
    (tmp_path / name).write_bytes(content)

    report = imports.run("main", imports.source(str(tmp_path)), as_is=True)

    assert (report.imported, names(report.left_out)) == (0, [name])
    assert both.acting_as(OPERATOR).projects.all("main") == []


def test_one_file_of_several_places_comes_once(
    imports: Imports, both: Registry, tmp_path: Path
) -> None:
    save(tmp_path / "a", FILES[0])
    save(tmp_path / "b", FILES[0])
    save(tmp_path / "c", wheel("demo", "1.0", description="Something else."))

    report = imports.run("main", imports.source(str(tmp_path)))

    assert report.imported == 1
    assert [(each.project, each.filename) for each in report.left_out] == [
        ("demo", FILES[0].filename)
    ]
    assert str(tmp_path / "a") in report.left_out[0].reason


def test_signatures_and_attestations_come_along(
    imports: Imports, both: Registry, tmp_path: Path
) -> None:
    """I2: beside the files, in each form in which tools write them."""
    signed, attested, proven = FILES[0], FILES[2], FILES[3]
    save(tmp_path, signed, attested, proven)
    (tmp_path / f"{signed.filename}.asc").write_bytes(b"a signature")
    (tmp_path / f"{attested.filename}.attestations").write_text(json.dumps([attestation(attested)]))
    bundles = [{"publisher": {"kind": "other"}, "attestations": [attestation(proven)]}]
    (tmp_path / f"{proven.filename}.provenance").write_text(
        json.dumps({"version": 1, "attestation_bundles": bundles})
    )

    report = imports.run("main", imports.source(str(tmp_path)))

    assert (report.imported, report.notes) == (3, ())
    files = {file.filename: file for file in (*page(both).files, *page(both, "other-pkg").files)}
    assert files[signed.filename].is_signed
    assert [files[each.filename].has_provenance for each in (signed, attested, proven)] == [
        False,
        True,
        True,
    ]
    assert damage(both) == []


def test_attestations_of_something_else_stay_behind(
    imports: Imports, both: Registry, tmp_path: Path
) -> None:
    save(tmp_path, FILES[0])
    (tmp_path / f"{FILES[0].filename}.attestations").write_text(json.dumps([attestation(FILES[2])]))

    report = imports.run("main", imports.source(str(tmp_path)))

    assert (report.imported, len(report.notes)) == (1, 1)
    assert FILES[0].filename in report.notes[0]
    assert [file.has_provenance for file in page(both).files] == [False]


def test_an_assessment_says_what_would_come(
    imports: Imports, both: Registry, tmp_path: Path
) -> None:
    """I3: and changes nothing."""
    here, changed = upload(both, FILES[0]), wheel("here", "1.0", description="Another one.")
    publish(both, wheel("here", "1.0"))
    (tmp_path / "broken-1.0.tar.gz").write_bytes(b"no archive")
    save(tmp_path, *FILES, ODD, changed)
    before = journal_of(both)

    found = imports.assess("main", imports.source(str(tmp_path)))

    assert (found.projects, found.new_projects, found.here) == (2, 1, 1)
    assert found.files == 4
    assert found.size == sum(len(file.content) for file in (*FILES[1:], ODD))
    assert names(found.refused) == [ODD.filename]
    assert sorted(names(found.left_out)) == ["broken-1.0.tar.gz", changed.filename]
    assert found.has_read_files
    assert journal_of(both) == before
    assert filenames(both) == [here.filename]


def test_archived_projects_take_what_is_missing(
    imports: Imports, both: Registry, tmp_path: Path
) -> None:
    """Or what was left out at first could not come later, as its status came with the others."""
    upload(both, FILES[0])
    both.acting_as(OPERATOR).projects.set_status("main", "demo", "archived")
    save(tmp_path, *FILES[:3])

    assert imports.run("main", imports.source(str(tmp_path))).imported == 2


def test_quarantined_projects_take_nothing(
    imports: Imports, both: Registry, tmp_path: Path
) -> None:
    upload(both, FILES[0])
    both.acting_as(OPERATOR).projects.set_status("main", "demo", "quarantined")
    save(tmp_path, *FILES[:3])

    report = imports.run("main", imports.source(str(tmp_path)))

    assert (report.imported, report.here, len(report.left_out)) == (0, 1, 2)


def test_what_cannot_be_read_is_told(imports: Imports, both: Registry, tmp_path: Path) -> None:
    """Files that are gone when their turn comes, and files that are none."""
    save(tmp_path, *FILES)
    os.mkfifo(tmp_path / "demo-7.0.tar.gz")
    source = imports.source(str(tmp_path))
    (tmp_path / FILES[0].filename).unlink()

    report = imports.run("main", source)

    assert (report.imported, names(report.left_out)) == (3, [FILES[0].filename])


def test_many_at_once(imports: Imports, both: Registry, tmp_path: Path) -> None:
    """More than there are connections to a database."""
    files = [wheel(f"demo-{number % 5}", f"1.{number}") for number in range(80)]
    save(tmp_path, *files)
    report = imports.run("main", imports.source(str(tmp_path)), jobs=64)
    assert (report.imported, report.left_out) == (80, ())


def test_progress_is_told(imports: Imports, tmp_path: Path) -> None:
    save(tmp_path, *FILES)
    steps: list[Step] = []
    imports.run("main", imports.source(str(tmp_path)), listener=steps.append)
    size = sum(len(file.content) for file in FILES)
    assert (steps[0], steps[-1]) == (Step(0, 2, 0, 0), Step(2, 2, 4, size))
    assert [step.files for step in steps] == sorted(step.files for step in steps)


def test_only_the_operator_imports(both: Registry, tmp_path: Path) -> None:
    """It reads what is on the machine of the registry."""
    imports = both.acting_as(Actor("admin@example.com", kind=ActorKind.ADMINISTRATOR)).imports
    source = both.acting_as(OPERATOR).imports.source(str(tmp_path))
    with pytest.raises(PermissionDenied):
        imports.source(str(tmp_path))
    with pytest.raises(PermissionDenied):
        imports.run("main", source)
    with pytest.raises(PermissionDenied):
        imports.assess("main", source)


def test_a_repository_that_takes_no_uploads(
    imports: Imports, both: Registry, tmp_path: Path
) -> None:
    both.acting_as(OPERATOR).repositories.change("main", accepts_uploads=False)
    with pytest.raises(PermissionDenied):
        imports.run("main", imports.source(str(tmp_path)))


def test_what_is_not_there(imports: Imports, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting):
        imports.source(str(tmp_path / "missing"))
    with pytest.raises(UnknownRepository):
        imports.run("missing", imports.source(str(tmp_path)))


def test_backups_keep_exemptions(imports: Imports, both: Registry, tmp_path: Path) -> None:
    """And times that are older than the registry."""
    save(tmp_path / "packages", ODD)
    imports.run("main", imports.source(str(tmp_path / "packages")), as_is=True)
    both.backup.create(str(tmp_path / "backup"))
    with Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4)) as restored:
        restored.backup.restore(str(tmp_path / "backup"))
        (before,) = both.acting_as(OPERATOR).projects.get("main", "demo")[1]
        (after,) = restored.acting_as(OPERATOR).projects.get("main", "demo")[1]
    assert after == before
    assert after.exemption is not None
    assert after.uploaded_at == TIME
