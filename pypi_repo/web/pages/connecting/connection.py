"""A repository as package clients are told of it, and the lines that tell them."""

import json
import shlex
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

TERMINAL = "Terminal"
PASSWORD = "YOUR-PASSWORD"  # noqa: S105 - stands for one
PROJECT = "PROJECT"
IN_URLS = "In a URL, write @ of a password as %40, : as %3A and / as %2F."


@dataclass(frozen=True, slots=True)
class Snippet:
    """Some lines to paste.

    place: the file that they belong into, or `Terminal` for commands.
    note: a sentence about them; empty if they need none.
    publishes: whether they are of no use to those who only install.
    """

    place: str
    text: str
    note: str = ""
    publishes: bool = False


def host_without_tls(url: str) -> str:
    """Returns the host that pip must be told to trust; empty with TLS, and for this machine."""
    parts = urlsplit(url)
    host = str(parts.hostname)
    return "" if parts.scheme == "https" or _is_loopback(host) else host


def _is_loopback(host: str) -> bool:
    """What pip trusts without TLS: nobody listens between a machine and itself."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def pip_install(index: str, *, more: str = "") -> str:
    """Returns the beginning of a command of pip, before what is to be installed.

    index: the URL of the index, absolute.
    more: further options, with a space after them.
    """
    trust = host_without_tls(index) and f"--trusted-host {host_without_tls(index)} "
    return f"pip install {trust}{more}--index-url {index}"


class Connection:
    """A repository and its user, in the spellings that the clients want.

    name: the name of the repository.
    url: where it is published to; absolute, with its last slash.
    user: the repository user.
    index: the URL of its index, absolute.
    publishes: whether the user can publish.
    """

    def __init__(self, name: str, url: str, user: str, index: str, publishes: bool) -> None:
        parts = urlsplit(index)
        self.name = name
        self.url = url
        self.index = index
        self.user = user
        self.publishes = publishes
        self.user_in_shell = shlex.quote(user)
        self.user_in_yaml = user if user.replace("-", "").isalnum() else json.dumps(user)
        self.netloc = parts.netloc
        self.hostname = str(parts.hostname)
        self.trusted = host_without_tls(index)
        self.variable = "".join(c if c.isalnum() else "_" for c in name).upper()
        self._scheme, self._path = parts.scheme, parts.path

    @property
    def with_user(self) -> str:
        """The URL of the index with the user in it."""
        return f"{self._scheme}://{quote(self.user, safe='')}@{self.netloc}{self._path}"

    def with_variables(self, user: str, password: str) -> str:
        """Returns the URL of the index with the names of two variables for user and password."""
        return f"{self._scheme}://${{{user}}}:${{{password}}}@{self.netloc}{self._path}"

    def with_login(self, password: str = PASSWORD) -> str:
        """Returns the URL of the index with the user and a password, or what stands for it."""
        return f"{self._scheme}://{quote(self.user, safe='')}:{password}@{self.netloc}{self._path}"
