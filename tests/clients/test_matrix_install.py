"""Every installer against one private repository: what each takes, and what it leaves.

The installers are pip, `uv pip`, and those of projects: uv, poetry and pdm.
"""

import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as version_of
from pathlib import Path

import pytest
from packaging.version import Version

from pypi_repo import OPERATOR, Registry
from tests.support.addresses import Addresses
from tests.support.clients import Clients
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.installers import BARE, LOCKING, Installer
from tests.support.uploads import upload

every_installer = pytest.mark.parametrize("name", [*BARE, *LOCKING])
REFUSALS_OF_OTHER_CONTENT = {
    "uv": "look it up on the index again",
    "poetry": "did not match any known checksums in your lock file",
    "pdm": "hash",
}
each_locking = pytest.mark.parametrize("name", LOCKING)


def publish(registry: Registry, *dists: Distribution) -> None:
    for dist in dists:
        upload(registry, dist)


def uploaded_at(registry: Registry, dist: Distribution) -> datetime:
    _project, files = registry.acting_as(OPERATOR).projects.get("main", dist.name)
    (found,) = [file.uploaded_at for file in files if file.filename == dist.filename]
    return found


@every_installer
def test_a_package_and_its_dependency(name: str, installer: Installer, registry: Registry) -> None:
    """A wheel, and an sdist that is built on the spot."""
    publish(registry, wheel("App", requires_dist=["some.library>=1"]), sdist("Some_Library"))
    installer.install("app")

    assert installer.installed == {"app": "1.0", "some-library": "1.0"}


@every_installer
def test_requires_python(name: str, installer: Installer, registry: Registry) -> None:
    """X33: a release for another Python is passed over, not tried."""
    publish(registry, wheel("demo", "1.0"), wheel("demo", "2.0", requires_python=">=99"))
    installer.install("demo>=1")

    assert installer.installed == {"demo": "1.0"}


