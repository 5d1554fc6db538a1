"""URLs of other indexes, read once and strictly, so that who checks and who asks see the same."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import quote, unquote, urljoin, urlsplit

from pypi_repo.domain.errors import UpstreamRefused

DEFAULT_PORTS = {"http": 80, "https": 443}
UPSTREAM = "upstream"
"""What errors call whoever is asked, unless they are told another word."""

_LONGEST = 8192  # characters
_HOST = re.compile(r"(?!.*\.\.)[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\\]")
_ENCODED_DOT = re.compile("%2e", re.IGNORECASE)
_LEFT_AS_THEY_ARE = "/:@!$&'()*+,;=~%?-._"


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute HTTP URL in its one normal form, without user information and fragment.

    host: in lower case, in the encoding of the DNS (IDNA); an IPv6 address has no brackets.
    path: the path, whose segments `.` and `..` are resolved.
    query: what is after the question mark; None if there is no question mark.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str | None = None

    @property
    def netloc(self) -> str:
        """The host, and the port if it is not the usual one of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """What a request to the host asks for (RFC 9112, section 3.2.1)."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def shown(self) -> str:
        """The URL for logs: without the query, which is the secret part of a signed URL."""
        return f"{self.scheme}://{self.netloc}{self.path}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.target}"

    def joined(self, reference: str, called: str = UPSTREAM) -> "Url":
        """Returns the URL to which a reference on the page of this URL leads.

        called: what errors call whoever has sent the reference.

        Raises UpstreamRefused if it leads to nothing that can be asked for by HTTP.
        """
        try:
            return parse_url(urljoin(str(self), reference), called)
        except ValueError as error:  # of urljoin, for brackets that hold no address
            raise _no_url(str(error), called) from None

    def is_below(self, folder: "Url") -> bool:
        """Tells whether this URL has the scheme, the host and the port of a folder and is in it.

        Whoever decodes the path once more must not get out of the folder either: `%2e%2e%2f`, a
        backslash and `..;` count as ways up, however often they are encoded.
        """
        if (self.scheme, self.host, self.port) != (folder.scheme, folder.host, folder.port):
            return False
        root = folder.path if folder.path.endswith("/") else f"{folder.path}/"
        if self.path != folder.path and not self.path.startswith(root):
            return False
        segments = re.split(r"[/\\]", _decoded(self.path[len(root) :]))
        return not any(segment.partition(";")[0] in (".", "..") for segment in segments)


def parse_url(text: str, called: str = UPSTREAM) -> Url:
    """Parses an absolute URL. A space or another character that a path may not hold is encoded.

    called: what errors call whoever is at the URL.

    Raises UpstreamRefused if it is none that can be asked for by HTTP, or has user information.
    """
    if len(text) > _LONGEST or _UNSEEN.search(text):
        raise _no_url("it is too long, or has control characters or backslashes", called)
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError as error:
        raise _no_url(str(error), called) from None
    if "@" in parts.netloc:
        raise UpstreamRefused(
            f"The URL of the {called} has a user name or a password in it; take them out of the "
            "URL, and give them by themselves.",
            detail=f"at {host[:200]}",
            setting="credentials",
        )
    is_name_in_brackets = "[" in parts.netloc and ":" not in host
    if scheme not in DEFAULT_PORTS or not host or port == 0 or is_name_in_brackets:
        raise _no_url(f"{text[:100]!r} is not like https://HOST/PATH/", called)
    path = quote(_without_dots(parts.path or "/"), _LEFT_AS_THEY_ARE)
    query = quote(parts.query, _LEFT_AS_THEY_ARE + "[]") if parts.query else None
    return Url(scheme, normal_host(host, called), port or DEFAULT_PORTS[scheme], path, query)


def normal_host(host: str, called: str = UPSTREAM) -> str:
    """Returns a name or an address in the form in which hosts are compared.

    called: what errors call whoever is there.

    Raises UpstreamRefused if it is neither.
    """
    try:
        if ":" in host and "%" not in host:  # which would name an interface of this machine
            return str(IPv6Address(host))
        name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except ValueError:
        name = ""
    if not _HOST.fullmatch(name):
        raise _no_url(f"{host[:100]!r} is no host", called)
    return name


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4; an encoded dot is a dot (section 6.2.2.2)."""
    segments: list[str] = []
    *folders, last = _ENCODED_DOT.sub(".", path).removeprefix("/").split("/")
    for segment in folders:
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    if last == "..":
        del segments[-1:]
    kept = "" if last in (".", "..") else last
    return "/" + "".join(f"{segment}/" for segment in segments) + kept


def _decoded(path: str) -> str:
    while (once_more := unquote(path)) != path:
        path = once_more
    return path


def _no_url(why: str, called: str) -> UpstreamRefused:
    return UpstreamRefused(
        f"The {called}, or a link on its pages, has a URL that cannot be asked for; correct the "
        f"URL of the {called}, or tell who runs it.",
        detail=why,
    )
