"""Upstreams: other indexes that the repositories of a registry can have among their sources."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, TypedDict, get_args
from urllib.parse import urlsplit

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.text import require_storable
from pypi_repo.domain.upstreams.durations import Age

CooldownMode = Literal["off", "audit", "enforce"]
"""Whether files that are too young are offered.

off: they are. audit: they are too, but reports name them. enforce: they are left out.
"""

COOLDOWN_MODES: tuple[CooldownMode, ...] = get_args(CooldownMode)

DEFAULT_FRESH_FOR = 600
_LARGEST = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """The settings of an upstream.

    url: the root of its simple index (PEP 503), which ends with a slash.
    username: the user name for HTTP Basic authentication; None if there is none.
    secret: the password, or without `username` a bearer token; None if there is none.
    secret_variable: the environment variable that has `USERNAME:PASSWORD` or a bearer token, so
        that no secret is stored; None if there is none.
    file_hosts: other hosts, as HOST or HOST:PORT, from which its files may be fetched.
    fresh_for: for how many seconds a page is used before the upstream is asked again.
    stale_for: for how many seconds after that a page is used while the upstream does not answer;
        None for as long as needed.
    cache_size: the size of all cached files together, in bytes; None for no limit.
    allow_http: whether it may be reached without encryption.
    allow_private_network: whether it may have private and local addresses.
    ca_file: the path of a file with the certificates of the authorities to trust; None for the
        usual ones.
    offline: whether nothing is asked of it, so that there is only what was fetched before.
    cooldown: how old files must be, as `3d`, or the date before which they must have been uploaded;
        None for any age.
    cooldown_mode: what happens to files that are too young.
    first_seen: whether a file without an upload time counts as uploaded when it was first seen.
    """

    url: str = ""
    username: str | None = None
    secret: str | None = field(default=None, repr=False)
    secret_variable: str | None = None
    file_hosts: tuple[str, ...] = ()
    fresh_for: int = DEFAULT_FRESH_FOR
    stale_for: int | None = None
    cache_size: int | None = None
    allow_http: bool = False
    allow_private_network: bool = False
    ca_file: str | None = None
    offline: bool = False
    cooldown: str | None = None
    cooldown_mode: CooldownMode = "off"
    first_seen: bool = False

    def check(self) -> None:
        """Raises InvalidSetting for an invalid value, or for values that contradict each other."""
        check_index_url(self.url, allow_http=self.allow_http)
        for name in ("username", "secret", "secret_variable", "ca_file"):
            require_storable(getattr(self, name) or "")
        if self.secret_variable is not None and (self.secret or self.username):
            raise InvalidSetting("Credentials are either stored or in a variable, not both.")
        if self.username is not None and (not self.username or ":" in self.username):
            raise InvalidSetting("The user name is empty or has a colon; check it.")
        for host in self.file_hosts:
            check_host(host)
        for name in ("fresh_for", "stale_for", "cache_size"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < _LARGEST:
                raise InvalidSetting(f"The setting {name} must not be negative.")
        check_cooldown(self.cooldown, self.cooldown_mode)

    def settings(self) -> dict[str, Any]:
        """Returns the values by their names, without the other fields of an `Upstream`."""
        return {name: getattr(self, name) for name in UPSTREAM_SETTINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream(UpstreamSettings):
    """An index elsewhere.

    It belongs to the registry, so several repositories share what was fetched.
    """

    id: int
    name: str
    created_at: datetime

    @property
    def has_credentials(self) -> bool:
        """Whether requests carry credentials."""
        return self.secret is not None or self.secret_variable is not None

    @property
    def host(self) -> str:
        """The host of the index, for people."""
        return urlsplit(self.url).netloc


class GivenUpstreamSettings(TypedDict, total=False):
    """Settings of an upstream of which each may be left out; UpstreamSettings describes them."""

    url: str
    username: str | None
    secret: str | None
    secret_variable: str | None
    file_hosts: tuple[str, ...]
    fresh_for: int
    stale_for: int | None
    cache_size: int | None
    allow_http: bool
    allow_private_network: bool
    ca_file: str | None
    offline: bool
    cooldown: str | None
    cooldown_mode: CooldownMode
    first_seen: bool


UPSTREAM_SETTINGS: Mapping[str, Any] = {each.name: each.type for each in fields(UpstreamSettings)}
"""Name -> type."""

SECRET_SETTINGS = frozenset({"secret"})
"""Settings that no answer, log, journal or backup contains."""


def index_url(text: str) -> str:
    """Returns a URL with the slash at its end that the root of an index has."""
    return text if text.endswith("/") else f"{text}/"


def check_index_url(url: str, *, allow_http: bool) -> None:
    """Raises InvalidSetting unless an index can have this URL."""
    require_storable(url)
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise InvalidSetting("The URL of the index cannot be read; check it.") from None
    if parts.scheme not in ("http", "https") or not host or len(url) > 2000:
        raise InvalidSetting("The URL of an index begins with https:// and has a host; check it.")
    if "@" in parts.netloc:
        raise InvalidSetting("The URL has credentials; give them by their own settings instead.")
    if parts.query or parts.fragment or not parts.path.endswith("/"):
        raise InvalidSetting("The URL of an index ends with a slash, without ? and #; check it.")
    if parts.scheme == "http" and not allow_http:
        raise InvalidSetting(
            "The URL is not encrypted; use https://, or allow http for this upstream."
        )


def check_host(host: str) -> None:
    """Raises InvalidSetting unless a text is a host, possibly with a port."""
    try:
        parts = urlsplit(f"//{host}")
        is_host = bool(parts.hostname) and parts.netloc == host and "@" not in host
        _port = parts.port
    except ValueError:
        is_host = False
    if not is_host or any(char.isspace() or not char.isprintable() for char in host):
        raise InvalidSetting(f"{host[:80]!r} is no host; write it like files.example.com.")


def check_cooldown(cooldown: str | None, mode: str | None) -> None:
    """Raises InvalidSetting for an age or a mode that is not valid."""
    if cooldown is not None:
        Age(cooldown)
    if mode is not None and mode not in COOLDOWN_MODES:
        raise InvalidSetting(f"A cooldown mode is one of {', '.join(COOLDOWN_MODES)}.")
