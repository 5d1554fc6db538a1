"""What the pages tell people to type does what they say: every command runs as it stands.

A block that cannot run here says so, and why, in a comment above it.
"""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import pypi_repo
from pypi_repo import EVERY_AREA, OPERATOR, Registry, Settings
from tests.support.clients import Clients
from tests.support.console import Machine, console_blocks, is_run
from tests.support.distributions import sdist, wheel
from tests.support.example_docs import PAGES, ROOT
from tests.support.live import LiveServer
from tests.support.markdown import blocks
from tests.support.processes import free_port
from tests.support.projects import pyproject_project
from tests.support.warm_python import warm_python

PASSWORD = "correct-horse"
_LOCAL = "--allow-http --allow-private-network"
"""What the index that stands for the public one needs."""

USERS = ("user", "build@example.com", "ci@example.com")

TUTORIAL = ROOT / "docs/tutorial/first-repository.md"
RUN = [page for page in PAGES if page != TUTORIAL and any(map(is_run, console_blocks(page)))]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "work", tmp_path / "home")
    machine.replaced[r"127\.0\.0\.1:8080"] = f"127.0.0.1:{machine.port}"
    return machine


def test_tutorial(machine: Machine) -> None:
    _copy_the_project(machine.folder)
    machine.replaced[":PASSWORD@"] = ":$PASSWORD@"
    copied = (
        "sed -n '/^\\[distutils\\]/,/^password/p' server.log > ~/.pypirc\n"
        "PASSWORD=$(sed -n 's/^  repository user  user   //p' server.log)\n"
    )
    printed = " ".join(machine.run(TUTORIAL, told={1: copied}).split())

    assert "Hello, team!" in printed
    page = TUTORIAL.read_text(encoding="utf-8")
    (refusal,) = re.findall(r"```text\n(File already exists.*?)```", page, re.DOTALL)
    assert " ".join(refusal.split()) in printed
    assert "Created repository scratch" in printed
    assert "colleague@example.com, who may read main." in printed
    assert printed.count("ppr_") == 1


def _copy_the_project(folder: Path) -> None:
    """The package as it is imported here, which may be an installed wheel."""
    package = Path(pypi_repo.__file__).parent
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    without = shutil.ignore_patterns("__pycache__", "migrations")
    shutil.copytree(package, folder / "pypi_repo", ignore=without)
    places = (package / "migrations", package.parent / "migrations")
    (migrations,) = (place for place in places if place.is_dir())
    shutil.copytree(migrations, folder / "migrations", ignore=without)


@pytest.fixture
def settled(machine: Machine, tmp_path: Path) -> Iterator[Machine]:
    """In a folder with a registry that is in use.

    The names that pages have for what differs from reader to reader stand for what is here.
    """
    # The tutorial has the one that is installed.
    machine.make_tool("pypi-repo", warm_python().script)
    data = machine.folder / "pypi-repo-data"
    settings = Settings(
        database=f"sqlite:///{data}/registry.db", blobs=f"file://{data}/blobs", password_cost=4
    )
    with Registry(settings) as registry, LiveServer(registry.wsgi_app()) as server:
        kept = _fill(registry, tmp_path)
        token, administrators_token = _tokens(registry)
        place = server.url.removeprefix("http://")
        folder = str(machine.folder)
        machine.replaced |= {
            r"https://((?:\S+?@)?)packages\.example\.com": rf"http://\g<1>{place}",
            r"127\.0\.0\.1:8080": place,
            r"\bUSER\b": "user",
            r"\bPASSWORD\b": PASSWORD,
            r"\bPROJECT\b": "hello-team",
            r"\bDATE\b": f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%d}",
            r"ppr_\.\.\.": token,
            r"\$TOKEN\b": administrators_token,
            r"/srv/pypi-repo-data\b": "pypi-repo-data",
            r"(?<=[ =])/(?:mnt|srv|tmp)/": f"{folder}/",
            r"https://INDEX/simple/": f"{server.url}/repositories/elsewhere/simple/ {_LOCAL}",
            r"\b8099\b": str(free_port()),
            r"/PATH\b": f"/{kept}",
        }
        yield machine


def _fill(registry: Registry, folder: Path) -> str:
    """Accounts, repositories and packages that pages name. The path of one stored file."""
    for name in ("main", "releases", "public-api", "drop-box"):
        registry.acting_as(OPERATOR).repositories.create(name, allow_overwrite=True)
    registry.acting_as(OPERATOR).administrators.create("boss@example.com", PASSWORD)
    for name in USERS:
        registry.acting_as(OPERATOR).accounts.create_user(name, PASSWORD)
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("elsewhere", public=True)
    operator.add_file("elsewhere", wheel("requests").save(folder))
    operator.add_file("main", sdist("hello-team").save(folder))
    return operator.add_file("main", wheel("hello-team").save(folder)).file.path


def _tokens(registry: Registry) -> tuple[str, str]:
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token("user")
    _token, administrators = registry.acting_as(OPERATOR).administrators.create_token(
        "boss@example.com", areas=EVERY_AREA
    )
    return secret, administrators


def _written(page: Path, language: str, file: str, first: str = "") -> str:
    """What a reader does to whom a page says what a file must hold."""
    (text, *_others) = (block.text for block in blocks(page) if block.language == language)
    return f"cat > {file} <<'END'\n{first}{text}END\n"


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_commands_of_a_page(page: Path, settled: Machine) -> None:
    told: dict[int, str] = {}
    match page.stem:
        case "publish":
            told[0] = _written(page, "ini", "~/.pypirc")
            pyproject_project(settled.folder, "hello-team", backend="flit")
            Clients(settled.home / "builder").build(settled.folder)
        case "import":
            folder = settled.folder / "pypiserver" / "packages"
            folder.mkdir(parents=True)
            wheel("hello-team", "3.0").save(folder)
        case "trash":
            told[1] = "pypi-repo release delete main hello-team 1.0 --yes\n"
        case "staged-releases":
            pyproject_project(settled.folder, "hello-team", "9.0", backend="flit")
            Clients(settled.home / "builder").build(settled.folder)
        case "install":
            told[1] = _written(page, "toml", "pyproject.toml", _PYPROJECT)
        case "users-and-tokens":  # as if nobody of these had been there before
            told[0] = "pypi-repo user delete ci@example.com --yes\n"
            told[3] = "pypi-repo admin create second --generate-password\n"
            told[3] += "pypi-repo admin delete boss@example.com --yes\n"
        case "without-internet":
            (settled.folder / "requirements.txt").write_text("requests>=0.1\n")
        case "cooldown":
            told[0] = (
                f"echo {PASSWORD} | pypi-repo upstream create public --username user "
                "--password-stdin --allow-http --allow-private-network "
                "https://packages.example.com/repositories/main/simple/\n"
            )
        case "README":
            pyproject_project(settled.folder, "hello-team")
            told[2] = "printf '[distutils]\\nindex-servers = main\\n[main]\\n' > ~/.pypirc\n"
            told[2] += "printf 'repository = https://packages.example.com/repositories/main/\\n"
            told[2] += f"username = user\\npassword = {PASSWORD}\\n' >> ~/.pypirc\n"
    settled.run(page, told)


_PYPROJECT = """\
[project]
name = "app"
version = "1.0"
requires-python = ">=3.9"
dependencies = ["hello-team"]

"""
