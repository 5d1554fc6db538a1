"""Which addresses of a host are on the public internet, and a connection to no others."""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from time import monotonic
from typing import Any

from pypi_repo.domain.errors import UpstreamRefused

_EMBEDDING = {  # how far from the right end the IPv4 address is
    IPv6Network("::ffff:0:0/96"): 0,  # IPv4-mapped
    IPv6Network("64:ff9b::/96"): 0,  # NAT64
    IPv6Network("2002::/16"): 80,  # 6to4
}
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_TEREDO = IPv6Network("2001::/32")


def is_public(text: str) -> bool:
    """Tells whether an address belongs to one machine on the public internet.

    Private, shared, loopback, link-local, multicast, unspecified and reserved addresses do not, nor
    do those that carry such an IPv4 address within.
    """
    address = _address(text)
    if isinstance(address, IPv6Address):
        return address.is_global and address in _GLOBAL_UNICAST and address not in _TEREDO
    return address.is_global and not (address.is_multicast or address.is_reserved)


def is_link_local(text: str) -> bool:
    """Tells whether an address is one of a link (RFC 3927), or carries such an address within.

    No index has one, but there clouds give their machines credentials.
    """
    return _address(text).is_link_local


def _address(text: str) -> IPv4Address | IPv6Address:
    """Returns an address, or the IPv4 address that it carries within."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        for network, shift in _EMBEDDING.items():
            if address in network:
                return IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address


def connect(host: str, port: int, seconds: float, *, anywhere: bool, called: str) -> socket.socket:
    """Connects to one of the addresses of a host.

    The addresses are looked up once, and one of these very addresses is connected to, so a name
    whose address changes in between gains nothing.

    seconds: the time for all addresses together.
    anywhere: whether addresses that are not on the public internet are connected to as well, but
        for those of a link.
    called: what errors call whoever is there.

    Raises UpstreamRefused for an address that is not, and OSError if no address answers.
    """
    found = _addresses(host, port)
    _require_allowed(host, found, anywhere=anywhere, called=called)
    deadline = monotonic() + seconds
    failed: OSError = OSError(f"{host} has no address")
    for tried, (family, address) in enumerate(found):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(0.001, (deadline - monotonic()) / (len(found) - tried)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failed = error
        else:
            connection.settimeout(seconds)
            return connection
    raise failed


def require_allowed(host: str, port: int, *, anywhere: bool, called: str) -> None:
    """Raises UpstreamRefused if a host has an address that `connect` refuses.

    This is for hosts that only a proxy connects to, and for those that are told so before anything
    is asked of them. A name that cannot be looked up here passes.
    """
    try:
        found = _addresses(host, port)
    except OSError:
        return
    _require_allowed(host, found, anywhere=anywhere, called=called)


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(f"{host} is no name of a host: {error}") from None
    return [(family, address) for family, *_, address in found]


def _require_allowed(
    host: str, found: list[tuple[socket.AddressFamily, Any]], *, anywhere: bool, called: str
) -> None:
    for _family, address in found:
        if is_link_local(address[0]):
            raise UpstreamRefused(
                f"The {called}, or a link of it, leads to a link-local address, which is never "
                f"asked; give the {called} another URL.",
                detail=_where(host, address[0]),
            )
        if not (anywhere or is_public(address[0])):
            raise UpstreamRefused(
                f"The {called}, or a link of it, leads into a private network; the operator of "
                f"the server can allow private networks for the {called}.",
                detail=_where(host, address[0]),
                setting="allow_private_network",
            )


def _where(host: str, address: str) -> str:
    return address if host == address else f"{host} is {address}"
