"""All six publishing clients, each with its own idea of the upload and of what to tell people.

Rules U54 (identical content is 200), U55 (other content is 409 "already exists"), U91 (what makes
clients skip) and U92 (the sentence of a refusal where each of them shows it).
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from tests.conftest import READER
from tests.support.addresses import Addresses
from tests.support.clients import Clients, Completed
from tests.support.projects import Backend, pyproject_project
from tests.support.publishing_clients import BACKENDS, every_client, publish


class BuiltProjects:
    """demo 1.0 as each backend builds it, and again with other content; built once per run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._clients = Clients(folder / "home")

    def copy(self, backend: Backend, to: Path, *, edition: str = "first") -> Path:
        built = self._folder / f"{backend}-{edition}"
        if not built.exists():
            pyproject_project(built, "demo", "1.0", backend)
            (built / "demo" / "__init__.py").write_text(
                f'"""The {edition} edition."""\n\n__version__ = "1.0"\n'
            )
            self._clients.build(built)
        shutil.rmtree(to, ignore_errors=True)
        return Path(shutil.copytree(built, to))


@pytest.fixture(scope="session")
def built_projects(tmp_path_factory: pytest.TempPathFactory) -> BuiltProjects:
    return BuiltProjects(tmp_path_factory.mktemp("built"))


@pytest.fixture
def project(client: str, built_projects: BuiltProjects, tmp_path: Path) -> Path:
    return built_projects.copy(BACKENDS[client], tmp_path / "project")


@pytest.fixture
def change(client: str, built_projects: BuiltProjects) -> Callable[[Path], None]:
    """Edits the project and builds it again, without raising its version."""

    def change(project: Path) -> None:
        built_projects.copy(BACKENDS[client], project, edition="second")

    return change


def stored(registry: Registry) -> dict[str, str]:
    """filename -> digest of all that was published."""
    if not registry.acting_as(OPERATOR).projects.all("main"):
        return {}
    _project, files = registry.acting_as(OPERATOR).projects.get("main", "demo")
    return {file.filename: file.digests.sha256 for file in files}


@every_client
def test_published_installed_and_published_again(
    client: str,
    project: Path,
    change: Callable[[Path], None],
    registry: Registry,
    clients: Clients,
    site: Addresses,
) -> None:
    """U54: the same content again ends well and changes nothing, without any option.

    U55 and U92: with other content the client fails, and what it prints says why; but hatch looks
    first.
    """
    publish(client, clients, project, site.target())
    before, serial = stored(registry), registry.acting_as(OPERATOR).repositories.get("main").serial
    python = clients.venv(project.parent / "venv")
    clients.uv("pip", "install", "--python", python, "--index-url", site.index(), "demo")
    version = clients.run(python, "-c", "import demo; print(demo.__version__)")
    again = publish(client, clients, project, site.target())

    assert set(before) == {"demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"}
    assert version.stdout == "1.0\n"
    assert again.returncode == 0
    assert stored(registry) == before
    assert registry.acting_as(OPERATOR).repositories.get("main").serial == serial
    if client == "hatch":
        return
    change(project)
    other = publish(client, clients, project, site.target(), check=False)

    assert stored(registry) == before
    assert other.returncode != 0
    assert "already exist" in other.text.lower(), other.text


@every_client
def test_refusals_are_shown(
    client: str, project: Path, registry: Registry, clients: Clients, site: Addresses
) -> None:
    """U92: the sentence reaches whoever sits in front of the client."""
    reader = publish(client, clients, project, site.target(user=READER), check=False)
    wrong = (site.upload(), site.user, "not the password")
    mistyped = publish(client, clients, project, wrong, check=False)

    assert reader.returncode != 0
    assert "'reader@example.com' may not upload to repository 'main'" in reader.text
    assert mistyped.returncode != 0
    assert "The user name or password is wrong." in mistyped.text
    assert "not the password" not in mistyped.text
    assert stored(registry) == {}


@pytest.mark.parametrize("client", ["poetry", "pdm"])
def test_skip_existing(
    client: str,
    project: Path,
    change: Callable[[Path], None],
    registry: Registry,
    clients: Clients,
    site: Addresses,
) -> None:
    """U90 to U92: a 409 is what these two take for "there already", whatever the content."""
    publish(client, clients, project, site.target())
    before = stored(registry)
    change(project)
    again = publish(client, clients, project, site.target(), options=["--skip-existing"])

    assert again.returncode == 0
    assert stored(registry) == before


@pytest.mark.parametrize("client", ["twine"])
def test_skip_existing_of_twine(
    client: str, project: Path, registry: Registry, clients: Clients, site: Addresses
) -> None:
    """Since 6.2 twine refuses the option for every index but its own two: U54 stands in."""
    publish(client, clients, project, site.target())
    again = publish(
        client, clients, project, site.target(), options=["--skip-existing"], check=False
    )

    assert again.returncode != 0
    assert "--skip-existing" in again.text


