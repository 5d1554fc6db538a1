"""`serve` behind nginx, which streams bodies in both directions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.conftest import addresses, publisher_of
from tests.support.addresses import with_credentials
from tests.support.clients import Clients
from tests.support.distributions import wheel
from tests.support.example_docs import ROOT
from tests.support.live import ServeProcess
from tests.support.markdown import blocks
from tests.support.nginx import NginxServer, balanced, installed_nginx
from tests.support.processes import free_port

pytestmark = pytest.mark.skipif(installed_nginx() is None, reason="nginx is not installed")


@pytest.fixture
def nginx(server: ServeProcess, tmp_path: Path) -> Iterator[NginxServer]:
    port = free_port()
    with NginxServer(tmp_path, port, balanced(port, [server.port])) as nginx:
        yield nginx


def test_publish_and_install(nginx: NginxServer, clients: Clients, tmp_path: Path) -> None:
    site = addresses(nginx)
    clients.publish_with_twine(*site.target(), wheel("demo", "1.0").save(tmp_path))
    python = clients.venv(tmp_path / "venv")
    clients.pip(python, "install", "--index-url", site.index(), "demo")
    assert clients.uv("pip", "freeze", "--python", python).stdout == "demo==1.0\n"


def test_a_refusal_keeps_its_sentence(nginx: NginxServer) -> None:
    with publisher_of(nginx) as publisher:
        assert publisher.upload(wheel()).status == 200
        answer = publisher.upload(wheel(files={"demo/new.py": b""}))
    assert answer.status == 409
    assert "already exists" in answer.reason
    assert "already exists" in answer.text


def test_old_urls(server: ServeProcess, clients: Clients, tmp_path: Path) -> None:
    """I5: as the page about moving here has it, clients keep the URLs of the server before."""
    page = ROOT / "docs/how-to/move-here.md"
    (locations,) = (block.text for block in blocks(page) if block.language == "nginx")
    here = locations.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
    port = free_port()
    site = f"server {{ listen 127.0.0.1:{port}; client_max_body_size 4g; {here} }}"
    with NginxServer(tmp_path, port, site) as nginx:
        account = addresses(server)
        for name, upload, index in [
            ("of-pypiserver", "/", "/simple/"),
            ("of-devpi", "/root/pypi/", "/root/pypi/+simple/"),
        ]:
            target = (nginx.url + upload, account.user, account.password)
            clients.publish_with_twine(*target, wheel(name).save(tmp_path))
            place = with_credentials(nginx.url + index, account.user, account.password)
            python = clients.venv(tmp_path / name)
            clients.pip(python, "install", "--index-url", place, name)
            installed = clients.uv("pip", "freeze", "--python", python).stdout
            assert installed == f"{name}==1.0\n"
