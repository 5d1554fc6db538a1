"""Where the links of a page lead."""

import re
from contextlib import suppress

from pypi_repo.domain.errors import UpstreamRefused
from pypi_repo.domain.upstreams.reading.listing import NoPage
from pypi_repo.domain.values.urls import parse_url

_LONGEST_BASE = 1000  # characters that the URL of each file may repeat
_PLAIN_URL = re.compile(
    r"(https?://[^/?#\s]{1,300}/|/|(?:\.\./){0,9})"
    r"((?:(?!\.|%2e)[\w~!$&'()*+,=@%.-]{1,300}(?:/(?!\Z)|\Z)){1,20})",
    re.ASCII | re.IGNORECASE,
)


class Links:
    """Resolves the URLs of a page.

    page: the URL of the page.
    base: the URL to which others are relative; itself relative to that of the page.
    """

    def __init__(self, page: str, base: str) -> None:
        self._base = parse_url(page)
        if base:
            with suppress(UpstreamRefused):
                self._base = self._base.joined(base)
        if len(str(self._base)) > _LONGEST_BASE:
            raise NoPage(f"its files are at a URL of more than {_LONGEST_BASE:,} characters")
        self._folders: dict[str, str | None] = {}

    def resolved(self, url: str) -> str | None:
        """Returns an absolute HTTP URL without a fragment, or None if there is none."""
        # Nearly all URLs of a page are in one of a few folders, and `joined` is slow.
        if (parts := _PLAIN_URL.fullmatch(url)) is None:
            return self._joined(url) if url else None
        where, rest = parts.groups()
        if where not in self._folders:
            self._folders[where] = self._joined(where or "./")
        folder = self._folders[where]
        return None if folder is None else folder + rest

    def _joined(self, url: str) -> str | None:
        try:
            return str(self._base.joined(url))
        except UpstreamRefused:
            return None
