"""X-Sendfile: Apache sends the files that the application names."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.conftest import download_path, prepare, publisher_of
from tests.support.distributions import wheel
from tests.support.live import ServeProcess
from tests.support.processes import ServerProcess, free_port

PROGRAM = shutil.which("apache2", path="/usr/sbin:/usr/local/sbin")
MODULES = Path("/usr/lib/apache2/modules")
CONFIGURATION = """
ServerRoot {folder}
ServerName packages.example.com
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
Listen 127.0.0.1:{port}
User www-data
Group www-data
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
LoadModule xsendfile_module {modules}/mod_xsendfile.so
ProxyPass / http://127.0.0.1:{upstream}/
XSendFile on
XSendFilePath {blobs}
"""

pytestmark = pytest.mark.skipif(
    PROGRAM is None or not (MODULES / "mod_xsendfile.so").exists() or os.geteuid() != 0,
    reason="needs Apache with mod_xsendfile, and root, to start it as its own user",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that Apache's user can enter; pytest's own cannot be."""
    folder = Path(tempfile.mkdtemp(prefix="apache-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_the_file_is_sent_by_apache_with_our_headers(folder: Path) -> None:
    dist = wheel("demo", "1.0+local.1", padding=300_000)
    path = download_path(dist)
    data, port = folder / "data", free_port()
    prepared = prepare(
        ["--data", str(data)], f"sqlite:///{data}/registry.db", f"file://{data}/blobs"
    )
    with prepared.start(env={"PYPI_REPO_FILES_SENT_BY": "x-sendfile"}) as server:
        with publisher_of(server) as publisher:
            assert publisher.upload(dist).status == 200
        data.chmod(0o750)  # it was made before anybody else was to send its files
        for place in (data, data / "blobs", *(data / "blobs").rglob("*")):
            shutil.chown(place, group="www-data")
        with apache(folder, port, server) as front, publisher_of(front) as reader:
            whole = reader.get(path)
            part = reader.get(path, Range="bytes=10-19")
            head = reader.request("HEAD", path, {})
            metadata = reader.get(f"{path}.metadata")
    assert (whole.status, whole.body) == (200, dist.content)
    assert (part.status, part.body) == (206, dist.content[10:20])
    assert metadata.body == dist.metadata
    for name in ("ETag", "Cache-Control", "Vary", "Content-Type", "Content-Length",
                 "Accept-Ranges", "Content-Disposition", "Content-Security-Policy"):  # fmt: skip
        assert whole.headers[name] == head.headers[name], name
    assert whole.headers["ETag"] == f'"{dist.sha256}"'
    assert "X-Sendfile" not in whole.headers


def apache(folder: Path, port: int, server: ServeProcess) -> ServerProcess:
    configuration = folder / "apache.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder,
            port=port,
            modules=MODULES,
            upstream=server.port,
            blobs=folder / "data" / "blobs",
        )
    )
    return ServerProcess([str(PROGRAM), "-f", str(configuration), "-DFOREGROUND"], port)
