"""Downloads that are redirected to an object store, by the real installers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pypi_repo import Registry, Settings, SignedUrls
from tests.conftest import PASSWORD, USER, populate
from tests.support.addresses import Addresses
from tests.support.clients import Clients
from tests.support.distributions import sdist, wheel
from tests.support.live import LiveServer
from tests.support.nginx import NginxServer, installed_nginx
from tests.support.processes import free_port
from tests.support.publisher import publishing
from tests.support.s3 import S3Server

pytestmark = pytest.mark.skipif(installed_nginx() is None, reason="nginx is not installed")

_RECORDER = """
log_format seen escape=json
    '{{"method": "$request_method", "path": "$uri", "query": "$args", '
    '"authorization": "$http_authorization", "agent": "$http_user_agent"}}';
server {{
    listen 127.0.0.1:{port};
    access_log seen.log seen;
    client_max_body_size 0;
    location / {{ proxy_pass {upstream}; proxy_set_header Host $http_host; }}
}}
"""


@dataclass
class Store:
    """An object store that writes down what it is asked."""

    nginx: NginxServer
    log: Path

    def seen_of(self, agent: str) -> list[dict[str, Any]]:
        """The requests of one client; the store is closed first, so that all are written."""
        self.nginx.close()
        seen = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [request for request in seen if request["agent"].startswith(agent)]


@pytest.fixture
def store(s3: S3Server, tmp_path: Path) -> Iterator[Store]:
    port = free_port()
    recorder = _RECORDER.format(port=port, upstream=s3.url)
    with NginxServer(tmp_path, port, recorder) as nginx:
        yield Store(nginx, tmp_path / "seen.log")


@pytest.fixture
def site(store: Store, s3: S3Server, tmp_path: Path) -> Iterator[Addresses]:
    bucket = s3.create_bucket(f"clients-{tmp_path.name.replace('_', '-')[:40]}")
    options = s3.storage_options
    options["client_kwargs"]["endpoint_url"] = store.nginx.url.replace("127.0.0.1", "localhost")
    settings = Settings(
        database="sqlite://",
        blobs=f"s3://{bucket}/packages",
        blob_options=options,
        files_sent_by=SignedUrls(expires_in=60),
        password_cost=4,
    )
    with Registry(settings) as registry:
        populate(registry)
        with LiveServer(registry.wsgi_app()) as server:
            site = Addresses(server.url, USER, PASSWORD)
            with publishing(*site.target()) as publisher:
                assert publisher.upload(wheel("demo", "1.0", padding=300_000)).status == 200
                assert publisher.upload(sdist("source", "1.0")).status == 200
            yield site


def assert_fetched_without_credentials(requests: list[dict[str, Any]], *filenames: str) -> None:
    assert [request["path"].rpartition("/")[2] for request in requests] == [*filenames]
    for request in requests:
        assert request["method"] == "GET"
        assert "Signature" in request["query"]
        assert request["authorization"] == ""


def test_x59_pip_follows_and_keeps_its_password(
    site: Addresses, store: Store, clients: Clients
) -> None:
    python = clients.venv(clients.home / "venv")
    clients.pip(python, "install", "--index-url", site.index(), "demo")
    assert clients.uv("pip", "freeze", "--python", python).stdout == "demo==1.0\n"
    clients.pip(python, "download", "--no-deps", "--no-build-isolation", "--no-binary", ":all:",
                "--dest", clients.home, "--index-url", site.index(), "source")  # fmt: skip
    assert (clients.home / "source-1.0.tar.gz").read_bytes() == sdist("source", "1.0").content
    files = ("demo-1.0-py3-none-any.whl", "source-1.0.tar.gz")
    assert_fetched_without_credentials(store.seen_of("pip/"), *files)


def test_x59_uv_follows_and_keeps_its_password(
    site: Addresses, store: Store, clients: Clients
) -> None:
    python = clients.venv(clients.home / "venv")
    clients.uv("pip", "install", "--python", python, "--index-url", site.index(), "demo")
    assert clients.uv("pip", "freeze", "--python", python).stdout == "demo==1.0\n"
    assert_fetched_without_credentials(store.seen_of("uv/"), "demo-1.0-py3-none-any.whl")
