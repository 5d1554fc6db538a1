"""HTTPS without a proxy, with real certificates and the package clients."""

import json
import shutil
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.conftest import PASSWORD, USER
from tests.serve.conftest import Prepared, assert_one_sentence
from tests.support.clients import Clients, Completed
from tests.support.deployment import write_certificate
from tests.support.distributions import wheel
from tests.support.http import basic
from tests.support.live import ServeProcess
from tests.support.waiting import wait_until

Serve = Callable[..., Completed]

PACKAGE = wheel()


@dataclass(frozen=True)
class Files:
    certificate: Path
    key: Path

    @property
    def options(self) -> list[str]:
        return ["--tls-certificate", str(self.certificate), "--tls-key", str(self.key)]

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def renew(self, folder: Path) -> None:
        folder.mkdir()
        for new, old in zip(write_certificate(folder), (self.certificate, self.key), strict=True):
            shutil.copy(new, old)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(*write_certificate(tmp_path))


@pytest.fixture
def server(prepared: Prepared, files: Files) -> Iterator[ServeProcess]:
    with ServeProcess(*prepared.options, "--workers", "2", *files.options) as server:
        yield server


@contextmanager
def connected(server: ServeProcess, trust: ssl.SSLContext) -> Iterator[HTTPSConnection]:
    connection = HTTPSConnection("127.0.0.1", server.port, timeout=60, context=trust)
    try:
        connection.connect()
        yield connection
    finally:
        connection.close()


def status(connection: HTTPSConnection) -> int:
    connection.request("GET", "/healthz")
    response = connection.getresponse()
    response.read()
    return response.status


def shown(server: ServeProcess) -> str:
    """The certificate that a new connection sees."""
    return ssl.get_server_certificate(("127.0.0.1", server.port), timeout=60)


def test_publish_and_install(
    server: ServeProcess, files: Files, clients: Clients, tmp_path: Path
) -> None:
    url = f"https://127.0.0.1:{server.port}/repositories/main/"
    index = f"https://{USER}:{PASSWORD}@127.0.0.1:{server.port}/repositories/main/simple/"
    dist = tmp_path / PACKAGE.filename
    dist.write_bytes(PACKAGE.content)
    bundle = str(files.certificate)
    trust = {"PIP_CERT": bundle, "REQUESTS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}
    login = ("--username", USER, "--password", PASSWORD)
    clients.twine("upload", "--repository-url", url, *login, dist, env=trust)
    clients.uv("publish", "--publish-url", url, *login, dist, env=trust)
    python = clients.venv(tmp_path / "venv")
    with_pip = tmp_path / "with-pip"
    clients.pip(python, "install", "--index-url", index, "--target", with_pip, "demo", env=trust)
    clients.uv("pip", "install", "--python", python, "--index-url", index, "demo", env=trust)

    with connected(server, files.trust) as connection:
        path = "/repositories/main/pypi/demo/json"
        connection.request("GET", path, headers=basic(USER, PASSWORD))
        document = json.load(connection.getresponse())

    assert document["urls"][0]["url"].startswith(f"{url}files/")
    assert (with_pip / "demo").is_dir()
    assert list((tmp_path / "venv").rglob("site-packages/demo"))
    assert f"Listening on https://127.0.0.1:{server.port}/ " in server.output


def test_the_greeting_says_https(files: Files, tmp_path: Path) -> None:
    with ServeProcess("--data", tmp_path / "data", *files.options) as server:
        assert f"repository = https://127.0.0.1:{server.port}/repositories/main/" in server.output


@pytest.mark.parametrize(
    ("version", "is_spoken"),
    [
        (ssl.TLSVersion.TLSv1_3, True),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_1, False),
    ],
)
def test_no_old_version_is_spoken(
    version: ssl.TLSVersion, is_spoken: bool, server: ServeProcess, files: Files
) -> None:
    trust = files.trust
    trust.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns() if version < ssl.TLSVersion.TLSv1_2 else nullcontext():
        trust.minimum_version = trust.maximum_version = version
    try:
        with connected(server, trust) as connection:
            assert status(connection) == 200
    except ssl.SSLError:
        assert not is_spoken
    else:
        assert is_spoken


