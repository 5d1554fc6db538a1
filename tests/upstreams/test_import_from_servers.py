"""I1, I2, I3: other people's servers, and the folder of a pypiserver, imported for real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.services.importing.importing import Imports
from pypi_repo.services.importing.sources.opening import SourceAccess
from pypi_repo.services.importing.sources.source import ImportSource
from tests.support.distributions import sdist, wheel
from tests.support.journal import journal_of
from tests.support.other_servers import Programs, pypiserver, simple_repository_server
from tests.support.uploads import damage, page

LOCAL = SourceAccess(
    username="team", password="secret", allow_http=True, allow_private_network=True
)
FILES = [
    wheel("demo", "1.0"),
    sdist("demo", "1.0"),
    wheel("demo", "2.0", requires_python=">=3.8", requires_dist=["helper"]),
    wheel("helper", "1.0", padding=400_000),
    wheel("name-with-hyphens", "1.0"),
    *(wheel(f"many-{number}", "1.0") for number in range(30)),
]
ODD = wheel("demo", "1.5", filename="Demo-1.5-py3-none-any.whl")


@pytest.fixture
def imports(registry: Registry) -> Imports:
    return registry.acting_as(OPERATOR).imports


@pytest.fixture(params=["pypiserver", "simple-repository-server", "folder of pypiserver"])
def source(
    request: pytest.FixtureRequest, imports: Imports, programs: Programs, tmp_path: Path
) -> Iterator[ImportSource]:
    files = [*FILES, ODD]
    match request.param:
        case "simple-repository-server":
            server, url = simple_repository_server(programs, tmp_path, files)
        case _:
            server, url = pypiserver(programs, tmp_path, files)
    with server:
        is_folder = request.param.startswith("folder")
        yield imports.source(str(tmp_path / "pypiserver") if is_folder else url, LOCAL)


def test_everything_moves(imports: Imports, registry: Registry, source: ImportSource) -> None:
    assessed = imports.assess("main", source)
    first = imports.run("main", source)
    as_is = imports.run("main", source, as_is=True)
    before = journal_of(registry)
    again = imports.run("main", source)

    assert (assessed.files, assessed.here, len(assessed.left_out)) == (len(FILES) + 1, 0, 0)
    assert [each.filename for each in assessed.refused] == [ODD.filename]
    assert first.imported == len(FILES)
    assert [each.filename for each in first.left_out] == [ODD.filename]
    assert (as_is.imported, as_is.here, as_is.left_out) == (1, len(FILES), ())
    assert (again.imported, again.here, again.left_out) == (0, len(FILES) + 1, ())
    assert journal_of(registry) == before
    stored = {
        file.filename: (file.hashes["sha256"], file.requires_python)
        for project in registry.acting_as(OPERATOR).projects.all("main")
        for file in page(registry, project.name).files
    }
    assert {name: digest for name, (digest, _python) in stored.items()} == {
        file.filename: file.sha256 for file in (*FILES, ODD)
    }
    assert stored[FILES[2].filename][1] == ">=3.8"
    assert damage(registry) == []
