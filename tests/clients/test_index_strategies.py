"""A private repository next to a public one, in every order and with every answer.

The table of section 11 of the index's rules, with X05 (200 for what is claimed here), X70 (no
answer keeps pip and poetry away from the other index), X71 (401 to strangers) and X72 (403 to
people without rights): only uv's default strategy is a defence, and only while the private index
does not answer 404.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Access, Registry, Settings
from tests.conftest import PASSWORD, USER
from tests.support.addresses import Addresses
from tests.support.clients import Clients, Completed
from tests.support.distributions import wheel
from tests.support.live import LiveServer
from tests.support.uploads import upload

STRANGER_TO_MAIN = "guest@example.com"
FIRST_INDEX, FIRST_MATCH, BEST_MATCH = "first-index", "unsafe-first-match", "unsafe-best-match"

each_strategy = pytest.mark.parametrize("strategy", [FIRST_INDEX, FIRST_MATCH, BEST_MATCH])
each_unsafe = pytest.mark.parametrize("strategy", [FIRST_MATCH, BEST_MATCH])


@dataclass
class Neighbours:
    """The private index by the status it answers, and the public one."""

    private: dict[int, str]
    public: str


@pytest.fixture
def public() -> Iterator[Registry]:
    registry = Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4))
    registry.acting_as(OPERATOR).repositories.create("main", public=True)
    yield registry
    registry.close()


@pytest.fixture
def indexes(registry: Registry, site: Addresses, public: Registry) -> Iterator[Neighbours]:
    """On two servers, as they would be: no credentials of one are good for the other."""
    registry.acting_as(OPERATOR).accounts.create_user(
        STRANGER_TO_MAIN, PASSWORD, everywhere=Access.NONE
    )
    with LiveServer(public.wsgi_app(), prefix="/public") as server:
        yield Neighbours(
            private={
                200: site.index(),
                401: site.anonymous_index(),
                403: site.index(user=STRANGER_TO_MAIN),
                404: site.index(),
            },
            public=Addresses(server.url, USER, PASSWORD).anonymous_index(),
        )


def uv_install(
    clients: Clients,
    python: Path,
    strategy: str,
    indexes: tuple[str, str],
    requirement: str = "demo",
    *,
    check: bool = True,
) -> Completed:
    first, last = indexes
    chosen = ["--index-strategy", strategy, "--index", first, "--default-index", last]
    return clients.uv("pip", "install", "--python", python, *chosen, requirement, check=check)


def installed(clients: Clients, python: Path) -> str:
    return clients.uv("pip", "freeze", "--python", python).stdout.strip()


@pytest.mark.parametrize(
    ("strategy", "requirement", "chosen"),
    [
        (FIRST_INDEX, "demo", "demo==1.0"),
        (FIRST_MATCH, "demo", "demo==1.0"),
        (BEST_MATCH, "demo", "demo==9.0"),
        (FIRST_MATCH, "demo>=2", "demo==9.0"),
        (BEST_MATCH, "demo>=2", "demo==9.0"),
    ],
)
def test_uv_with_the_package_on_both(
    strategy: str,
    requirement: str,
    chosen: str,
    registry: Registry,
    public: Registry,
    clients: Clients,
    indexes: Neighbours,
    python: Path,
) -> None:
    """1.0 is the team's own; 9.0 is what somebody put on the public index under its name."""
    upload(registry, wheel("demo", "1.0"))
    upload(public, wheel("demo", "9.0"))
    uv_install(clients, python, strategy, (indexes.private[200], indexes.public), requirement)

    assert installed(clients, python) == chosen


def test_uv_looks_no_further_than_the_first_index(
    registry: Registry, public: Registry, clients: Clients, indexes: Neighbours, python: Path
) -> None:
    """Also where no version there will do."""
    upload(registry, wheel("demo", "1.0"))
    upload(public, wheel("demo", "9.0"))
    pair = (indexes.private[200], indexes.public)
    refused = uv_install(clients, python, FIRST_INDEX, pair, "demo>=2", check=False)

    assert refused.returncode != 0
    assert "--index-strategy unsafe-best-match" in refused.text
    assert installed(clients, python) == ""


