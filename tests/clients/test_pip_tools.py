"""pip-compile takes hashes from the JSON API, which it looks for beside the index."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pypi_repo import OPERATOR, Registry
from tests.conftest import PASSWORD, USER
from tests.support.addresses import Addresses
from tests.support.clients import Clients
from tests.support.distributions import sdist, wheel
from tests.support.live import LiveServer
from tests.support.uploads import upload

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


class Recorded:
    """A registry's site, and the paths that it was asked for."""

    def __init__(self, registry: Registry) -> None:
        self.paths: list[str] = []
        self._site = registry.wsgi_app()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> "Iterable[bytes]":
        self.paths.append(environ["PATH_INFO"])
        return self._site(environ, start_response)


@pytest.fixture
def recorded(registry: Registry) -> Recorded:
    return Recorded(registry)


@pytest.fixture
def site(recorded: Recorded) -> Iterator[Addresses]:
    with LiveServer(recorded) as server:
        yield Addresses(server.url, USER, PASSWORD)


@pytest.mark.parametrize("public", [True, False])
def test_hashes_without_a_download(
    public: bool,
    registry: Registry,
    recorded: Recorded,
    site: Addresses,
    clients: Clients,
    tmp_path: Path,
) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", public=public)
    files = [wheel("Demo", "1.0", requires_dist=["Other.Thing"]), sdist("Demo", "1.0")]
    others = [wheel("other-thing", "2.0"), sdist("other-thing", "2.0"), wheel("other-thing", "1.0")]
    for dist in files + others:
        upload(registry, dist)
    (tmp_path / "requirements.in").write_text("Demo==1.0\n")
    clients.run(
        sys.executable,
        *("-m", "piptools", "compile", "--generate-hashes", "--quiet", "requirements.in"),
        *("--index-url", site.anonymous_index() if public else site.index()),
        cwd=tmp_path,
    )
    compiled = (tmp_path / "requirements.txt").read_text()
    wanted = [dist.sha256 for dist in files + others[:2]]
    assert compiled.count("--hash=sha256:") == len(wanted)
    assert all(f"--hash=sha256:{digest}" in compiled for digest in wanted)
    downloaded = [
        path for path in recorded.paths if "/files/" in path and not path.endswith(".metadata")
    ]
    assert downloaded == []