def test_poetry_chooses_before_it_looks_at_python(
    registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    """Without a version asked for, `poetry add` writes down the newest and then fails over it."""
    poetry = Installer("poetry", clients, tmp_path / "consumer", site)
    publish(registry, wheel("demo", "1.0"), wheel("demo", "2.0", requires_python=">=99"))
    refused = poetry.install("demo", check=False)

    assert refused.returncode != 0
    assert "Using version ^2.0 for demo" in refused.text
    assert "demo requires Python >=99" in refused.text


@every_installer
def test_extras(name: str, installer: Installer, registry: Registry) -> None:
    extra = "Provides-Extra: fast"
    needs = ["library; extra == 'fast'"]
    publish(registry, wheel("app", requires_dist=needs, extra_metadata=extra), wheel("library"))
    installer.install("app")
    without = installer.installed
    installer.install("app[fast]")

    assert without == {"app": "1.0"}
    assert installer.installed == {"app": "1.0", "library": "1.0"}


@every_installer
def test_prereleases(name: str, installer: Installer, registry: Registry) -> None:
    """Left alone, but taken where there is nothing else: PEP 440 has it so, and all five do."""
    publish(registry, *(wheel("demo", version) for version in ("1.0", "2.0rc1", "2.0.dev3")))
    publish(registry, wheel("early", "1.0a1"))
    installer.install("demo", "early")

    assert installer.installed == {"demo": "1.0", "early": "1.0a1"}


@every_installer
def test_prereleases_where_wanted(name: str, installer: Installer, registry: Registry) -> None:
    publish(registry, *(wheel("demo", version) for version in ("1.0", "2.0rc1", "2.0.dev3")))
    installer.install("demo", prereleases=True)

    assert installer.installed == {"demo": "2.0rc1"}


@every_installer
def test_a_local_version(name: str, installer: Installer, registry: Registry) -> None:
    """U32 and X55: its `+` survives the way into a URL and back."""
    publish(registry, wheel("demo", "1.0+team.1"))
    installer.install("demo==1.0+team.1")

    assert installer.installed == {"demo": "1.0+team.1"}


@each_locking
def test_a_lock_file_elsewhere(name: str, installer: Installer, registry: Registry) -> None:
    """What was locked is what is installed, though there is something newer by then."""
    library = wheel("library", "1.0")
    publish(registry, wheel("app", requires_dist=["library>=1"]), library)
    installer.install("app")
    publish(registry, wheel("library", "1.5"))
    installer.start_anew()
    emptied = installer.installed
    installer.install_locked()

    assert f"sha256:{library.sha256}" in installer.lock
    assert installer.site.password not in installer.lock
    assert emptied == {}
    assert installer.installed == {"app": "1.0", "library": "1.0"}


@each_locking
def test_a_lock_file_and_other_content(name: str, installer: Installer, registry: Registry) -> None:
    """U55: overwriting breaks lock files loudly; none of the three installs what it did not lock.

    uv locked the URL, which is gone with the content; poetry and pdm look the file up again, and
    see its digest.
    """
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    publish(registry, wheel("demo"))
    installer.install("demo")
    publish(registry, wheel("demo", files={"demo/__init__.py": b"NOTE = 'replaced'\n"}))
    installer.start_anew()
    refused = installer.install_locked(check=False)

    assert refused.returncode != 0
    assert installer.installed == {}
    assert REFUSALS_OF_OTHER_CONTENT[name] in refused.text


def test_uv_lock_and_sync(
    registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    """`uv lock` alone downloads nothing, and `--frozen` asks the index for nothing but files."""
    installer = Installer("uv", clients, tmp_path / "consumer", site)
    publish(registry, wheel("app", requires_dist=["library"]), wheel("library"))
    pyproject = installer.folder / "pyproject.toml"
    pyproject.write_text(
        pyproject.read_text().replace('version = "0"', 'version = "0"\ndependencies = ["app"]')
    )
    clients.uv("lock", env={"UV_NO_CONFIG": "0"}, cwd=installer.folder)
    after_locking = installer.installed
    installer.start_anew()
    installer.install_locked()

    assert after_locking == {}
    assert installer.installed == {"app": "1.0", "library": "1.0"}


@pytest.mark.skipif(Version(version_of("pip")) < Version("26"), reason="came with pip 26.0")
def test_uploaded_prior_to(
    registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    """X33: pip reads `upload-time`, to the microsecond."""
    older, newer = wheel("demo", "1.0"), wheel("demo", "2.0")
    publish(registry, older)
    time.sleep(0.01)
    publish(registry, newer)
    pip = Installer("pip", clients, tmp_path / "consumer", site)
    moment = uploaded_at(registry, newer).astimezone(UTC)
    pip.install("demo", options=["--uploaded-prior-to", moment.isoformat()])
    before = pip.installed
    later = (moment + timedelta(microseconds=1)).isoformat()
    pip.install("demo", options=["--upgrade", "--uploaded-prior-to", later])
    nothing = uploaded_at(registry, older).astimezone(UTC).isoformat()
    refused = pip.install(
        "demo", options=["--force-reinstall", "--uploaded-prior-to", nothing], check=False
    )

    assert before == {"demo": "1.0"}
    assert pip.installed == {"demo": "2.0"}
    assert refused.returncode != 0
    assert "No matching distribution found for demo" in refused.text


@pytest.mark.parametrize("name", ["uv pip", "uv"])
def test_exclude_newer(name: str, installer: Installer, registry: Registry) -> None:
    """X33: uv reads `upload-time`, to the millisecond."""
    older, newer = wheel("demo", "1.0"), wheel("demo", "2.0")
    publish(registry, older)
    time.sleep(0.01)
    publish(registry, newer)
    moment = uploaded_at(registry, newer).astimezone(UTC)
    gap = moment - uploaded_at(registry, older).astimezone(UTC)
    between = (moment - gap / 2).isoformat()
    installer.install("demo", options=["--exclude-newer", between])

    assert installer.installed == {"demo": "1.0"}


@pytest.mark.parametrize("name", ["pip", "uv pip"])
def test_hashes_of_a_whole_tree(
    name: str, installer: Installer, registry: Registry, clients: Clients
) -> None:
    """`uv pip compile` takes the digests from the index; both installers then insist on them."""
    publish(registry, wheel("app", requires_dist=["library"]), wheel("library"), sdist("library"))
    compiled = clients.uv(
        "pip", "compile", "--generate-hashes", "--no-header", "--no-annotate",
        "--index-url", installer.site.index(), "-", stdin="app\n",
    ).stdout  # fmt: skip
    requirements = clients.home / "requirements.txt"
    requirements.write_text(compiled)
    installer.install(options=["--require-hashes", "-r", requirements])

    assert compiled.count("--hash=sha256:") == 3
    assert installer.installed == {"app": "1.0", "library": "1.0"}


@pytest.mark.parametrize("name", ["pip", "uv pip"])
def test_a_wrong_hash(
    name: str, installer: Installer, registry: Registry, clients: Clients
) -> None:
    publish(registry, wheel("demo"))
    requirements = clients.home / "requirements.txt"
    requirements.write_text(f"demo==1.0 --hash=sha256:{'0' * 64}\n")
    refused = installer.install(options=["--require-hashes", "-r", requirements], check=False)

    assert refused.returncode != 0
    assert "hash" in refused.text.lower()
    assert installer.installed == {}


def test_download_only(
    registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    """`pip download` fetches a package and what it needs, and installs nothing."""
    pip = Installer("pip", clients, tmp_path / "consumer", site)
    dists = [wheel("app", requires_dist=["library"]), wheel("library")]
    publish(registry, *dists)
    folder = tmp_path / "downloads"
    clients.pip(pip.python, "download", "--index-url", site.index(), "--dest", folder, "app")

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        dist.filename: dist.content for dist in dists
    }
    assert pip.installed == {}


def test_download_for_another_platform(
    registry: Registry, clients: Clients, site: Addresses, tmp_path: Path
) -> None:
    wanted = wheel("demo", tag="cp312-cp312-win_arm64")
    publish(registry, wheel("demo", tag="cp312-cp312-macosx_11_0_arm64"), wanted)
    pip = Installer("pip", clients, tmp_path / "consumer", site)
    folder = tmp_path / "downloads"
    clients.pip(
        pip.python, "download", "--index-url", site.index(), "--dest", folder,
        "--only-binary", ":all:", "--platform", "win_arm64", "--python-version", "3.12", "demo",
    )  # fmt: skip

    assert [path.name for path in folder.iterdir()] == [wanted.filename]
    assert (folder / wanted.filename).read_bytes() == wanted.content