@pytest.mark.parametrize("client", ["uv"])
def test_check_url_of_uv(
    client: str,
    project: Path,
    change: Callable[[Path], None],
    registry: Registry,
    clients: Clients,
    site: Addresses,
) -> None:
    """uv compares digests with the index: it skips what is there and stops at what differs.

    It asks without the credentials of the upload, so the URL of a private index needs its own.
    """
    options = ["--check-url", site.index()]
    first = publish(client, clients, project, site.target(), options=options)
    again = publish(client, clients, project, site.target(), options=options)
    before = stored(registry)
    change(project)
    other = publish(client, clients, project, site.target(), options=options, check=False)

    assert first.text.count("Uploading") == 2
    assert "Uploading" not in again.text
    assert again.text.count("already exists, skipping") == 2
    assert other.returncode != 0
    assert "Local file and index file do not match" in other.text
    assert stored(registry) == before


@pytest.mark.parametrize("client", ["uv"])
def test_check_url_of_uv_without_credentials(
    client: str, project: Path, registry: Registry, clients: Clients, site: Addresses
) -> None:
    """uv takes the 401 for "not there" and uploads again, which is U54's business."""
    options = ["--check-url", site.anonymous_index()]
    publish(client, clients, project, site.target(), options=options)
    before, serial = stored(registry), registry.acting_as(OPERATOR).repositories.get("main").serial
    publish(client, clients, project, site.target(), options=options)

    assert stored(registry) == before
    assert registry.acting_as(OPERATOR).repositories.get("main").serial == serial


@pytest.mark.parametrize("client", ["hatch"])
def test_hatch_looks_first(
    client: str,
    project: Path,
    change: Callable[[Path], None],
    registry: Registry,
    clients: Clients,
    site: Addresses,
) -> None:
    """It asks `<upload URL>/+simple/demo/` and uploads nothing that has a name listed there."""
    publish(client, clients, project, site.target())
    before = stored(registry)
    change(project)
    again = publish(client, clients, project, site.target())

    assert again.text.count("already exists") == 2
    assert stored(registry) == before


@pytest.mark.parametrize("client", ["hatch"])
def test_hatch_shows_a_refusal(
    client: str, project: Path, registry: Registry, clients: Clients, site: Addresses
) -> None:
    publish(client, clients, project, site.target())
    registry.acting_as(OPERATOR).projects.delete_file("main", "demo-1.0.tar.gz")
    again = publish(client, clients, project, site.target(), check=False)

    assert again.returncode != 0
    assert "demo-1.0.tar.gz was deleted from repository 'main'" in again.text
    assert set(stored(registry)) == {"demo-1.0-py3-none-any.whl"}


@every_client
def test_the_rest_of_a_half_published_release(
    client: str, project: Path, registry: Registry, clients: Clients, site: Addresses
) -> None:
    """U54: after an upload that broke off, the same command again completes the release."""
    wheel = project / "dist" / "demo-1.0-py3-none-any.whl"
    registry.acting_as(OPERATOR).add_file("main", wheel)
    before = stored(registry)
    publish(client, clients, project, site.target())

    assert set(before) == {wheel.name}
    assert set(stored(registry)) == {wheel.name, "demo-1.0.tar.gz"}
    assert stored(registry)[wheel.name] == before[wheel.name]


@pytest.mark.parametrize("client", ["uv", "poetry"])
def test_dry_runs(
    client: str, project: Path, registry: Registry, clients: Clients, site: Addresses
) -> None:
    done = publish(client, clients, project, site.target(), options=["--dry-run"])

    assert "demo-1.0.tar.gz" in done.text
    assert stored(registry) == {}


@pytest.mark.parametrize("client", ["uv"])
def test_named_index_of_uv(
    client: str,
    project: Path,
    change: Callable[[Path], None],
    registry: Registry,
    clients: Clients,
    site: Addresses,
) -> None:
    """`--index` brings the check URL along, and the index's credentials with it."""

    def run(*, check: bool = True) -> Completed:
        with (project / "pyproject.toml").open("a") as file:
            file.write(
                f'\n[[tool.uv.index]]\nname = "team"\nurl = "{site.index()}"\n'
                f'publish-url = "{site.upload()}"\n'
            )
        environment = {
            "UV_NO_CONFIG": "0",
            "UV_PUBLISH_USERNAME": site.user,
            "UV_PUBLISH_PASSWORD": site.password,
        }
        never = ["--trusted-publishing", "never"]
        args = ["publish", "--index", "team", *never]
        return clients.uv(*args, env=environment, cwd=project, check=check)

    run()
    before = stored(registry)
    change(project)
    other = run(check=False)

    assert set(before) == {"demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"}
    assert other.returncode != 0
    assert "Local file and index file do not match" in other.text
    assert stored(registry) == before
