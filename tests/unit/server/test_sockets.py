"""Where a server listens."""

import socket
from urllib.parse import urlsplit

import pytest

from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.server.sockets import described, listen, url_of


def close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "*", "::1", "[::1]"])
def test_every_address_on_one_port(host: str) -> None:
    if "::" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    sockets = listen(host, 0)
    try:
        ports = {each.getsockname()[1] for each in sockets}
        for each in sockets:
            address = "127.0.0.1" if each.family == socket.AF_INET else "::1"
            socket.create_connection((address, *ports), timeout=5).close()
            connection, _client = each.accept()
            connection.close()
            with pytest.raises(BlockingIOError):
                each.accept()
    finally:
        close(sockets)

    assert len(ports) == 1


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "https://127.0.0.1:{}/"), ("::1", "https://[::1]:{}/")]
)
def test_url(host: str, url: str) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    sockets = listen(host, 0)
    try:
        assert url_of(sockets, "https") == url.format(sockets[0].getsockname()[1])
    finally:
        close(sockets)


@pytest.mark.parametrize(
    ("host", "kinds"), [("*", "IPv4 and IPv6"), ("0.0.0.0", "IPv4"), ("[::]", "IPv6")]
)
def test_all_addresses_have_a_url_that_leads_here(host: str, kinds: str) -> None:
    """Nobody can connect to 0.0.0.0 from elsewhere, and no certificate is for it."""
    if "IPv6" in kinds and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    sockets = listen(host, 0)
    try:
        url = urlsplit(url_of(sockets, "https"))
        assert url.hostname not in ("0.0.0.0", "::", "localhost")
        socket.create_connection((url.hostname, url.port), timeout=5).close()
        said = described(sockets, "https")
    finally:
        close(sockets)

    assert said == f"{url.geturl()} and all {kinds} addresses of this machine"


def test_each_address_of_a_name_is_told() -> None:
    sockets = listen("localhost", 0)
    try:
        said = described(sockets)
        port = sockets[0].getsockname()[1]
        assert sorted(said.split(" and ")) == sorted(url_of([each]) for each in sockets)
    finally:
        close(sockets)

    assert f"http://127.0.0.1:{port}/" in said


def test_everywhere_is_both_kinds_of_addresses() -> None:
    sockets = listen("*", 0)
    families = {each.family for each in sockets}
    close(sockets)

    assert families == {socket.AF_INET, *([socket.AF_INET6] if has_ipv6() else [])}


def test_a_port_in_use_closes_what_it_opened() -> None:
    """With `ResourceWarning` as an error, a socket left open would fail this test."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for host in ("127.0.0.1", "*", "localhost"):
            with pytest.raises(ConfigurationError, match=f"Port {port} on .* is in use"):
                listen(host, port)


def test_a_port_is_free_at_once_when_a_server_ends() -> None:
    """Although connections of it still wait for their last packets."""
    sockets = listen("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)):
        connection, _client = sockets[0].accept()
        connection.close()
        close(sockets)
        close(listen("127.0.0.1", port))


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "192.0.2.1", "a" * 70, ".", "127.0.0.1:80", "2001:db8::1"]
)
def test_an_impossible_host(host: str) -> None:
    with pytest.raises(ConfigurationError, match="another address") as refused:
        listen(host, 0)

    assert "[Errno" not in refused.value.message
