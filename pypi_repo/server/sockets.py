"""The listening sockets of a server."""

import errno
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from ipaddress import ip_address
from typing import Any

from pypi_repo.domain.errors import ConfigurationError

_BACKLOG = 1024
_EVERYWHERE = "*"
_KINDS = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
_THIS_MACHINE = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
_LINGER_NOT = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)  # the C struct linger
_TRIES = 10  # to find one free port for several addresses
_NOT_HERE = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)

_Address = tuple[int, tuple[Any, ...]]  # family; address, port, and for IPv6 two more


def listen(host: str, port: int) -> list[socket.socket]:
    """Opens a non-blocking listening socket for each address of a host, IPv4 and IPv6.

    An address that this machine does not have, such as the IPv6 address of `localhost` on a machine
    without IPv6, is left out if there is another one.

    host: a name or an address; `*` for all addresses of this machine.
    port: the port; 0 for any free one, which is the same for all addresses.

    Raises ConfigurationError if it cannot listen there.
    """
    try:
        addresses = _addresses(host, port)
        if port != 0:
            return _listening(addresses)
        for _ in range(_TRIES - 1):
            try:
                return _listening(addresses)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        return _listening(addresses)
    except (OSError, ValueError) as error:
        raise ConfigurationError(_cannot_listen(error, host, port)) from error


def url_of(sockets: Sequence[socket.socket], scheme: str = "http") -> str:
    """Returns a URL at which the first socket can be reached, with a slash at its end.

    For a socket that listens on all addresses, it contains the name of this machine, or a loopback
    address if the name does not lead to this machine.
    """
    address, port = sockets[0].getsockname()[:2]
    if _has_all_addresses(sockets[0]):
        address = _name_of_machine(sockets) or _THIS_MACHINE[sockets[0].family]
    return f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}/"


def described(sockets: Sequence[socket.socket], scheme: str = "http") -> str:
    """Returns a text with the URLs of all sockets."""
    all_of = [_KINDS[each.family] for each in sockets if _has_all_addresses(each)]
    if all_of:
        return f"{url_of(sockets, scheme)} and all {' and '.join(all_of)} addresses of this machine"
    return " and ".join(url_of([each], scheme) for each in sockets)


def _has_all_addresses(listening: socket.socket) -> bool:
    return ip_address(listening.getsockname()[0]).is_unspecified


def _name_of_machine(sockets: Sequence[socket.socket]) -> str:
    """Returns the name of this machine, or an empty text if it leads to none of the sockets."""
    families = {each.family for each in sockets}
    for name in (socket.getfqdn(), socket.gethostname()):
        if not name.startswith("localhost") and families & _families_of(name):
            return name
    return ""


def _families_of(name: str) -> set[int]:
    try:
        return {family for family, *_rest in socket.getaddrinfo(name, None)}
    except (OSError, ValueError):
        return set()


def reset_at_end(connected: socket.socket | None) -> None:
    """Makes the connection be reset when it is closed, so that the client notices missing data.

    connected: the socket, which may be closed already; None if the connection is lost.
    """
    if connected is not None:
        with suppress(OSError):
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)


def _addresses(host: str, port: int) -> list[_Address]:
    """Returns the addresses of a host without duplicates, in the order of the operating system."""
    name = None if host == _EVERYWHERE else host.removeprefix("[").removesuffix("]")
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, *_kind, address in found))


def _listening(addresses: Sequence[_Address]) -> list[socket.socket]:
    missing: OSError | None = None
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        for family, (host, port, *rest) in addresses:
            chosen = sockets[0].getsockname()[1] if sockets else port
            try:
                bound = _bound(family, (host, chosen, *rest))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
            else:
                sockets.append(stack.enter_context(bound))
        if not sockets and missing is not None:
            raise missing
        for each in sockets:
            each.listen(_BACKLOG)
        stack.pop_all()
    return sockets


def _bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    with ExitStack() as stack:
        bound = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        bound.setblocking(False)
        if os.name == "posix":
            # Elsewhere it would let two servers have the same port.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has its own
        bound.bind(address)
        stack.pop_all()
    return bound


def _cannot_listen(error: Exception, host: str, port: int) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use; choose another one."
    if isinstance(error, OSError) and error.errno == errno.EACCES:
        return f"Port {port} needs more rights; choose one above 1023."
    reason = str(error.strerror or error) if isinstance(error, OSError) else "it is no host name"
    return f"Cannot listen on {host} port {port}: {reason.rstrip('.')}. Choose another address."
