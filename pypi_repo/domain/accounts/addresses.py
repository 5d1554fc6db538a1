"""Network addresses, as far as they distinguish clients."""

from ipaddress import IPv6Address, ip_address


def network_of(address: str) -> str:
    """Returns the network that one client can use.

    This is the IPv4 address itself, or the /64 network of an IPv6 address.

    A text that is not an address, such as that of a Unix socket, is returned unchanged.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or f"{int(parsed) >> 64:x}::/64")
