"""Parses core metadata into fields.

`packaging` parses them as an e-mail. Nearly all headers are plain text, of which the same is said
here in a fifth of the time, which saves 0.06 ms of a usual upload. Its parser is only imported for
the first document that needs it, because this would take the largest part of the package's import
time.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from packaging.version import Version

from pypi_repo.domain.metadata.headers import Header, split_headers
from pypi_repo.domain.versions import version_or_none

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

# Every header that some version of the core metadata has. The parser goes through all headers
# once for each name, and through their spellings, so it gets no others and one spelling.
FIELDS = frozenset(
    b"""
    author author-email classifier description description-content-type download-url dynamic
    home-page import-name import-namespace keywords license license-expression license-file
    maintainer maintainer-email metadata-version name obsoletes obsoletes-dist platform
    project-url provides provides-dist provides-extra requires requires-dist requires-external
    requires-python summary supported-platform version
    """.split()
)
_TEXTS = frozenset({b"description", b"license"})
_PLAIN = re.compile(rb"[ -~\t]*")
_LISTS: Mapping[bytes, str] = {
    b"classifier": "classifiers",
    b"dynamic": "dynamic",
    b"license-file": "license_files",
    b"obsoletes": "obsoletes",
    b"obsoletes-dist": "obsoletes_dist",
    b"platform": "platforms",
    b"provides": "provides",
    b"provides-dist": "provides_dist",
    b"provides-extra": "provides_extra",
    b"requires": "requires",
    b"requires-dist": "requires_dist",
    b"requires-external": "requires_external",
    b"supported-platform": "supported_platforms",
}
_NEW = frozenset({b"import-name", b"import-namespace"})  # not every `packaging` knows them
_NOT_GIVEN = "UNKNOWN"  # setuptools before 62.1 and flit 2 wrote it for what nobody had said
_PATHS_HAVE_MEANING = Version("2.4")


class Document:
    """METADATA or PKG-INFO, which is parsed once, when its fields are first needed."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    @cached_property
    def parsed(self) -> "tuple[RawMetadata, dict[str, list[str]]]":
        """Returns the fields, and the fields that could not be parsed.

        Their names are those that `packaging.metadata` uses. Parsing takes time in proportion to
        the size of the document.

        Raises InvalidMetadata if the document exceeds a limit, and ValueError or LookupError if it
        cannot be parsed.
        """
        headers, body = split_headers(self.content)
        given = defaultdict[bytes, list[bytes]](list)
        for header in headers:
            if header.name in FIELDS and header.value != _NOT_GIVEN:
                given[header.name].append(_unfolded(header))
        fields, unclear = _parsed(given)
        if body and body.strip() != _NOT_GIVEN.encode():
            _describe(fields, unclear, body)
        return fields, unclear

    @property
    def licence_files(self) -> list[str]:
        """Returns the licence files that must be in the archive.

        Raises the same errors as `parsed`.
        """
        return licence_files(self.parsed[0])


def licence_files(fields: "RawMetadata") -> list[str]:
    """Returns the paths of License-File, if the metadata version defines their meaning.

    In older metadata, build tools wrote arbitrary paths, such as `../LICENSE` or
    `licenses\\MIT.txt`.
    """
    version = version_or_none(fields.get("metadata_version", ""))
    has_meaning = version is not None and version >= _PATHS_HAVE_MEANING
    return fields.get("license_files", []) if has_meaning else []


def _parsed(
    given: Mapping[bytes, list[bytes]],
) -> "tuple[RawMetadata, dict[str, list[str]]]":
    """Returns what `packaging.metadata.parse_email` returns for headers, in lower case."""
    fields: dict[str, Any] = {}
    unclear: dict[str, list[str]] = {}
    others: list[bytes] = []
    for name, values in given.items():
        if name in _NEW or not all(map(_PLAIN.fullmatch, values)):
            others += (b"%b:%b\n" % (name, value) for value in values)
            continue
        texts = [value.lstrip(b" \t").decode("ascii") for value in values]
        if name in _LISTS:
            fields[_LISTS[name]] = texts
        elif name == b"project-url":
            pairs = (text.partition(",") for text in texts)
            urls = {label.strip(): url.strip() for label, _comma, url in pairs}
            if len(urls) == len(texts):  # no label is there twice
                fields["project_urls"] = urls
            else:
                unclear["project-url"] = texts
        elif len(texts) > 1:
            unclear[name.decode("ascii")] = texts
        elif name == b"keywords":
            fields["keywords"] = [keyword.strip() for keyword in texts[0].split(",")]
        else:
            fields[name.decode("ascii").replace("-", "_")] = texts[0]
    if others:
        from packaging.metadata import parse_email

        more_fields, more_unclear = parse_email(b"".join(others))
        fields.update(more_fields)
        unclear.update(more_unclear)
    return cast("RawMetadata", fields), unclear


def _unfolded(header: Header) -> bytes:
    """Returns a header in one line, unless it may have several (RFC 5322 section 2.2.3)."""
    if header.name in _TEXTS:
        return header.raw.rstrip(b"\r\n")
    return b" ".join(line.strip() for line in header.raw.splitlines())


def _describe(fields: "RawMetadata", unclear: dict[str, list[str]], body: bytes) -> None:
    """Uses the body as the description, unless there is a Description header, too."""
    try:
        description = body.decode("utf-8")
    except UnicodeDecodeError:
        return
    if "description" in fields:
        unclear["description"] = [fields.pop("description"), description]
    elif "description" not in unclear:
        fields["description"] = description
