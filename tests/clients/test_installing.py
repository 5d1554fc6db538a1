"""What pip and uv use of the index beyond the file itself: metadata, ranges and digests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pypi_repo import OPERATOR, Registry
from tests.clients.conftest import PREFIX
from tests.conftest import PASSWORD, USER
from tests.support.addresses import Addresses
from tests.support.clients import Clients
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.live import LiveServer
from tests.support.publisher import publishing

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass
class Watched:
    """An application that notes what was asked of it."""

    app: WSGIApplication
    seen: list[tuple[str, str, int]] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]

        def noted(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            self.seen.append((method, path.rpartition("/")[2], int(status[:3])))
            return start_response(status, headers, *more)

        return self.app(environ, noted)

    def asked_for(self, name: str) -> list[tuple[str, int]]:
        """Method and status of each request whose last segment is this."""
        return [(method, status) for method, last, status in self.seen if last == name]


@pytest.fixture
def watched(registry: Registry) -> Watched:
    return Watched(registry.wsgi_app())


@pytest.fixture
def site(watched: Watched) -> Iterator[Addresses]:
    with LiveServer(watched, prefix=PREFIX) as server:
        yield Addresses(server.url, USER, PASSWORD)


def upload(site: Addresses, *dists: Distribution) -> None:
    with publishing(*site.target()) as publisher:
        for dist in dists:
            assert publisher.upload(dist).status == 200


def without_metadata(watched: Watched) -> None:
    """The index as a simpler one would be: nothing is said of core metadata."""
    app = watched.app

    def plain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answers: list[tuple[str, list[tuple[str, str]]]] = []

        def hold(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Any:
            answers.append((status, headers))

        if "/simple/" not in environ["PATH_INFO"]:
            return app(environ, start_response)
        plain_html = {"HTTP_ACCEPT": "text/html", "HTTP_ACCEPT_ENCODING": "identity"}
        body = b"".join(app({**environ, **plain_html}, hold))
        for attribute in (b"data-core-metadata", b"data-dist-info-metadata"):
            body = body.replace(attribute, b"data-nothing")
        status, headers = answers[0]
        kept = [header for header in headers if header[0] not in ("Content-Length", "ETag")]
        start_response(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    watched.app = plain


CHAIN = [
    wheel("app", "1.0", requires_dist=["library>=1"]),
    wheel("library", "1.0", padding=300_000),
    wheel("library", "2.0", requires_python=">=99", padding=300_000),
]


def test_pip_resolves_from_metadata_files(
    watched: Watched, clients: Clients, site: Addresses, python: Path
) -> None:
    """With `--dry-run`, pip downloads no wheel at all (PEP 658)."""
    upload(site, *CHAIN)
    planned = clients.pip(python, "install", "--dry-run", "--index-url", site.index(), "app")

    assert "Would install app-1.0 library-1.0" in planned.stdout
    assert watched.asked_for("app-1.0-py3-none-any.whl.metadata") == [("GET", 200)]
    assert watched.asked_for("library-1.0-py3-none-any.whl.metadata") == [("GET", 200)]
    assert not any(last.endswith(".whl") for _method, last, _status in watched.seen)


def test_uv_resolves_from_metadata_files(
    watched: Watched, clients: Clients, site: Addresses, python: Path
) -> None:
    upload(site, *CHAIN)
    planned = clients.uv(
        "pip", "install", "--dry-run", "--python", python, "--index-url", site.index(), "app"
    )

    assert "library==1.0" in planned.text
    assert watched.asked_for("app-1.0-py3-none-any.whl.metadata") == [("GET", 200)]
    assert not any(last.endswith(".whl") for _method, last, _status in watched.seen)


def test_pip_fast_deps_reads_ranges_of_a_wheel(
    watched: Watched, clients: Clients, site: Addresses, python: Path
) -> None:
    """X57: HEAD, then ranges. pip only does so where the index offers no metadata files."""
    without_metadata(watched)
    upload(site, *CHAIN)
    planned = clients.pip(
        python, "install", "--use-feature=fast-deps", "--dry-run",
        "--index-url", site.index(), "app",
    )  # fmt: skip
    asked = watched.asked_for("library-1.0-py3-none-any.whl")

    assert "Would install app-1.0 library-1.0" in planned.stdout
    assert asked[0] == ("HEAD", 200)
    assert {status for method, status in asked if method == "GET"} == {206}


def test_uv_reads_ranges_of_a_wheel(
    watched: Watched, clients: Clients, site: Addresses, python: Path
) -> None:
    without_metadata(watched)
    upload(site, *CHAIN)
    clients.uv("pip", "install", "--dry-run", "--python", python,
               "--index-url", site.index(), "app")  # fmt: skip
    asked = watched.asked_for("library-1.0-py3-none-any.whl")

    assert ("HEAD", 200) in asked
    assert {status for method, status in asked if method == "GET"} == {206}


def test_pip_fast_deps_installs(clients: Clients, site: Addresses, python: Path) -> None:
    upload(site, *CHAIN)
    clients.pip(python, "install", "--use-feature=fast-deps", "--index-url", site.index(), "app")
    version = clients.run(python, "-c", "import app, library; print(library.__version__)")

    assert version.stdout == "1.0\n"


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_hash_checking(
    installer: str, registry: Registry, clients: Clients, site: Addresses, python: Path
) -> None:
    """The digest of what was reviewed pins the content, also where overwriting is allowed."""
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    reviewed = wheel("demo", files={"demo/__init__.py": b"NOTE = 'reviewed'\n"})
    upload(site, reviewed)
    requirements = clients.home / "requirements.txt"
    requirements.write_text(f"demo==1.0 --hash=sha256:{reviewed.sha256}\n")
    run = [python, "install"] if installer == "pip" else ["pip", "install", "--python", python]
    options = ["--require-hashes", "--index-url", site.index(), "-r", requirements]
    again = ["--force-reinstall", "--no-cache-dir"] if installer == "pip" else ["--reinstall"]
    client = getattr(clients, installer)

    client(*run, *options)
    note = clients.run(python, "-c", "import demo; print(demo.NOTE)")
    upload(site, wheel("demo", files={"demo/__init__.py": b"NOTE = 'replaced'\n"}))
    clients.uv("cache", "clean", "--quiet")
    refused = client(*run, *again, *options, check=False)

    assert note.stdout == "reviewed\n"
    assert refused.returncode != 0
    assert "hash" in refused.text.lower()


def test_yanked_versions_are_avoided(
    registry: Registry, clients: Clients, site: Addresses, python: Path
) -> None:
    upload(site, wheel("demo", "1.0"), wheel("demo", "2.0"))
    registry.acting_as(OPERATOR).projects.yank_release(
        "main", "demo", "2.0", "It deletes the wrong folder."
    )
    clients.pip(python, "install", "--index-url", site.index(), "demo")
    frozen = clients.uv("pip", "freeze", "--python", python)
    pinned = clients.pip(python, "install", "--index-url", site.index(), "demo==2.0")

    assert frozen.stdout == "demo==1.0\n"
    assert "It deletes the wrong folder." in pinned.text


def test_requires_python_is_respected(clients: Clients, site: Addresses, python: Path) -> None:
    upload(site, *CHAIN)
    clients.uv("pip", "install", "--python", python, "--index-url", site.index(), "library")

    assert clients.uv("pip", "freeze", "--python", python).stdout == "library==1.0\n"


def test_an_sdist_is_what_was_uploaded(clients: Clients, site: Addresses, tmp_path: Path) -> None:
    """No transport may unpack a .tar.gz on its way."""
    dist = sdist("demo", padding=100_000)
    upload(site, dist)
    python = clients.venv(tmp_path / "venv")
    clients.pip(
        python, "download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation",
        "--index-url", site.index(), "--dest", tmp_path / "downloads", "demo",
    )  # fmt: skip

    assert (tmp_path / "downloads" / dist.filename).read_bytes() == dist.content


def test_pip_index_versions(clients: Clients, site: Addresses, python: Path) -> None:
    upload(site, *(wheel("demo", version) for version in ("1.0", "1.10", "1.9", "2.0rc1")))
    listed = clients.pip(python, "index", "versions", "--index-url", site.index(), "demo")

    assert "Available versions: 1.10, 1.9, 1.0" in listed.stdout
