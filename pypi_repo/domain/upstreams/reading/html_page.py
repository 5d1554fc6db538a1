"""Reads pages of projects in HTML (PEP 503 and 833), from indexes that have nothing else."""

import codecs
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

from pypi_repo.domain.filenames import split_ending
from pypi_repo.domain.upstreams.reading.listing import (
    Entry,
    Listing,
    NoPage,
    require_at_most,
    require_known_version,
)

_TAGS_OF_A_FILE = 10  # more than any index needs to show one
_TAGS_OF_A_PAGE = 10_000

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.ASCII | re.IGNORECASE)
# Python knows others, some of which are no encodings of text and some of which are slow.
_ENCODING = re.compile(
    r"utf-?8|iso-?8859-\d+|latin-?1|windows-125\d|koi8-[ru]|gb2312|gbk|gb18030|big5|shift_jis|"
    r"euc-(?:jp|kr)",
    re.ASCII | re.IGNORECASE,
)
_BEGINNING = 1024  # bytes, in which HTML wants its encoding to be named


def read(body: bytes, content_type: str, max_files: int) -> Listing:
    """Reads the HTML document that a page is.

    content_type: the Content-Type with which it came, for the encoding.

    Raises NoPage.
    """
    require_at_most(max_files * _TAGS_OF_A_FILE + _TAGS_OF_A_PAGE, body.count(b"<"), "tags")
    document = _Document(max_files)
    try:
        # All at once, and without close(): HTMLParser then stops at the first construct that does
        # not end. It would otherwise go over the rest again for each of them.
        document.feed(_text(body, content_type))
    except NoPage:
        raise
    except (AssertionError, ValueError) as error:  # of HTMLParser
        raise NoPage("it is not valid HTML") from error
    if "<" in document.rawdata:
        raise NoPage("it ends in the middle of a tag or comment")
    metas = document.metas
    if not document.entries and "pypi:repository-version" not in metas:
        # Such as the form of a proxy that asks for a password.
        raise NoPage("it is a web page without any file")
    require_known_version(metas.get("pypi:repository-version", ""))
    return Listing(
        base=document.base or "",
        status=metas.get("pypi:project-status", ""),
        status_reason=metas.get("pypi:project-status-reason", ""),
        entries=document.entries,
    )


class _Document(HTMLParser):
    """What the tags of a document say."""

    rawdata: str  # what has not been parsed yet

    def __init__(self, max_files: int) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.metas: dict[str, str] = {}
        self.base: str | None = None
        self._max_files = max_files

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("a", "base", "meta"):
            return
        attributes = dict(reversed(attrs))  # the first of two of one name counts
        if tag == "a":
            self._add(attributes)
        elif tag == "meta":
            name = (attributes.get("name") or "").strip().lower()
            self.metas.setdefault(name, (attributes.get("content") or "").strip())
        elif self.base is None:  # the first that has a URL counts
            self.base = attributes.get("href")

    def _add(self, attributes: Mapping[str, str | None]) -> None:
        url, _hash, fragment = (attributes.get("href") or "").strip().partition("#")
        filename = unquote(url.partition("?")[0].rpartition("/")[2])
        if split_ending(filename) is None:
            return  # such as the way up, or a link to a home page
        require_at_most(self._max_files, len(self.entries) + 1, "files")
        size = attributes.get("data-size") or ""
        self.entries.append(
            Entry(
                filename=filename,
                url=url,
                hashes=_pairs(fragment),
                # These two are in no standard, but uv reads them, and we write them.
                size=int(size) if re.fullmatch("[0-9]{1,18}", size) else None,
                upload_time=attributes.get("data-upload-time"),
                requires_python=attributes.get("data-requires-python"),
                yanked=(attributes["data-yanked"] or True) if "data-yanked" in attributes else None,
                core_metadata=_core_metadata(attributes, "data-core-metadata"),
                dist_info_metadata=_core_metadata(attributes, "data-dist-info-metadata"),
                provenance=attributes.get("data-provenance"),
                gpg_sig=attributes.get("data-gpg-sig") == "true",
            )
        )


def _pairs(text: str) -> dict[str, Any]:
    """Reads what is in a fragment, such as `sha256=...&egg=...`."""
    pairs = (each.partition("=") for each in text.split("&"))
    return {name: value for name, _equals, value in pairs}


def _core_metadata(attributes: Mapping[str, str | None], name: str) -> bool | dict[str, Any] | None:
    if name not in attributes:
        return None
    text = attributes[name] or "true"
    return _pairs(text) if "=" in text else text.lower() != "false"


def _text(body: bytes, content_type: str) -> str:
    for mark, encoding in _MARKS.items():
        if body.startswith(mark):
            return body.decode(encoding, "replace").removeprefix("\ufeff")
    named = _CHARSET.search(content_type) or _CHARSET.search(
        body[:_BEGINNING].decode("ascii", "replace")
    )
    if named is None or not _ENCODING.fullmatch(named[1]):
        return body.decode("utf-8", "replace")
    try:
        return body.decode(named[1], "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
