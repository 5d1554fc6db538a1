"""Parses core metadata into fields.

The parser is only imported when the first document is parsed, because this would take the largest
part of the package's import time.
"""

from functools import cached_property
from typing import TYPE_CHECKING

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
        from packaging.metadata import parse_email

        headers, body = split_headers(self.content)
        given = (each for each in headers if each.name in FIELDS and each.value != _NOT_GIVEN)
        known = (b"%b:%b\n" % (each.name, _unfolded(each)) for each in given)
        fields, unclear = parse_email(b"".join(known))
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
