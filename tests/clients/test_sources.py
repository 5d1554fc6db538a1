"""One URL for everything: own packages and those of an upstream, for clients as people run them.

Dependencies lead from own files to the upstream's and back, and the upstream has higher versions of
the own names (V1), of a deleted one, and of a reserved one (V2).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from tests.support.addresses import Addresses
from tests.support.clients import Clients
from tests.support.distributions import sdist, wheel
from tests.support.installers import BARE, LOCKING, Installer
from tests.support.uploads import upload
from tests.support.upstreams import LiveUpstream
from tests.support.written_index import Entry, WrittenIndex

OWN = [
    wheel("app", "1.0", requires_dist=["library>=1", "acme-x"]),
    wheel("acme-x", "1.0"),
    wheel("acme-gone", "1.0"),
]
ELSEWHERE = [
    wheel("library", "1.0", requires_dist=["acme-x>=1", "helper"]),
    wheel("helper", "1.0"),
    wheel("app", "99.0"),
    wheel("acme-x", "99.0"),
    wheel("acme-gone", "99.0"),
    wheel("acme-kept", "99.0"),
]
ALL = {"app": "1.0", "library": "1.0", "acme-x": "1.0", "helper": "1.0"}


@pytest.fixture
def upstream(registry: Registry) -> Iterator[LiveUpstream]:
    """A source of the repository, after its own files."""
    for distribution in OWN:
        upload(registry, distribution)
    upstream = LiveUpstream()
    for distribution in ELSEWHERE:
        upstream.add(distribution)
    upstream.create_on(registry)
    operator = registry.acting_as(OPERATOR)
    operator.projects.delete("main", "acme-gone")
    operator.sources.set_sources("main", ["upstream:public"])
    operator.sources.reserve("main", ["acme-kept"])
    yield upstream
    upstream.close()


def take_down(registry: Registry, upstream: LiveUpstream) -> None:
    """The upstream fails from now on, and is asked for each page."""
    registry.acting_as(OPERATOR).upstreams.change("public", fresh_for=0)
    upstream.broken = "503 Service Unavailable"


@pytest.mark.parametrize("name", BARE)
def test_installing_from_both(
    registry: Registry, upstream: LiveUpstream, installer: Installer
) -> None:
    installer.install("app")
    assert installer.installed == ALL
    for kept in ("acme-gone", "acme-kept"):
        assert installer.install(kept, check=False).returncode != 0
    take_down(registry, upstream)
    installer.start_anew()
    installer.install("app")
    assert installer.installed == ALL
    assert "acme-x" not in upstream.pages_asked()


@pytest.mark.parametrize("name", LOCKING)
def test_locking_and_installing_from_both(
    registry: Registry, upstream: LiveUpstream, installer: Installer
) -> None:
    """Also from the lock file on another machine, while the upstream is down."""
    installer.install("app")
    assert installer.installed == ALL
    assert installer.install("acme-gone", check=False).returncode != 0
    take_down(registry, upstream)
    lock = installer.lock
    installer.start_anew()
    installer.install_locked()
    assert installer.installed == ALL
    assert installer.lock == lock


def test_hashes_of_both(
    registry: Registry, upstream: LiveUpstream, clients: Clients, site: Addresses, python: Path
) -> None:
    """`pip-compile --generate-hashes`, `pip install --require-hashes`, also while it is down."""
    (clients.home / "requirements.in").write_text("app\n")
    clients.run(
        sys.executable,
        *("-m", "piptools", "compile", "--generate-hashes", "--quiet", "requirements.in"),
        *("--index-url", site.index()),
    )
    pinned = clients.home / "requirements.txt"
    for distribution in (*OWN[:2], *ELSEWHERE[:2]):
        assert f"sha256:{distribution.sha256}" in pinned.read_text()
    options = ("--require-hashes", "--index-url", site.index(), "-r", pinned)
    clients.pip(python, "install", *options)
    take_down(registry, upstream)
    clients.pip(python, "install", "--force-reinstall", "--no-cache-dir", *options)
    frozen = clients.uv("pip", "freeze", "--python", python).stdout
    assert dict(line.split("==") for line in frozen.splitlines()) == ALL


@pytest.mark.parametrize("name", ["uv"])
def test_a_lock_file_of_before_there_was_a_digest(registry: Registry, installer: Installer) -> None:
    """P7: the page says the digest from the first download on; the lock file stays valid."""
    with WrittenIndex([Entry(sdist("plain"), has_digest=False, has_metadata=False)]) as index:
        index.create_on(registry, "public")
        registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
        installer.install("plain", options=["--no-sync"])
        locked = installer.lock
        assert "unhashed" in locked
        installer.install_locked()
        installer.start_anew()
        installer.install_locked()
        assert installer.installed == {"plain": "1.0"}
        assert installer.lock == locked


@pytest.mark.parametrize("name", ["uv"])
def test_what_people_are_told_of_a_file_that_is_withheld(
    registry: Registry, upstream: LiveUpstream, installer: Installer
) -> None:
    """C4: pip prints the reason phrase, and uv the body."""
    installer.install("helper", options=["--no-sync"])
    registry.acting_as(OPERATOR).sources.add_rule("main", "deny", "helper", reason="It is broken")
    refused = installer.install_locked(check=False)
    assert refused.returncode != 0
    assert "It is broken" in " ".join(refused.text.split())
    (helper,) = (each for each in ELSEWHERE if each.name == "helper")
    url = installer.site.index().replace("/simple/", f"/files/{helper.path}")
    refused = installer.clients.pip(installer.python, "install", url, check=False)
    assert refused.returncode != 0
    assert "It is broken" in refused.text


def test_what_people_are_told_of_an_upstream_that_is_down(
    registry: Registry, upstream: LiveUpstream, clients: Clients, site: Addresses, python: Path
) -> None:
    """V4: uv does not take it for the absence of the project. pip says why only if it is asked."""
    take_down(registry, upstream)
    index = ("--index-url", site.index(), "library")
    failed = clients.uv(
        *("pip", "install", "--python", python, *index), check=False, env={"UV_HTTP_RETRIES": "0"}
    )
    assert failed.returncode != 0
    assert "502 The upstream 'public'" in failed.text
    assert "not found" not in failed.text
    failed = clients.pip(python, "install", "--retries", "0", "-vv", *index, check=False)
    assert failed.returncode != 0
    assert "502" in failed.text
