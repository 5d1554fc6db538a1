"""Reads pages of projects in JSON (PEP 691).

Other indexes have bugs, too. What is of the wrong type is left out, one field at a time: the rest
of the file and of the page is used.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from pypi_repo.domain.upstreams.reading.listing import (
    Entry,
    Listing,
    NoPage,
    require_at_most,
    require_known_version,
)

Content = TypeVar("Content")

# Old versions of msgspec have an error class that is no ValueError.
_MALFORMED = (msgspec.MsgspecError, ValueError, RecursionError)
_VALUES_OF_A_FILE = 50  # more than any index says of one
_VALUES_OF_A_PAGE = 10_000

_entry = msgspec.json.Decoder(Entry)
_fields = {
    field.encode_name: (field.name, msgspec.json.Decoder(field.type))
    for field in msgspec.structs.fields(Entry)
}


def read(body: bytes, max_files: int) -> Listing:
    """Reads the JSON object that a page is.

    Raises NoPage.
    """
    # Each value is behind one of these. They are counted before anything is made of them, because a
    # value takes much more memory than text.
    values = sum(map(body.count, (b",", b"[", b"{")))
    require_at_most(max_files * _VALUES_OF_A_FILE + _VALUES_OF_A_PAGE, values, "values")
    try:
        page = msgspec.json.decode(body, type=dict[str, Raw])
    except _MALFORMED as error:
        raise NoPage("it is not valid JSON") from error
    meta = _decoded(page, "meta", dict[str, Any], {})
    require_known_version(str(meta.get("api-version", "")))
    files = _decoded(page, "files", list[Raw], None)
    if files is None:
        raise NoPage("it has no list of files")
    require_at_most(max_files, len(files), "files")
    status = _decoded(page, "project-status", dict[str, Any], {})
    versions = _decoded(page, "versions", list[Any], None)
    require_at_most(max_files, len(versions or ()), "versions")
    return Listing(
        name=_decoded(page, "name", str, ""),
        status=_text(status.get("status")),
        status_reason=_text(status.get("reason")),
        versions=None if versions is None else [*filter(None, map(_text, versions))],
        entries=_entries(files),
    )


def _decoded(page: dict[str, Raw], name: str, kind: type[Content], otherwise: Any) -> Any:
    try:
        return msgspec.json.decode(page[name], type=kind) if name in page else otherwise
    except _MALFORMED:
        return otherwise


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _entries(files: Sequence[Raw]) -> Iterator[Entry | None]:
    for file in files:
        try:
            yield _entry.decode(file)
        except _MALFORMED:
            yield _with_what_is_right(file)


def _with_what_is_right(file: Raw) -> Entry | None:
    try:
        said = msgspec.json.decode(file, type=dict[str, Raw])
    except _MALFORMED:
        return None
    right: dict[str, Any] = {}
    for name, (attribute, decoder) in _fields.items():
        try:
            if name in said:
                right[attribute] = decoder.decode(said[name])
        except _MALFORMED:
            continue
    return Entry(**right)
