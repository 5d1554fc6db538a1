"""Core metadata taken apart into fields.

The parser is imported by the first document: it costs a start more than anything else here.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from packaging.version import Version

from pypi_repo.domain.headers import Header, split_headers
from pypi_repo.domain.versions import version_or_none

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

# Every header that some version of the core metadata has. The parser goes through all headers
# once for each name, and through their spellings, so it gets no others and one spelling.
_FIELDS = frozenset(
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
    """METADATA or PKG-INFO, taken apart once, by whoever asks for its fields first."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    @cached_property
    def parsed(self) -> "tuple[RawMetadata, dict[str, list[str]]]":
        """The fields as `packaging.metadata` names them, and those of them that are unclear.

        Takes time in proportion to the document's size. Raises InvalidMetadata where it exceeds
        bounds, ValueError or LookupError for what cannot be parsed.
        """
        from packaging.metadata import parse_email

        headers, body = split_headers(self.content)
        given = (each for each in headers if each.name in _FIELDS and each.value != _NOT_GIVEN)
        known = (b"%b:%b\n" % (each.name, _unfolded(each)) for each in given)
        fields, unclear = parse_email(b"".join(known))
        if body and body.strip() != _NOT_GIVEN.encode():
            _describe(fields, unclear, body)
        return fields, unclear

    @property
    def licence_files(self) -> list[str]:
        """Those that must be in the archive; raises like `parsed`."""
        return licence_files(self.parsed[0])


def licence_files(fields: "RawMetadata") -> list[str]:
    """The paths that License-File names, from the metadata version on that gave them a meaning.

    Before, builders wrote whatever they found them by: `../LICENSE`, `licenses\\MIT.txt`.
    """
    version = version_or_none(fields.get("metadata_version", ""))
    has_meaning = version is not None and version >= _PATHS_HAVE_MEANING
    return fields.get("license_files", []) if has_meaning else []


def _unfolded(header: Header) -> bytes:
    """In one line (RFC 5322 section 2.2.3), but for those that hold texts of many."""
    if header.name in _TEXTS:
        return header.raw.rstrip(b"\r\n")
    return b" ".join(line.strip() for line in header.raw.splitlines())


def _describe(fields: "RawMetadata", unclear: dict[str, list[str]], body: bytes) -> None:
    """The body is the description, unless a header is too."""
    try:
        description = body.decode("utf-8")
    except UnicodeDecodeError:
        return
    if "description" in fields:
        unclear["description"] = [fields.pop("description"), description]
    elif "description" not in unclear:
        fields["description"] = description
