"""Upstreams: other indexes that the repositories of a registry can have among their sources."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, TypedDict, get_args
from urllib.parse import urlsplit

from pypi_repo.domain.errors import InvalidSetting, UpstreamRefused
from pypi_repo.domain.text import require_storable
from pypi_repo.domain.values.durations import LONGEST, Age
from pypi_repo.domain.values.target import (
    BasicCredentials,
    BearerToken,
    Target,
    parse_file_host,
)
from pypi_repo.domain.values.urls import parse_url

CooldownMode = Literal["off", "audit", "enforce"]
"""Whether files that are too young are offered.

off: they are. audit: they are too, but reports name them. enforce: they are left out.
"""

COOLDOWN_MODES: tuple[CooldownMode, ...] = get_args(CooldownMode)

DEFAULT_FRESH_FOR = 600
_LARGEST = 2**62  # bytes: what a database can count
_LONGEST_URL = 2000  # characters
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}", re.ASCII)


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
        require_storable(self.ca_file or "")
        self._check_credentials()
        for host in self.file_hosts:
            parse_file_host(host)
        limits = (("fresh_for", 0, LONGEST), ("stale_for", 0, LONGEST), ("cache_size", 1, _LARGEST))
        for name, least, most in limits:
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise InvalidSetting(f"The setting {name} must be from {least} to {most}.")
        check_cooldown(self.cooldown, self.cooldown_mode)

    def _check_credentials(self) -> None:
        if self.secret_variable is not None:
            if self.secret is not None or self.username is not None:
                raise InvalidSetting("Credentials are either stored or in a variable, not both.")
            if not _VARIABLE.fullmatch(self.secret_variable):
                raise InvalidSetting(
                    f"{self.secret_variable[:80]!r} is no name of an environment variable; it "
                    "consists of letters, digits and underscores."
                )
        if self.username is not None and not self.username:
            raise InvalidSetting("The user name is empty; write one, or give a token without it.")
        if self.username is not None:
            BasicCredentials(self.username, self.secret or "")
        elif self.secret is not None:
            BearerToken(self.secret)

    @property
    def has_credentials(self) -> bool:
        """Whether requests carry credentials."""
        return self.secret is not None or self.secret_variable is not None

    @property
    def credentials(self) -> str:
        """What credentials there are, for people, without any secret; empty if there are none."""
        if self.secret_variable is not None:
            return f"environment:{self.secret_variable}"
        if self.username is not None:
            return "username + password" if self.secret else "username, but no password"
        return "token" if self.secret else ""

    def keeps_credentials_from(self, url: str) -> bool:
        """Returns whether credentials for this upstream are not for another URL of an index."""
        return not Target(url=self.url).has_credentials_for(parse_url(url))

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
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise InvalidSetting("The URL has credentials; give them by their own settings instead.")
    try:
        scheme = parse_url(url).scheme if len(url) <= _LONGEST_URL else ""
    except UpstreamRefused:
        scheme = ""
    if not scheme:
        raise InvalidSetting("The URL of an index begins with https:// and has a host; check it.")
    if "?" in url or "#" in url or not url.endswith("/"):
        raise InvalidSetting("The URL of an index ends with a slash, without ? and #; check it.")
    if scheme == "http" and not allow_http:
        raise InvalidSetting(
            "The URL is not encrypted; use https://, or allow http for this upstream.",
            setting="allow_http",
        )


def check_cooldown(cooldown: str | None, mode: str | None) -> None:
    """Raises InvalidSetting for an age or a mode that is not valid."""
    if cooldown is not None:
        Age(cooldown)
    if mode is not None and mode not in COOLDOWN_MODES:
        raise InvalidSetting(f"A cooldown mode is one of {', '.join(COOLDOWN_MODES)}.")
