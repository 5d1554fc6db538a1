"""What may be asked of an index elsewhere, and how."""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from pypi_repo.domain.errors import InvalidSetting, UpstreamRefused
from pypi_repo.domain.values.urls import DEFAULT_PORTS, UPSTREAM, Url, normal_host, parse_url

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")  # RFC 7617, section 2
_INDEX_FOLDER = re.compile(r"/\+?simple/?$")

_parsed = lru_cache(256)(parse_url)  # targets are made for each request, of a few upstreams


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """A name and a password (RFC 7617). The password is in no repr()."""

    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        if ":" in self.username:
            raise InvalidSetting("A user name to sign in elsewhere has no colon; leave it out.")
        if _CONTROLS.search(self.username + self.password):
            raise InvalidSetting(
                "A user name or a password to sign in elsewhere has control characters; leave "
                "them out."
            )

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {b64encode(pair).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token (RFC 6750). It is in no repr()."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", self.token):
            raise InvalidSetting(
                "A token to sign in elsewhere consists of ASCII characters without spaces; check "
                "it."
            )

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Bearer {self.token}"


@dataclass(frozen=True, kw_only=True)
class Target:
    """Somebody elsewhere, mostly an index: what may be asked of it, and how.

    url: the root of its simple index, which ends with a slash.
    credentials: what it asks for. They are sent to URLs in the folder that holds the simple index
        and to no others: where the index is `/repositories/main/simple/`, its files are usually in
        `/repositories/main/files/`.
    file_hosts: hosts, or hosts and ports such as `files.example.com:8443`, to which its links and
        redirects may lead, besides its own.
    allow_http: whether it is asked without TLS, where its URL or a link says so.
    allow_private_network: whether it, and the hosts of its files, may have addresses that are not
        on the public internet.
    ca_file: the path of a file of certificates in PEM format, which are trusted instead of those
        of the system.
    called: what errors call it, such as `upstream` or `receiver`.
    """

    url: str
    credentials: BasicCredentials | BearerToken | None = None
    file_hosts: frozenset[str] = frozenset()
    allow_http: bool = False
    allow_private_network: bool = False
    ca_file: str | None = None
    called: str = UPSTREAM

    @cached_property
    def root(self) -> Url:
        """The URL, parsed. Raises UpstreamRefused if it cannot be asked for."""
        return _parsed(self.url, self.called)

    def authorization_for(self, url: Url) -> str | None:
        """Returns the Authorization header for a URL, None if it gets no credentials."""
        if self.credentials is None or not self.has_credentials_for(url):
            return None
        return self.credentials.header

    def has_credentials_for(self, url: Url) -> bool:
        """Returns whether a URL is one to which credentials are sent, if there are any."""
        return url.is_below(self._folder)

    def require_allowed(self, url: Url) -> None:
        """Raises UpstreamRefused if the settings do not allow to ask for a URL."""
        if url.scheme != "https" and not self.allow_http:
            raise UpstreamRefused(
                f"The {self.called}, or a link of it, has a URL without TLS; use https, or allow "
                f"http for the {self.called}.",
                detail=url.shown,
                setting="allow_http",
            )
        if (url.host, url.port) not in self._places | {
            (host, DEFAULT_PORTS[url.scheme]) for host in self._hosts
        }:
            raise UpstreamRefused(
                f"A link of the {self.called} leads to a host that is none of its own; an "
                f"administrator can add the host to the file hosts of the {self.called}.",
                detail=f"the host is {url.netloc}, for {url.shown}",
                setting="file_hosts",
            )

    @cached_property
    def _folder(self) -> Url:
        path = _INDEX_FOLDER.sub("/", self.root.path)
        return Url(self.root.scheme, self.root.host, self.root.port, path)

    @cached_property
    def _hosts(self) -> frozenset[str]:
        """That are asked at the usual port."""
        return frozenset({self.root.host, *(host for host, port in self._listed if not port)})

    @cached_property
    def _places(self) -> frozenset[tuple[str, int]]:
        return frozenset({(self.root.host, self.root.port), *self._listed})

    @cached_property
    def _listed(self) -> frozenset[tuple[str, int]]:
        return frozenset(parse_file_host(text) for text in self.file_hosts)


def parse_file_host(text: str) -> tuple[str, int]:
    """Parses `files.example.com`, `files.example.com:8443` or `[2001:db8::1]:8443`.

    Returns the host and the port, 0 if there is none.

    Raises InvalidSetting for any other text.
    """
    match = re.fullmatch(
        r"(?:\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]|([^\[\]@/:]+))(?::([0-9]{1,5}))?", text
    )
    try:
        if match and int(match[3] or 1) in range(1, 65536):
            return normal_host(match[1] or match[2]), int(match[3] or 0)
    except UpstreamRefused:
        pass
    raise InvalidSetting(
        f"{text[:100]!r} is no host of files; write it like files.example.com or "
        "files.example.com:8443."
    )
