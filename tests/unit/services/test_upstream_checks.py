"""What an upstream is found to speak."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import UpstreamFailed
from pypi_repo.variables import from_mapping
from tests.support.distributions import sdist, wheel
from tests.support.forward_proxy import ForwardProxy
from tests.support.live import LiveServer
from tests.support.upstreams import LiveUpstream, Reader

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


@pytest.fixture
def upstream() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    yield upstream
    upstream.close()


def test_a_project_of_the_list_is_looked_at(registry: Registry, upstream: LiveUpstream) -> None:
    upstream.add(wheel("demo", "1.0"))
    upstream.add(sdist("demo", "1.0"))
    upstream.create_on(registry)
    found = registry.acting_as(OPERATOR).upstreams.check("public")
    assert (found.project, found.speaks, found.files) == ("demo", "JSON", 2)
    assert found.has_digests
    assert found.has_upload_times
    assert found.has_core_metadata
    assert found.file_hosts == ()
    assert upstream.pages_asked() == ["pip", "setuptools", "torch", "", "demo"]


def test_file_hosts_are_found(registry: Registry) -> None:
    """S2: the files of many indexes are on hosts of their own."""
    links = "".join(
        f'<a href="{url}">x</a>'
        for url in (
            "https://files.example.com/pip-1.0-py3-none-any.whl#sha256=" + 64 * "0",
            "https://other.example.com:8443/pip-2.0.tar.gz",
            "pip-3.0.tar.gz",
        )
    )

    def answer(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [links.encode()]

    upstreams = registry.acting_as(OPERATOR).upstreams
    with LiveServer(answer) as server:
        upstreams.create(
            "static", url=f"{server.url}/", allow_http=True, allow_private_network=True
        )
        assert upstreams.check("static").speaks == "HTML"
        changed = upstreams.find_file_hosts("static")
    assert changed.file_hosts == ("files.example.com", "other.example.com:8443")
    assert upstreams.get("static") == changed


def test_an_upstream_that_refuses_or_has_nothing_says_so(
    registry: Registry, upstream: LiveUpstream
) -> None:
    upstream.create_on(registry)
    check = registry.acting_as(OPERATOR).upstreams.check
    with pytest.raises(UpstreamFailed, match="no project with files to look at"):
        check("public")
    upstream.broken = "403 Forbidden"
    with pytest.raises(UpstreamFailed, match="credentials"):
        check("public")
    upstream.broken = "500 Internal Server Error"
    with pytest.raises(UpstreamFailed, match="status 500"):
        check("public")


def test_an_upstream_that_gives_no_page_fails(registry: Registry, upstream: LiveUpstream) -> None:
    """It was asked, so it must not be said that nobody did."""
    upstream.broken = "500 Internal Server Error"
    upstream.create_on(registry)
    upstreams = registry.acting_as(OPERATOR).upstreams
    assert upstreams.health("public").failing_since is None
    assert "status 500" in upstreams.read_page("public", {"url"}).failure
    assert "status 500" in upstreams.health("public").failure


def test_an_upstream_that_gives_a_page_fails_no_longer(
    registry: Registry, upstream: LiveUpstream
) -> None:
    """Readers asked it before it was repaired, and may not ask again for hours."""
    upstream.add(wheel("pip", "1.0"))
    upstream.create_on(registry)
    acting = registry.acting_as(OPERATOR)
    acting.sources.set_sources("main", ["upstream:public"])
    reader = Reader(registry)

    def fail(project: str) -> None:
        upstream.broken = "500 Internal Server Error"
        assert reader.status(project) == 502
        assert acting.upstreams.health("public").failing_since is not None
        upstream.broken = None

    asked: dict[str, Callable[[], object]] = {
        "one": lambda: acting.upstreams.check("public"),
        "other": lambda: acting.upstreams.read_page("public", {"url"}),
    }
    for project, ask in asked.items():
        fail(project)
        ask()
        health = acting.upstreams.health("public")
        assert (health.failing_since, health.failure) == (None, "")
        assert health.answered_at is not None


def test_s5_a_registry_asks_by_the_proxy_of_its_environment(upstream: LiveUpstream) -> None:
    upstream.add(wheel("pip", "1.0"))
    with ForwardProxy() as proxy:
        environment = {"PYPI_REPO_DATABASE": "sqlite://", "PYPI_REPO_BLOBS": "memory://"}
        with Registry(from_mapping({**environment, "HTTP_PROXY": proxy.url})) as registry:
            upstream.create_on(registry)
            registry.acting_as(OPERATOR).upstreams.check("public")
        with Registry(
            from_mapping({**environment, "HTTP_PROXY": proxy.url, "NO_PROXY": "127.0.0.1"})
        ) as registry:
            upstream.create_on(registry)
            registry.acting_as(OPERATOR).upstreams.check("public")
    assert proxy.asked == [f"GET {upstream.url}pip/"]
    assert upstream.pages_asked() == ["pip", "pip"]
