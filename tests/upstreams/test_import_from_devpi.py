"""I1, I2: what a devpi has, by its JSON API and in its export, is what an import finds there."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pypi_repo import OPERATOR
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.importing.found import FoundFile, FoundProject
from pypi_repo.domain.names import normalize
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.importing.sources.opening import SourceAccess, open_source
from pypi_repo.services.importing.sources.source import ImportSource
from tests.cli.conftest import CommandLine
from tests.serve.conftest import prepare_folder
from tests.support.devpi import DevpiServer
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.other_servers import Programs, simple_repository_server

Opened = Callable[[str], ImportSource]

LOCAL = SourceAccess(allow_http=True, allow_private_network=True)

BASE = [
    wheel("base-only", "1.0"),
    wheel("Demo.Pkg", "0.9"),
    wheel("Demo.Pkg", "1.0", tag="py2-none-any"),
]
HIDDEN = wheel("Demo.Pkg", "1.0", description="The base has this, and nobody gets it.")
STAGE = [wheel("Demo.Pkg", "1.0", requires_python=">=3.8"), sdist("Demo.Pkg", "1.0")]
ANNAS = wheel("Demo.Pkg", "2.0")
MIRRORED = wheel("mirrored", "3.0")


@pytest.fixture(scope="module")
def began() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("devpi")


@pytest.fixture(scope="module")
def devpi(began: datetime, programs: Programs, folder: Path) -> Iterator[DevpiServer]:
    """team/dev inherits from team/stage, which inherits from team/base, and from a mirror."""
    mirrored, url = simple_repository_server(programs, folder, [MIRRORED])
    with mirrored, DevpiServer(programs, folder / "devpi") as server:
        for user in ("team", "anna"):
            server.user(user)
        server.mirror("team/mirror", url)
        server.index("team/base")
        server.index("team/stage", bases=["team/base"], uploaders=["anna"])
        server.index("team/dev", bases=["team/stage", "team/mirror"])
        server.index("team/prod")
        server.upload("team/base", *BASE, HIDDEN)
        server.upload("team/stage", *STAGE)
        server.upload("team/stage", ANNAS, user="anna")
        server.upload_documentation("team/stage", "Demo.Pkg", "1.0")
        server.push("team/stage", "Demo.Pkg", "2.0", "team/prod")
        yield server


@pytest.fixture(scope="module")
def exported(devpi: DevpiServer, folder: Path) -> Path:
    (version,) = devpi.get("/team/mirror/mirrored").values()
    urllib.request.urlopen(version["+links"][0]["href"]).close()  # devpi keeps what was asked for
    devpi.export(folder / "export", "--include-mirrored-files")
    return folder / "export"


@pytest.fixture(params=["live", "export"])
def place(request: pytest.FixtureRequest, devpi: DevpiServer, exported: Path) -> str:
    """Where the indexes are: their names follow."""
    return f"devpi+{devpi.url}/" if request.param == "live" else f"{exported}/"


@pytest.fixture(scope="module")
def opened() -> Iterator[Opened]:
    client = OutboundClient()
    yield lambda place: open_source(place, LOCAL, client)
    client.close()


def found(source: ImportSource, name: str) -> FoundProject:
    project = source.project(normalize(name))
    assert project is not None
    return project


def content(source: ImportSource, file: FoundFile) -> bytes:
    return b"".join(source.read(file))


def is_of(file: FoundFile, distribution: Distribution) -> bool:
    return (file.filename, file.hashes["sha256"]) == (distribution.filename, distribution.sha256)


def test_an_index_with_what_it_inherits(opened: Opened, place: str, began: datetime) -> None:
    """Of files with the same name, that of the index itself counts, as for its clients."""
    source = opened(f"{place}team/dev")
    names = source.projects()
    project = found(source, "Demo.Pkg")
    read = {file.filename: content(source, file) for file in project.files}
    nothing = source.project(normalize("mirrored"))

    expected = [BASE[1], BASE[2], *STAGE, ANNAS]
    assert names == ["base-only", "demo-pkg"]
    assert read == {file.filename: file.content for file in expected}
    assert {file.filename: file.hashes["sha256"] for file in project.files} == {
        file.filename: file.sha256 for file in expected
    }
    times = [file.uploaded_at for file in project.files if file.uploaded_at is not None]
    assert len(times) == len(expected)
    assert times == sorted(times)
    assert all(began <= time <= datetime.now(UTC) for time in times)
    assert nothing is None


def test_who_has_uploaded_a_file(opened: Opened, place: str) -> None:
    project = found(opened(f"{place}team/stage/"), "demo-pkg")
    assert {file.uploaded_by for file in project.files if is_of(file, ANNAS)} == {"anna"}
    assert {file.uploaded_by for file in project.files if not is_of(file, ANNAS)} == {"team"}


def test_what_was_pushed_keeps_its_time_and_its_uploader(opened: Opened, place: str) -> None:
    """Its history begins on the other index, where anna has uploaded it."""
    (pushed,) = found(opened(f"{place}team/prod"), "demo-pkg").files
    uploaded = found(opened(f"{place}team/stage"), "demo-pkg").files
    assert is_of(pushed, ANNAS)
    assert pushed.uploaded_by == "anna"
    assert pushed.uploaded_at in {file.uploaded_at for file in uploaded if is_of(file, ANNAS)}


def test_documentation_is_left_out_and_reported(opened: Opened, place: str) -> None:
    (left_out,) = found(opened(f"{place}team/dev"), "demo-pkg").left_out
    assert (left_out.project, left_out.filename) == ("demo-pkg", "demo-pkg-1.0.doc.zip")
    assert "Documentation" in left_out.reason


def test_mirrors_are_left_out_unless_they_are_named(opened: Opened, place: str) -> None:
    (left_out,) = opened(f"{place}team/dev").left_out()
    mirror = opened(f"{place}team/mirror")
    (file,) = found(mirror, "mirrored").files
    assert "team/mirror" in left_out.reason
    assert mirror.projects() == ["mirrored"]
    assert list(mirror.left_out()) == []
    assert content(mirror, file) == MIRRORED.content
    assert (file.filename, file.uploaded_by) == (MIRRORED.filename, None)


@pytest.mark.parametrize("rest", ["", "team", "team/none", "nobody/none"])
def test_what_is_no_index_is_refused(opened: Opened, place: str, rest: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        opened(f"{place}{rest}").projects()
    if "none" not in rest:
        assert "team/base, team/dev, team/mirror, team/prod, team/stage" in refused.value.message


@pytest.mark.parametrize("rest", ["team/stage", "team/stage/", "team/stage/+simple/"])
def test_the_url_as_clients_have_it(opened: Opened, devpi: DevpiServer, rest: str) -> None:
    assert opened(f"devpi+{devpi.url}/{rest}").projects() == ["base-only", "demo-pkg"]


def test_the_command(place: str, began: datetime, tmp_path: Path) -> None:
    """I2, I3: times and uploaders are kept, and a second run changes nothing."""
    with prepare_folder(tmp_path / "data").registry() as registry:
        command = CommandLine(tmp_path / "data")
        allowed = ["--allow-http", "--allow-private-network"]
        import_ = ["import", "main", f"{place}team/dev", "--keep-uploaders", *allowed]
        assessed = command.json(*import_, "--assess")
        first = command.run(*import_)
        projects = registry.acting_as(OPERATOR).projects
        _project, files = projects.get("main", "demo-pkg")
        second = command.run(*import_)
        _project, after = projects.get("main", "demo-pkg")

    number = len([*BASE, *STAGE, ANNAS])
    assert (assessed["files"], assessed["new_projects"]) == (number, 2)
    assert {each["name"]: each["exists"] for each in assessed["uploaders"]} == {
        "anna": False,
        "team": False,
    }
    assert first.exit_code == 1  # for the documentation and the mirror
    assert f"Imported {number} files" in first.stderr
    assert "Left out: demo-pkg-1.0.doc.zip: Documentation" in first.stderr
    assert "Left out: What comes from the mirror team/mirror" in first.stderr
    by = {file.filename: file.uploaded_by for file in files}
    assert by[ANNAS.filename] == "anna"
    assert by[STAGE[0].filename] == "team"
    assert all(began <= file.uploaded_at <= datetime.now(UTC) for file in files)
    assert f"Imported 0 files (0 bytes); {number} were here already" in second.stderr
    assert after == files