def test_uv_and_a_project_without_files(
    registry: Registry, public: Registry, clients: Clients, indexes: Neighbours, python: Path
) -> None:
    """X05: what was once published here answers 200, so the public one's stays out of reach."""
    upload(registry, wheel("demo", "1.0"))
    registry.acting_as(OPERATOR).projects.delete_file("main", "demo-1.0-py3-none-any.whl")
    upload(public, wheel("demo", "9.0"))
    pair = (indexes.private[200], indexes.public)
    refused = uv_install(clients, python, FIRST_INDEX, pair, check=False)

    assert refused.returncode != 0
    assert installed(clients, python) == ""


@pytest.mark.parametrize("status", [401, 403])
def test_uv_stops_at_an_index_that_refuses_it(
    status: int,
    registry: Registry,
    public: Registry,
    clients: Clients,
    indexes: Neighbours,
    python: Path,
) -> None:
    """X71 and X72: the same for what is there and what is not, with a hint at credentials."""
    upload(registry, wheel("demo", "1.0"))
    for name in ("demo", "other"):
        upload(public, wheel(name, "9.0"))
        pair = (indexes.private[status], indexes.public)
        refused = uv_install(clients, python, FIRST_INDEX, pair, name, check=False)
        assert refused.returncode != 0
        assert str(status) in refused.text
        assert "credentials" in refused.text
        assert PASSWORD not in refused.text

    assert installed(clients, python) == ""


@each_unsafe
@pytest.mark.parametrize("status", [401, 403])
def test_uv_goes_past_an_index_that_refuses_it(
    strategy: str,
    status: int,
    registry: Registry,
    public: Registry,
    clients: Clients,
    indexes: Neighbours,
    python: Path,
) -> None:
    """Which is what makes these strategies unsafe: no answer of ours would keep uv here."""
    upload(registry, wheel("demo", "1.0"))
    upload(public, wheel("demo", "9.0"))
    uv_install(clients, python, strategy, (indexes.private[status], indexes.public))

    assert installed(clients, python) == "demo==9.0"


@each_strategy
def test_uv_goes_on_where_there_is_no_such_project(
    strategy: str, public: Registry, clients: Clients, indexes: Neighbours, python: Path
) -> None:
    """X05: 404 is the answer for unknown names, so that public packages can be had at all."""
    upload(public, wheel("demo", "9.0"))
    uv_install(clients, python, strategy, (indexes.private[404], indexes.public))

    assert installed(clients, python) == "demo==9.0"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_pip_always_goes_on(
    status: int,
    registry: Registry,
    public: Registry,
    clients: Clients,
    indexes: Neighbours,
    python: Path,
) -> None:
    """X70: pip has one pool of all indexes, and an index that refuses it adds nothing to it.

    It ends well and takes the public package; nothing that a server says prevents that.
    """
    if status != 404:
        upload(registry, wheel("demo", "1.0"))
    upload(public, wheel("demo", "9.0"))
    both = ["--index-url", indexes.private[status], "--extra-index-url", indexes.public]
    clients.pip(python, "install", *both, "demo")

    assert installed(clients, python) == "demo==9.0"


def test_pip_takes_the_highest_version_of_all(
    registry: Registry, public: Registry, clients: Clients, indexes: Neighbours, python: Path
) -> None:
    """X70: also where the private index answers as it should. Only one index is safe with pip."""
    upload(registry, wheel("demo", "1.0"))
    upload(public, wheel("demo", "9.0"))
    both = ["--index-url", indexes.private[200], "--extra-index-url", indexes.public]
    clients.pip(python, "install", *both, "demo")

    assert installed(clients, python) == "demo==9.0"


UV_PROJECT = """\
[project]
name = "consumer"
version = "0"
requires-python = ">=3.11"
dependencies = ["demo", "other"]

[tool.uv.sources]
demo = {{ index = "team" }}

[[tool.uv.index]]
name = "team"
url = "{private}"
explicit = true

[[tool.uv.index]]
name = "public"
url = "{public}"
default = true
"""


