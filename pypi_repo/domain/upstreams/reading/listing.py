"""What a page of another index says, in whichever form: read, but not checked yet."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

LONGEST_TEXT = 200  # characters of a name or a version
_LARGEST = 2**63 - 1


class NoPage(ValueError):
    """Says, as the end of a sentence, why something is no page of a project."""


class Entry(msgspec.Struct, kw_only=True, gc=False, rename="kebab"):
    """A file on a page, with the fields of the JSON form (PEP 691, 700, 714, 740)."""

    filename: str = ""
    url: str = ""
    hashes: dict[str, Any] | None = None
    size: Annotated[int, Meta(ge=0, le=_LARGEST)] | None = None
    upload_time: str | None = None
    requires_python: str | None = None
    yanked: bool | str | None = None
    core_metadata: bool | dict[str, Any] | None = None
    dist_info_metadata: bool | dict[str, Any] | None = None
    data_dist_info_metadata: bool | dict[str, Any] | None = None
    provenance: str | None = None
    gpg_sig: bool | None = None


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A page.

    base: what the URLs on the page are relative to, which itself is relative to the page's URL.
    versions: the versions that the page lists; None if it has no list of them.
    entries: the files; None for each that cannot be read.
    """

    name: str = ""
    base: str = ""
    status: str = ""
    status_reason: str = ""
    versions: Sequence[str] | None = None
    entries: Iterable[Entry | None]


_DIGITS = {
    "md5": 32,
    "sha1": 40,
    "sha224": 56,
    "sha256": 64,
    "sha384": 96,
    "sha512": 128,
    "sha3_224": 56,
    "sha3_256": 64,
    "sha3_384": 96,
    "sha3_512": 128,
    "blake2b": 128,
    "blake2s": 64,
}  # how many hexadecimal digits a digest has, by the names of hashlib
_LIKE = {name: re.compile(f"[0-9a-fA-F]{{{size}}}").fullmatch for name, size in _DIGITS.items()}


def checkable(hashes: Mapping[str, object]) -> dict[str, str]:
    """Returns those digests that can be compared with a file, in lower case."""
    return {
        name: value.lower()
        for name, value in hashes.items()
        if isinstance(value, str) and (like := _LIKE.get(name)) is not None and like(value)
    }


def readable(hashes: Mapping[str, object]) -> dict[str, str] | None:
    """Returns what `checkable` returns, or None if a digest of a known kind does not look like one.

    A file with another one must not count as one without any, which nothing is compared with.
    """
    found = checkable(hashes)
    if len(found) < len(hashes):
        said = {name for name, value in hashes.items() if value and name in _DIGITS}
        if not found.keys() >= said:
            return None
    return found


def require_known_version(version: str) -> None:
    """Raises NoPage if the version of the API is one that nobody could know (PEP 629)."""
    major = re.match(r"0*([0-9]+)(\.|\Z)", version)
    if major is not None and major[1] not in ("0", "1"):
        raise NoPage(f"it has version {version[:20]} of the API, of which only 1 is known")


def require_at_most(most: int, number: int, things: str) -> None:
    """Raises NoPage if a page has too many things, such as files."""
    if number > most:
        raise NoPage(f"it has more than {most:,} {things}")
