"""Addresses on the network, as far as they tell one client from another."""

from ipaddress import IPv6Address, ip_address


def network_of(address: str) -> str:
    """What one client can have: an IPv4 address, or the /64 that any IPv6 line is given.

    What is no address, as of a socket without one, stays as it is.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or f"{int(parsed) >> 64:x}::/64")
