"""The main job, step by step as CloudRepo's guide tells it: build, publish, install, import."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from tests.conftest import PASSWORD, READER
from tests.support.addresses import Addresses, with_credentials
from tests.support.clients import Clients
from tests.support.distributions import wheel
from tests.support.projects import pyproject_project, setuptools_project
from tests.support.publisher import publishing
from tests.support.uploads import upload


def imported_version(clients: Clients, python: Path, package: str) -> str:
    program = f"import {package}; print({package}.__version__)"
    return clients.run(python, "-c", program).stdout.strip()


def versions_of(registry: Registry, project: str, repository: str = "main") -> list[str]:
    _project, files = registry.acting_as(OPERATOR).projects.get(repository, project)
    return sorted({file.version for file in files})


@pytest.mark.parametrize("make_project", [setuptools_project, pyproject_project])
def test_build_twine_pip(
    make_project: Callable[..., Path], clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    files = clients.build(make_project(tmp_path / "project", "Team.Tool", "1.2.3"))
    clients.write_pypirc({"team": site.target()})
    published = clients.twine("upload", "--repository", "team", *files)
    python = clients.venv(tmp_path / "venv")
    installed = clients.pip(python, "install", "--index-url", site.index(), "team-tool")

    wheel_and_sdist = ["team_tool-1.2.3-py3-none-any.whl", "team_tool-1.2.3.tar.gz"]
    assert [file.name for file in files] == wheel_and_sdist
    assert all(f"Uploading {name}" in published.text for name in wheel_and_sdist)
    assert "Successfully installed" in installed.stdout
    assert imported_version(clients, python, "team_tool") == "1.2.3"


def test_the_index_url_of_the_guide(
    registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    """The user name is an e-mail address, so its @ travels as %40."""
    upload(registry, wheel("demo"))
    python = clients.venv(tmp_path / "venv")
    index = site.index()
    clients.pip(python, "install", "--index-url", index, "demo")

    assert re.match(r"http://user%40example\.com:[^@]+@127\.0\.0\.1:\d+/team/pypi/", index)
    assert index.endswith("/repositories/main/simple/")
    assert imported_version(clients, python, "demo") == "1.0"


@pytest.mark.parametrize("ending", ["", "/"])
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_index_url_without_simple(
    installer: str,
    ending: str,
    registry: Registry,
    clients: Clients,
    site: Addresses,
    tmp_path: Path,
) -> None:
    upload(registry, wheel("Team.Tool", "1.0"))
    index = with_credentials(site.upload().removesuffix("/") + ending, site.user, site.password)
    python = clients.venv(tmp_path / "venv")
    if installer == "pip":
        clients.pip(python, "install", "--index-url", index, "team_tool")
    else:
        clients.uv("pip", "install", "--python", python, "--index-url", index, "team_tool")

    assert imported_version(clients, python, "team_tool") == "1.0"


def test_uv_publish_and_uv_pip_install(clients: Clients, site: Addresses, tmp_path: Path) -> None:
    files = clients.build(pyproject_project(tmp_path / "project", "demo", "2.0"))
    published = clients.publish_with_uv(*site.target(), *files)
    python = clients.venv(tmp_path / "venv")
    clients.uv("pip", "install", "--python", python, "--index-url", site.index(), "demo")

    assert published.stderr.count("Uploading") == 2
    assert imported_version(clients, python, "demo") == "2.0"


def test_a_token_in_the_url_of_uv_publish(
    registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    """Not a user name with an @: uv publish sends what the URL holds without decoding it."""
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(site.user)
    url = with_credentials(site.upload(), "__token__", secret)
    file = wheel("demo").save(tmp_path)
    clients.uv("publish", "--trusted-publishing", "never", "--publish-url", url, file)

    assert versions_of(registry, "demo") == ["1.0"]


def test_pypis_own_upload_path(clients: Clients, site: Addresses, tmp_path: Path) -> None:
    """PyPI's name for the upload URL is known to every tool's documentation."""
    legacy = site.upload() + "legacy/"
    clients.publish_with_twine(legacy, site.user, PASSWORD, wheel("demo", "1.0").save(tmp_path))
    clients.publish_with_uv(legacy, site.user, PASSWORD, wheel("demo", "1.1").save(tmp_path))
    without_last_slash = site.upload().removesuffix("/")
    clients.publish_with_twine(
        without_last_slash, site.user, PASSWORD, wheel("demo", "1.2").save(tmp_path)
    )
    python = clients.venv(tmp_path / "venv")
    clients.pip(python, "install", "--index-url", site.index(), "demo==1.0")
    assert imported_version(clients, python, "demo") == "1.0"
    clients.pip(python, "install", "--index-url", site.index(), "--upgrade", "demo")
    assert imported_version(clients, python, "demo") == "1.2"


def test_an_sdist_and_its_dependency_come_from_the_index(
    clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    files = clients.build(setuptools_project(tmp_path / "project", "tool", "1.0"))
    app = wheel("app", requires_dist=["tool>=1"]).save(tmp_path)
    clients.publish_with_twine(*site.target(), *files, app)
    python = clients.venv(tmp_path / "venv")
    clients.pip(python, "install", "--index-url", site.index(), "--only-binary", "app", "app")

    assert imported_version(clients, python, "tool") == "1.0"


@pytest.mark.parametrize("username", ["__token__", "user@example.com"])
def test_a_token_stands_for_the_password(
    username: str, registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    _token, secret = registry.acting_as(OPERATOR).accounts.create_token(
        site.user, repository="main"
    )
    clients.write_pypirc({"team": (site.upload(), username, secret)})
    clients.twine("upload", "--repository", "team", wheel("demo").save(tmp_path))
    python = clients.venv(tmp_path / "venv")
    index = with_credentials(site.anonymous_index(), username, secret)
    clients.uv("pip", "install", "--python", python, "--index-url", index, "demo")

    assert imported_version(clients, python, "demo") == "1.0"


def test_credentials_from_netrc(
    registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    """pip and uv find them there by host; the index URL stays free of secrets."""
    upload(registry, wheel("demo"))
    netrc = clients.home / ".netrc"
    netrc.write_text(f'machine 127.0.0.1 login {READER} password "{PASSWORD}"\n')
    netrc.chmod(0o600)
    for installer in ("pip", "uv"):
        python = clients.venv(tmp_path / installer)
        if installer == "pip":
            clients.pip(python, "install", "--index-url", site.anonymous_index(), "demo")
        else:
            clients.uv("pip", "install", "--python", python,
                       "--index-url", site.anonymous_index(), "demo")  # fmt: skip
        assert imported_version(clients, python, "demo") == "1.0"


def test_thirty_versions_each_installed_at_once(
    registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    """What was answered 200 is what the next client gets, with uv's cache of pages in use.

    Without `--upgrade` or `--refresh`, uv takes a page from its cache if it still may, and that
    page would lack the version.
    """
    python = clients.venv(tmp_path / "venv")
    install = ["pip", "install", "--python", python, "--no-deps", "--index-url", site.index()]
    installed = []
    with publishing(*site.target()) as publisher:
        for number in range(30):
            answer = publisher.upload(wheel("demo", f"1.{number}"))
            assert answer.status == 200, answer.text
            clients.uv(*install, f"demo==1.{number}")
            folders = (tmp_path / "venv").glob("lib*/**/demo-*.dist-info")
            installed.append({folder.name for folder in folders})

    assert installed == [{f"demo-1.{number}.dist-info"} for number in range(30)]
    assert len(versions_of(registry, "demo")) == 30


def test_pip_sees_each_new_version_at_once(
    clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    """pip keeps pages in an HTTP cache and asks whether they still are the newest."""
    python = clients.venv(tmp_path / "venv")
    with publishing(*site.target()) as publisher:
        for number in range(3):
            assert publisher.upload(wheel("demo", f"1.{number}")).status == 200
            clients.pip(python, "install", "--upgrade", "--index-url", site.index(), "demo")
            assert imported_version(clients, python, "demo") == f"1.{number}"
