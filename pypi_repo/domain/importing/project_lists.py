"""Reads the list of projects of another index (PEP 503, PEP 691)."""

from html.parser import HTMLParser
from urllib.parse import unquote

import msgspec

from pypi_repo.domain.errors import UnreadablePage
from pypi_repo.domain.names import NormalizedName, is_normalized, normalize

_MOST = 2_000_000  # four times as many as the public index has
_LONGEST = 200  # characters of a name


class _Named(msgspec.Struct, gc=False):
    name: str


class _List(msgspec.Struct, gc=False):
    projects: list[_Named]


def read_project_list(body: bytes) -> dict[NormalizedName, str]:
    """Returns the names of the projects on a list, each with its spelling there.

    What is no name of a project is left out: a list in HTML has other links, too.

    Raises UnreadablePage if it is no list, or too long.
    """
    text = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    try:
        names = _json_names(text) if text[:1] == b"{" else _html_names(text)
    except (msgspec.MsgspecError, ValueError, RecursionError, AssertionError) as error:
        raise UnreadablePage(
            "The list of projects cannot be read; check that the URL is that of a simple index.",
            detail=str(error)[:200],
        ) from error
    found: dict[NormalizedName, str] = {}
    for name in names:
        normalized = normalize(name)
        if len(name) <= _LONGEST and is_normalized(normalized):
            found.setdefault(normalized, name)
    return found


def _json_names(text: bytes) -> list[str]:
    names = [each.name for each in msgspec.json.decode(text, type=_List).projects]
    _require_few(len(names))
    return names


def _html_names(text: bytes) -> list[str]:
    _require_few(text.count(b"<a"))
    links = _Links()
    links.feed(text.decode("utf-8", "replace"))
    if not links.names and b"pypi:repository-version" not in text:
        raise ValueError("it is a web page without any project")  # such as one to sign in
    return links.names


def _require_few(number: int) -> None:
    if number > _MOST:
        raise ValueError(f"it has more than {_MOST:,} entries")


class _Links(HTMLParser):
    """The names that are the text of links, and the last segment of where they lead."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self._segment = ""
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            path = (dict(reversed(attrs)).get("href") or "").partition("#")[0].partition("?")[0]
            self._segment = unquote(path.strip().removesuffix("/").rpartition("/")[2])
            self._text = ""

    def handle_data(self, data: str) -> None:
        if self._segment and len(self._text) <= _LONGEST:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._segment:
            text = self._text.strip().removesuffix("/")
            if normalize(self._segment) == normalize(text):
                self.names.append(self._segment)
            self._segment = ""
