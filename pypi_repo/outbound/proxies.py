"""Which requests go through a proxy."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from pypi_repo.domain.errors import UpstreamFailed, UpstreamRefused
from pypi_repo.domain.values.urls import Url, parse_url
from pypi_repo.outbound.route import Route


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy for requests to elsewhere.

    headers: what it is sent besides requests: its credentials.
    """

    url: Url
    headers: Mapping[str, str] = field(repr=False)


class Proxies:
    """The proxies of a machine.

    settings: the URL of the proxy for each scheme, `http` and `https`; and as `no` the hosts that
        are asked without one, separated by commas: names, which stand for all names below them as
        well, addresses, networks such as `10.0.0.0/8`, each possibly with a port, or `*` for all.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._exceptions = [
            entry for each in settings.get("no", "").split(",") if (entry := each.strip().lower())
        ]

    def for_route(self, route: Route) -> Proxy | None:
        """Returns the proxy for a route, None if the host is asked directly.

        Raises UpstreamFailed if the setting is no URL of a proxy.
        """
        text = self._settings.get(route.scheme)
        if not text or any(_covers(entry, route.host, route.port) for entry in self._exceptions):
            return None
        return _parsed(text)


def _parsed(text: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        place = parts.netloc.rpartition("@")[2]
        url = parse_url(f"{parts.scheme}://{place}")
    except (ValueError, UpstreamRefused):
        raise UpstreamFailed(
            "The proxy for requests to elsewhere is none that can be used; correct the settings.",
            detail="the URL of a proxy is like http://proxy.example.com:3128",
        ) from None
    if parts.username is None:
        return Proxy(url, {})
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return Proxy(url, {"Proxy-Authorization": f"Basic {b64encode(pair).decode('ascii')}"})


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, colon, number = entry.rpartition(":")
    if colon and number.isdecimal() and (":" not in name or name.startswith("[")):
        return port == int(number) and _covers(name, host, port)
    try:
        address = ip_address(host)
    except ValueError:
        name = entry.lstrip(".")
        return host == name or host.endswith(f".{name}")
    try:
        return address in ip_network(entry.strip("[]"), strict=False)
    except ValueError:  # a name
        return False