def test_who_does_not_speak_it_harms_nobody(server: ServeProcess, files: Files) -> None:
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as silent,
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as plain,
    ):
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with connected(server, files.trust) as connection:
            assert status(connection) == 200
        answer = plain.recv(1000)
        silent.close()

    assert not answer.startswith(b"HTTP/")
    assert server.terminate() == 0
    assert "Traceback" not in server.output


def test_a_renewed_certificate(server: ServeProcess, files: Files, tmp_path: Path) -> None:
    """New connections see it, and old ones go on."""
    before, old_trust = shown(server), files.trust
    with connected(server, old_trust) as old:
        assert status(old) == 200
        files.renew(tmp_path / "renewed")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: shown(server) != before)
        wait_until(lambda: "have taken over" in server.output)
        assert status(old) == 200
    with connected(server, files.trust) as new:
        assert status(new) == 200
    with pytest.raises(ssl.SSLCertVerificationError), connected(server, old_trust):
        pass


def test_a_broken_certificate_changes_nothing(server: ServeProcess, files: Files) -> None:
    workers, trust = set(server.workers), files.trust
    files.certificate.write_text("nonsense")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "Nothing is reloaded." in server.output)
    with connected(server, trust) as connection:
        assert status(connection) == 200

    assert set(server.workers) == workers
    assert f"The file {files.certificate} holds no certificate in PEM format" in server.output
    assert "Put one there, or start with another" in server.output


def with_passphrase(files: Files) -> None:
    key = load_pem_private_key(files.key.read_bytes(), None)
    locked = BestAvailableEncryption(b"secret")
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))


def of_another(files: Files) -> None:
    other = files.key.parent / "other"
    other.mkdir()
    shutil.copy(write_certificate(other)[1], files.key)


def damaged(files: Files) -> None:
    lines = files.certificate.read_text().splitlines()
    files.certificate.write_text("\n".join([*lines[:2], *lines[3:]]))


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda files: files.certificate.unlink(), "cannot be read: No such file or directory"),
        (lambda files: files.key.unlink(), "cannot be read: No such file or directory"),
        (lambda files: files.key.write_text(""), "holds no key in PEM format"),
        (with_passphrase, "has a passphrase"),
        (of_another, "does not belong to the first certificate"),
        (damaged, "cannot be used"),
    ],
)
def test_files_that_cannot_be_used(
    harm: Callable[[Files], object], sentence: str, files: Files, serve: Serve, tmp_path: Path
) -> None:
    harm(files)
    refused = serve("--data", tmp_path / "data", "--port", "0", *files.options)

    assert_one_sentence(refused, sentence)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("number", [0, 2])
def test_one_without_the_other(number: int, files: Files, serve: Serve, tmp_path: Path) -> None:
    refused = serve("--data", tmp_path / "data", *files.options[number : number + 2])

    assert refused.returncode == 2
    assert "--tls-certificate" in refused.stderr
    assert "--tls-key" in refused.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("valid", "warning"), [((-2, -1), "has expired"), ((1, 2), "is not valid yet")]
)
def test_a_certificate_that_is_out_of_date_is_used_with_a_warning(
    valid: tuple[int, int], warning: str, prepared: Prepared, tmp_path: Path
) -> None:
    files = Files(*write_certificate(tmp_path, valid))
    with ServeProcess(*prepared.options, *files.options) as server:
        wait_until(lambda: f"{files.certificate} {warning}" in server.output)


def test_a_key_that_everybody_can_read_is_used_with_a_warning(
    prepared: Prepared, files: Files
) -> None:
    with ServeProcess(*prepared.options, *files.options) as server:
        shown(server)
        assert "chmod" not in server.output
    files.key.chmod(0o644)
    with ServeProcess(*prepared.options, *files.options) as server:
        wait_until(lambda: f"{files.key} can be read by everybody" in server.output)
