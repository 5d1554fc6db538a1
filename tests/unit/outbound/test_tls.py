"""Certificates are always checked (S5)."""

import shutil
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from pypi_repo.domain.errors import UpstreamFailed, UpstreamRefused
from pypi_repo.domain.values.target import BasicCredentials, Target
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.server.http.tls import tls_context
from tests.support.deployment import write_certificate
from tests.support.scripted_server import reply
from tests.unit.outbound.conftest import Clients, Elsewhere, target_of

Certificate = tuple[Path, ssl.SSLContext]


def test_s5_a_certificate_of_an_own_authority(
    client: OutboundClient, elsewhere: Elsewhere, certificate: Certificate
) -> None:
    server = elsewhere(lambda _asked: reply(b"secret"), tls=certificate[1])
    target = target_of(server, allow_http=False, ca_file=str(certificate[0]))
    for _time in range(2):
        with client.get(target, server.url) as answer:
            assert answer.read_all(10) == b"secret"
    assert server.connections == 1


def test_s5_a_certificate_that_is_not_trusted(
    client: OutboundClient, elsewhere: Elsewhere, certificate: Certificate
) -> None:
    server = elsewhere(tls=certificate[1])
    with pytest.raises(UpstreamFailed, match="certificate is not trusted") as caught:
        client.get(target_of(server), server.url)
    assert "self-signed certificate in certificate chain" in caught.value.for_operator
    assert server.asked == []


def test_s5_a_certificate_for_another_name(
    client: OutboundClient, elsewhere: Elsewhere, certificate: Certificate
) -> None:
    server = elsewhere(tls=certificate[1])
    url = f"https://localhost:{server.port}/"
    with pytest.raises(UpstreamFailed, match="certificate is not trusted") as caught:
        client.get(Target(url=url, allow_private_network=True, ca_file=str(certificate[0])), url)
    assert "localhost" in caught.value.for_operator
    assert server.asked == []


def test_s5_a_certificate_of_yesterday(
    client: OutboundClient, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    place, key = write_certificate(tmp_path, valid=(-3, -2))
    server = elsewhere(tls=tls_context(place, key))
    with pytest.raises(UpstreamFailed, match="certificate is not trusted") as caught:
        client.get(target_of(server, ca_file=str(place)), server.url)
    assert "expired" in caught.value.for_operator


def test_s5_a_ca_file_that_was_changed_is_read_again(
    new_client: Clients, elsewhere: Elsewhere, certificate: Certificate, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other, _key = write_certificate(tmp_path / "other")
    file = tmp_path / "ca.pem"
    shutil.copyfile(other, file)
    server = elsewhere(tls=certificate[1])
    client = new_client()
    with pytest.raises(UpstreamFailed, match="certificate is not trusted"):
        client.get(target_of(server, ca_file=str(file)), server.url)
    shutil.copyfile(certificate[0], file)
    client.get(target_of(server, ca_file=str(file)), server.url).close()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_is_none(
    content: bytes | None, client: OutboundClient, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    server = elsewhere()
    target = Target(
        url=f"https://127.0.0.1:{server.port}/", allow_private_network=True, ca_file=str(file)
    )
    with pytest.raises(UpstreamFailed, match="CA file") as caught:
        client.get(target, target.url)
    assert str(file) not in caught.value.message
    assert str(file) in caught.value.for_operator


def test_s5_connections_with_another_ca_file_are_not_shared(
    client: OutboundClient, elsewhere: Elsewhere, certificate: Certificate
) -> None:
    server = elsewhere(tls=certificate[1])
    client.get(target_of(server, ca_file=str(certificate[0])), server.url).close()
    with pytest.raises(UpstreamFailed, match="certificate is not trusted"):
        client.get(target_of(server), server.url)


def test_a_server_without_tls(client: OutboundClient) -> None:
    def serve() -> None:
        accepted, _address = listening.accept()
        with accepted:
            accepted.sendall(reply(status="400 Bad Request"))
            accepted.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as pool:
        served = pool.submit(serve)
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        with pytest.raises(UpstreamFailed, match="does not speak TLS"):
            client.get(Target(url=url, allow_private_network=True), url)
    served.result()


def test_s3_a_handshake_that_is_not_answered(new_client: Clients) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(UpstreamFailed, match="in time"):
            new_client(connect=0.3).get(Target(url=url, allow_private_network=True), url)


@pytest.mark.parametrize("is_said", [False, True])
def test_f4_the_end_of_an_answer_without_a_size_must_be_said_by_tls(
    is_said: bool, client: OutboundClient, certificate: Certificate
) -> None:
    """Anybody in between can end the connection, but only the server can say so (RFC 8446, 6.1)."""

    def serve() -> None:
        accepted, _address = listening.accept()
        with certificate[1].wrap_socket(accepted, server_side=True) as encrypted:
            encrypted.recv(65536)
            encrypted.sendall(b"HTTP/1.0 200 OK\r\n\r\nnumpy-1.0.tar.gz")
            if is_said:
                with suppress(OSError):  # the client does not say so, too
                    encrypted.unwrap()

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as pool:
        served = pool.submit(serve)
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        target = Target(url=url, allow_private_network=True, ca_file=str(certificate[0]))
        with client.get(target, url) as answer:
            assert answer.read(1000) == b"numpy-1.0.tar.gz"
            if is_said:
                assert answer.read(1000) == b""
            else:
                with pytest.raises(UpstreamFailed, match="before its answer was whole"):
                    answer.read(1000)
    served.result()


@pytest.mark.parametrize("is_allowed", [False, True])
def test_s1_s5_a_redirect_that_leaves_tls(
    is_allowed: bool, client: OutboundClient, elsewhere: Elsewhere, certificate: Certificate
) -> None:
    plain = elsewhere()
    location = f"{plain.url}/simple/x"
    server = elsewhere(
        lambda _asked: reply(status="302 Found", Location=location), tls=certificate[1]
    )
    target = target_of(
        server,
        allow_http=is_allowed,
        ca_file=str(certificate[0]),
        credentials=BasicCredentials("ci", "s3cret"),
        file_hosts=frozenset({f"127.0.0.1:{plain.port}"}),
    )
    if is_allowed:
        client.get(target, f"{server.url}/simple/x").close()
    else:
        with pytest.raises(UpstreamRefused, match="TLS"):
            client.get(target, f"{server.url}/simple/x")
    assert "authorization" in server.asked[0].headers
    assert ["authorization" in each.headers for each in plain.asked] == [False] * is_allowed
