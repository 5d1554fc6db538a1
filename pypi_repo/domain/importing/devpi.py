"""Reads what devpi says of its indexes, in its JSON API and in its exports.

What an index inherits from its bases, it does not say itself. `in_order_of_bases` tells which
indexes have to be asked.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

import msgspec

from pypi_repo.domain.importing.found import LeftOut
from pypi_repo.domain.names import normalize

Decoded = TypeVar("Decoded")

INDEX_NAME: Final = re.compile(r"[A-Za-z0-9._@-]+/[A-Za-z0-9._@-]+", re.ASCII)
"""The name of an index: that of its user, a slash, and its own."""

_DIGEST = re.compile(r"[0-9a-f]+", re.ASCII)
_CREDENTIALS = re.compile(r"//[^/]*@")
_OF_TESTS = "The results of its tests (tox) are not files of a package and stay in devpi."
_OF_DOCUMENTATION = "Documentation is not a file of a package; publish it on a site for pages."


class Answer(msgspec.Struct):
    """An answer of the JSON API.

    type: what the result is, such as `indexconfig`.
    """

    type: str = ""
    result: msgspec.Raw = msgspec.Raw(b"{}")


class Owner(msgspec.Struct):
    """A user, with the indexes of the user by their names."""

    username: str = ""
    indexes: dict[str, msgspec.Raw] = {}


class Logged(msgspec.Struct):
    """An event in the history of a file. Times are in UTC, as six numbers."""

    what: str = ""
    who: str | None = None
    when: list[int] = []


class Digests(msgspec.Struct):
    """The digests of a file. Old versions only wrote one of them, as `ALGORITHM=DIGEST`, or MD5."""

    hashes: dict[str, str] = {}
    hash_spec: str | None = None
    md5: str | None = None

    def known(self) -> dict[str, str]:
        """Returns the digests in lower case by the names of their algorithms."""
        algorithm, _equals, digest = (self.hash_spec or "").partition("=")
        every = {"md5": self.md5 or "", algorithm: digest, **self.hashes}
        lower = {name: text.lower() for name, text in every.items()}
        return {name: text for name, text in lower.items() if name and _DIGEST.fullmatch(text)}


class Link(Digests):
    """A file, as the JSON API describes it.

    rel: what the file is: `releasefile`, `doczip` or `toxresult`.
    """

    rel: str = ""
    href: str = ""
    log: list[Logged] = []


class Version(msgspec.Struct):
    """A release. Only those of mirrors can be yanked."""

    links: list[Link] = msgspec.field(name="+links", default_factory=list)
    yanked: str | bool | None = None

    @property
    def yank(self) -> str | None:
        """The reason for which the release is yanked, or None."""
        if self.yanked is True:
            return ""
        return self.yanked if isinstance(self.yanked, str) else None


class Config(msgspec.Struct):
    """The settings of an index, and in the JSON API the names of the projects in it."""

    type: str = ""
    bases: list[str] = []
    mirror_url: str = ""
    projects: list[str] = []

    @property
    def is_mirror(self) -> bool:
        """Whether the index keeps packages of another index, and has none of its own."""
        return self.type == "mirror"


class Entry(Digests):
    """What devpi has kept of a file. The time is in the form of HTTP."""

    last_modified: str | None = None


class ExportedFile(msgspec.Struct):
    """A file in an export.

    relpath: the path of the file, relative to the folder of the export.
    type: what the file is, like `Link.rel`.
    """

    relpath: str
    type: str = ""
    projectname: str = ""
    version: str = ""
    entrymapping: Entry = msgspec.field(default_factory=Entry)
    log: list[Logged] = []


class ExportedIndex(msgspec.Struct):
    """An index in an export. A mirror has no projects, unless its files were exported as well."""

    indexconfig: Config
    projects: dict[str, dict[str, Version]] = {}
    files: list[ExportedFile] = []


class Export(msgspec.Struct):
    """The file `dataindex.json` of an export.

    indexes: the indexes by their names, not read yet.
    """

    indexes: dict[str, msgspec.Raw]
    dumpversion: str = ""


def in_order_of_bases(
    name: str, config_of: Callable[[str], Config | None]
) -> tuple[dict[str, Config], dict[str, Config]]:
    """Returns the indexes of which an index consists, in the order in which devpi asks them.

    name: the index.
    config_of: a function that returns the settings of an index, or None if there is none.

    Returns two mappings: the index itself and the indexes from which it inherits, and apart from
    them the mirrors among its bases. Of files with the same name, devpi offers the first.
    """
    indexes: dict[str, Config] = {}
    mirrors: dict[str, Config] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop(0)
        if current in indexes or current in mirrors:
            continue
        is_name = current == name or INDEX_NAME.fullmatch(current) is not None
        config = config_of(current) if is_name else None
        if config is None:
            continue
        if config.is_mirror and current != name:
            mirrors[current] = config
            continue
        indexes[current] = config
        waiting += config.bases
    return indexes, mirrors


def mirrors_left_out(mirrors: Mapping[str, Config]) -> Iterator[LeftOut]:
    """Yields a line about each mirror from which an index inherits."""
    for name, mirror in mirrors.items():
        origin = _CREDENTIALS.sub("//", mirror.mirror_url[:1000]) or "another index"
        yield LeftOut(
            "",
            "",
            f"What comes from the mirror {name} of {origin} is left out; make that index a source "
            "of the repository, or import the mirror by its name.",
        )


def left_out(kind: str, project: str, filename: str) -> LeftOut:
    """Returns a line about a file that is none of a package.

    kind: what devpi says that it is.
    """
    reasons = {"doczip": _OF_DOCUMENTATION, "toxresult": _OF_TESTS}
    unknown = f"It is not a file of a package, but of the kind {kind[:40]!r}, and stays in devpi."
    return LeftOut(normalize(project), filename, reasons.get(kind, unknown))


def uploaded(
    log: Iterable[Logged], last_modified: str | None = None
) -> tuple[datetime | None, str | None]:
    """Returns when a file was uploaded, and by whom; None for what is not known.

    log: the history of the file. If it was pushed from another index, it has the upload there.
    last_modified: a time in the form of HTTP, which counts if there is no history.
    """
    ordered = sorted(log, key=lambda event: event.what != "upload")
    for event in ordered:
        if event.what in ("upload", "push") and (at := _time(event.when)):
            return at, _person(event.who)
    try:
        at = parsedate_to_datetime(last_modified or "")
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC), None
    except (ValueError, OverflowError):
        return None, None


def _time(when: list[int]) -> datetime | None:
    try:
        year, month, day, hour, minute, second = when
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _person(who: str | None) -> str | None:
    """Returns the name of a user; devpi also writes `<import>` for what no user has done."""
    return who if who and not who.startswith("<") else None


def decoded(content: "bytes | memoryview | msgspec.Raw", kind: type[Decoded]) -> Decoded:
    """Returns JSON as an object of one of the classes above; what they do not have is skipped.

    Raises ValueError if it is no JSON, or not of this form.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error
