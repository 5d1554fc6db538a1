"""bandersnatch copies a public repository, and later only what changed (X95).

It keeps files under the path of their URL and takes no path that does not start with `/packages`,
which is PyPI's. So a registry that is to be mirrored is mounted below that.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from tests.support.clients import Clients, Completed
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.live import LiveServer
from tests.support.uploads import upload

CONFIGURATION = """\
[mirror]
directory = {folder}
master = {url}/repositories/main
api-method = simple
simple-format = ALL
allow-non-https = true
release-files = true
json = true
hash-index = false
compare-method = hash
timeout = 10
global-timeout = 60
workers = 2
stop-on-error = true
"""


class Mirror:
    """One mirror on disk, of what is served at `url`."""

    def __init__(self, clients: Clients, folder: Path, url: str) -> None:
        self._clients = clients
        self._folder = folder / "mirror"
        self._configuration = folder / "bandersnatch.conf"
        self._configuration.write_text(CONFIGURATION.format(folder=self._folder, url=url))

    def run(self, *, check: bool = True) -> Completed:
        program = [sys.executable, "-m", "bandersnatch.main"]
        return self._clients.run(*program, "-c", self._configuration, "mirror", check=check)

    @property
    def serial(self) -> int:
        return int((self._folder / "status").read_text())

    @property
    def files(self) -> dict[str, bytes]:
        """The distribution files by name; 8.x keeps their metadata files beside them."""
        paths = (self._folder / "web" / "packages").rglob("*")
        kept = [path for path in paths if path.is_file() and path.suffix != ".metadata"]
        return {path.name: path.read_bytes() for path in kept}

    def page(self, project: str) -> dict[str, str]:
        """The digests by filename that the mirror's own index would tell."""
        path = self._folder / "web" / "simple" / project / "index.v1_json"
        files = json.loads(path.read_text())["files"]
        return {file["filename"]: file["hashes"]["sha256"] for file in files}

    def json_api(self, project: str) -> dict[str, list[str]]:
        """Releases and their filenames, of the copied PyPI JSON page."""
        releases = json.loads((self._folder / "web" / "json" / project).read_text())["releases"]
        return {
            version: sorted(file["filename"] for file in files)
            for version, files in releases.items()
        }


@pytest.fixture
def url(registry: Registry) -> Iterator[str]:
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    with LiveServer(registry.wsgi_app(), prefix="/packages/team") as server:
        yield server.url


def contents(*dists: Distribution) -> dict[str, bytes]:
    return {dist.filename: dist.content for dist in dists}


def digests(*dists: Distribution) -> dict[str, str]:
    return {dist.filename: dist.sha256 for dist in dists}


def serial(registry: Registry) -> int:
    return registry.acting_as(OPERATOR).repositories.get("main").serial


def test_mirrored_twice(registry: Registry, clients: Clients, url: str, tmp_path: Path) -> None:
    """X95: the second run asks only for the project whose serial is newer."""
    demo = [wheel("Demo.Pkg", "1.0"), sdist("Demo.Pkg", "1.0")]
    other, newer = wheel("other", "2.0"), wheel("other", "2.1")
    for dist in (*demo, other):
        upload(registry, dist)
    mirror = Mirror(clients, tmp_path, url)
    mirror.run()
    first_files, first_serial = mirror.files, mirror.serial
    serial_then = serial(registry)
    upload(registry, newer)
    second = mirror.run()

    assert first_files == contents(*demo, other)
    assert first_serial == serial_then
    assert "Fetching metadata for package: other" in second.text
    assert "Fetching metadata for package: demo-pkg" not in second.text
    assert mirror.files == contents(*demo, other, newer)
    assert mirror.serial == serial(registry) > first_serial
    assert mirror.page("demo-pkg") == digests(*demo)
    assert mirror.page("other") == digests(other, newer)
    assert mirror.json_api("other") == {"2.0": [other.filename], "2.1": [newer.filename]}


def test_nothing_new_is_nothing_fetched(
    registry: Registry, clients: Clients, url: str, tmp_path: Path
) -> None:
    upload(registry, wheel("demo"))
    mirror = Mirror(clients, tmp_path, url)
    mirror.run()
    again = mirror.run()

    assert "0 packages had changes" in again.text
    assert "Fetching metadata" not in again.text
    assert mirror.serial == serial(registry)


def test_a_yank_reaches_the_mirror(
    registry: Registry, clients: Clients, url: str, tmp_path: Path
) -> None:
    """X45 and X95: mirrors must carry the flag, so a yank raises the project's serial too."""
    upload(registry, wheel("demo", "1.0"))
    mirror = Mirror(clients, tmp_path, url)
    mirror.run()
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "It is broken.")
    mirror.run()
    page = tmp_path / "mirror" / "web" / "simple" / "demo" / "index.v1_json"
    (file,) = json.loads(page.read_text())["files"]

    assert file["yanked"]
    assert mirror.serial == serial(registry)


def test_below_another_path(registry: Registry, clients: Clients, tmp_path: Path) -> None:
    """bandersnatch refuses the URLs of files by themselves, before it has asked for any."""
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    upload(registry, wheel("demo", "1.0"))
    with LiveServer(registry.wsgi_app(), prefix="/team") as server:
        mirror = Mirror(clients, tmp_path, server.url)
        refused = mirror.run(check=False)

    assert refused.returncode != 0
    assert "Got invalid download URL: /team/repositories/main/files/" in refused.text
    assert mirror.files == {}
