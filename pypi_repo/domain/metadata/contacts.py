"""E-mail addresses and URLs in core metadata."""

import re
from collections.abc import Iterator
from email.utils import getaddresses
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pypi_repo.domain.errors import InvalidMetadata

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_LONGEST_LABEL = 32
# Up to where the host ends. What is far longer than any host is not split: the standard library
# normalizes it, which takes the square of the number of combining characters.
_WITH_HOST = re.compile(r"[^:/?#]*://[^/?#]{1,300}(?![^/?#])")
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")
# https://pip.pypa.io/en/stable/topics/vcs-support/, and how Git and SSH write it themselves.
_SOURCE = re.compile(
    r"""
    (?: ssh | git | (?: git | hg | svn | bzr ) \+ [a-z]+ ) :// [^\s]+
    | [\w.-]+ @ [\w.-]+ : [^\s]+
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)


def odd_contacts(fields: "RawMetadata") -> Iterator[str]:
    """Yields warnings about addresses that no browser or mail program can open.

    Raises InvalidMetadata for a Project-URL without a valid label, and for text that is not an
    address at all.
    """
    yield from _odd_addresses("Author-email", fields.get("author_email", ""))
    yield from _odd_addresses("Maintainer-email", fields.get("maintainer_email", ""))
    yield from _odd_url("Home-page", fields.get("home_page", ""))
    yield from _odd_url("Download-URL", fields.get("download_url", ""))
    for label, url in fields.get("project_urls", {}).items():
        if not label or len(label) > _LONGEST_LABEL or not url:
            raise InvalidMetadata(
                f"The Project-URL {label[:80]!r} needs a label of at most {_LONGEST_LABEL} "
                "characters and a URL."
            )
        yield from _odd_url("Project-URL", url)


def is_web_url(text: str) -> bool:
    """Returns whether a link to this URL works and is harmless: http or https, with a host."""
    found = _WITH_HOST.match(text)
    try:
        parts = urlsplit(found[0] if found else "")
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _odd_addresses(field: str, value: str) -> Iterator[str]:
    try:
        addresses = [address for _name, address in getaddresses([value]) if address]
    except RecursionError:  # comments within comments, groups within groups
        addresses = [value]
    if addresses and not _ADDRESS.fullmatch(addresses[-1]):
        yield f"{field} {value[:80]!r} is not an e-mail address."


def _odd_url(field: str, value: str) -> Iterator[str]:
    if not value:
        return
    if not is_web_url(value):
        complaint = f"{field} {value[:80]!r} is not an http or https URL."
        if not _SOURCE.fullmatch(value):
            raise InvalidMetadata(complaint)
        yield complaint
