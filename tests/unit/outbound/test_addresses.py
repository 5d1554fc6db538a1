"""Which addresses are connected to (S2)."""

import socket
from typing import Any

import pytest

from pypi_repo.domain.errors import UpstreamRefused
from pypi_repo.outbound.addresses import connect, is_link_local, is_public, require_allowed


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "151.101.0.223",
        "2a04:4e42::223",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ],
)
def test_s2_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "100.100.100.200", "0.0.0.0", "0.1.2.3"),
        *("224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "100::1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "64:ff9b::e000:1"),
        *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:a00:1::1", "2002:e000:1::"),
        *("2001:0:7f00:1::1", "2001:db8::1", "2001:10::1", "4000::1", "::ffff:0:127.0.0.1"),
    ],
)
def test_s2_addresses_of_no_machine_on_the_internet(address: str) -> None:
    assert not is_public(address)


LINK_LOCAL = [
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254"),
    *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
]


@pytest.mark.parametrize("address", LINK_LOCAL)
def test_s2_a_link_local_address_is_that_of_no_index(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is allowed: there, clouds give the credentials of a machine to who asks."""
    assert is_link_local(address)
    answers_with(monkeypatch, ["127.0.0.1", address], ["127.0.0.1", address])
    with pytest.raises(UpstreamRefused, match="link-local"):
        connect("metadata.example", 1, 5, anywhere=True, called="upstream")
    with pytest.raises(UpstreamRefused, match="link-local"):
        require_allowed("metadata.example", 1, anywhere=True, called="upstream")


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "::1", "fd00::1", "8.8.8.8"])
def test_s2_private_addresses_are_not_those_of_a_link(address: str) -> None:
    assert not is_link_local(address)


@pytest.fixture
def listening() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def answers_with(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Looks names up as told, one answer after the other; returns what was looked up."""
    looked_up: list[str] = []
    left = list(answers)

    def look_up(host: str, port: int, **_more: Any) -> list[Any]:
        looked_up.append(host)
        found = left.pop(0)
        families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in found]
        kind = socket.SOCK_STREAM
        return [
            (family, kind, 6, "", (each, port))
            for family, each in zip(families, found, strict=True)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return looked_up


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0"]
)
def test_s2_loopback_by_any_name_is_not_connected_to(host: str, listening: socket.socket) -> None:
    with pytest.raises(UpstreamRefused, match="private network"):
        connect(host, listening.getsockname()[1], 5, anywhere=False, called="upstream")
    listening.setblocking(False)
    with pytest.raises(BlockingIOError):  # nobody came
        listening.accept()


def test_s2_the_address_that_was_checked_is_the_one_that_is_connected_to(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that has another address a moment later gains nothing: it is looked up once."""
    looked_up = answers_with(monkeypatch, ["127.0.0.1"])
    connect(
        "rebound.example", listening.getsockname()[1], 5, anywhere=True, called="upstream"
    ).close()
    assert looked_up == ["rebound.example"]


@pytest.mark.parametrize("found", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["::1"]])
def test_s2_one_private_address_among_others_is_enough(
    found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers_with(monkeypatch, found, found)
    with pytest.raises(UpstreamRefused) as caught:
        connect("mixed.example", 1, 5, anywhere=False, called="upstream")
    assert "mixed.example" not in caught.value.message
    assert "mixed.example" in caught.value.for_operator
    with pytest.raises(UpstreamRefused):
        require_allowed("mixed.example", 1, anywhere=False, called="upstream")


def test_the_next_address_is_tried(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        closed = unused.getsockname()[1]
    answers_with(monkeypatch, ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"])
    with pytest.raises(ConnectionRefusedError):
        connect("both.example", closed, 5, anywhere=True, called="upstream")
    with connect(
        "both.example", listening.getsockname()[1], 5, anywhere=True, called="upstream"
    ) as connected:
        assert connected.gettimeout() == 5  # for TLS, however little was left to connect


def test_s3_all_addresses_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are of which none answers."""
    waits: list[float | None] = []

    class Silent(socket.socket):
        def connect(self, _address: Any) -> None:
            waits.append(self.gettimeout())
            raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "socket", Silent)
    answers_with(monkeypatch, ["127.0.0.1"] * 50)
    with pytest.raises(TimeoutError):
        connect("many.example", 1, 10, anywhere=True, called="upstream")
    assert len(waits) == 50
    assert max(each or 0 for each in waits[:5]) < 1


def test_a_name_that_cannot_be_one_is_not_found() -> None:
    with pytest.raises(socket.gaierror):
        connect(f"{'a' * 64}.example", 1, 1, anywhere=True, called="upstream")


def test_a_name_that_is_not_known_here_is_left_to_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*_arguments: Any, **_more: Any) -> Any:
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    require_allowed("only-known-to-the-proxy.example", 443, anywhere=False, called="upstream")