@pytest.mark.parametrize("status", [200, 401, 403, 404])
def test_uv_with_an_explicit_index(
    status: int,
    registry: Registry,
    public: Registry,
    clients: Clients,
    indexes: Neighbours,
    tmp_path: Path,
) -> None:
    """The project says where each package lives, so no answer sends uv elsewhere for it."""
    if status != 404:
        upload(registry, wheel("demo", "1.0"))
    upload(public, wheel("demo", "9.0"))
    upload(public, wheel("other", "1.0"))
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        UV_PROJECT.format(private=indexes.private[status], public=indexes.public)
    )
    locked = clients.uv("lock", env={"UV_NO_CONFIG": "0"}, cwd=project, check=status == 200)
    if status == 200:
        lock = (project / "uv.lock").read_text()
        sources = {p["name"]: p["version"] for p in tomllib.loads(lock)["package"]}
        assert sources == {"consumer": "0", "demo": "1.0", "other": "1.0"}
        assert PASSWORD not in lock

    assert (locked.returncode == 0) == (status == 200)


PDM_PROJECT = """\
[project]
name = "consumer"
version = "0"
requires-python = ">=3.11"

[tool.pdm]
distribution = false

[tool.pdm.resolution]
respect-source-order = {ordered}

[[tool.pdm.source]]
name = "team"
url = "{private}"

[[tool.pdm.source]]
name = "pypi"
url = "{public}"
"""


@pytest.mark.parametrize(
    ("ordered", "status", "chosen"),
    [
        (False, 200, "demo==9.0"),
        (True, 200, "demo==1.0"),
        (True, 401, "demo==9.0"),
        (True, 403, "demo==9.0"),
        (True, 404, "demo==9.0"),
    ],
)
def test_pdm_with_two_sources(
    ordered: bool,
    status: int,
    chosen: str,
    registry: Registry,
    public: Registry,
    clients: Clients,
    indexes: Neighbours,
    python: Path,
    tmp_path: Path,
) -> None:
    """The highest version of all, unless told to respect the order; refusals are passed over."""
    if status != 404:
        upload(registry, wheel("demo", "1.0"))
    upload(public, wheel("demo", "9.0"))
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        PDM_PROJECT.format(
            ordered=str(ordered).lower(),
            private=indexes.private[status],
            public=indexes.public,
        )
    )
    environment = {"PDM_USE_VENV": "1", "PDM_PYTHON": str(python)}
    clients.pdm("add", "demo", env=environment, cwd=project)

    assert installed(clients, python) == chosen


POETRY_PROJECT = """\
[project]
name = "consumer"
version = "0"
requires-python = ">=3.11"

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "team"
url = "{private}"
priority = "primary"

[[tool.poetry.source]]
name = "public"
url = "{public}"
priority = "supplemental"
"""


@pytest.mark.parametrize(
    ("status", "chosen"),
    [(200, "demo==1.0"), (401, "demo==9.0"), (403, "demo==9.0"), (404, "demo==9.0")],
)
def test_poetry_with_a_supplemental_source(
    status: int,
    chosen: str,
    registry: Registry,
    public: Registry,
    clients: Clients,
    site: Addresses,
    indexes: Neighbours,
    python: Path,
    tmp_path: Path,
) -> None:
    """X70: poetry warns where the primary source refuses it, and takes the other's package."""
    if status != 404:
        upload(registry, wheel("demo", "1.0"))
    upload(public, wheel("demo", "9.0"))
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        POETRY_PROJECT.format(private=site.anonymous_index(), public=indexes.public)
    )
    environment = {"VIRTUAL_ENV": str(python.parent.parent)}
    if status != 401:
        user = STRANGER_TO_MAIN if status == 403 else site.user
        environment["POETRY_HTTP_BASIC_TEAM_USERNAME"] = user
        environment["POETRY_HTTP_BASIC_TEAM_PASSWORD"] = PASSWORD
    done = clients.poetry("add", "demo", env=environment, cwd=project)

    assert installed(clients, python) == chosen
    assert ("Authorization error" in done.text) == (status in (401, 403))
