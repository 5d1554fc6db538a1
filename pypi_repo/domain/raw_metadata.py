"""Core metadata taken apart into fields.

The parser is imported by the first document: it costs a start more than anything else here.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from pypi_repo.domain.headers import split_headers

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
        known = (b"%b:%b" % (each.name, each.raw) for each in headers if each.name in _FIELDS)
        fields, unclear = parse_email(b"".join(known))
        if body:
            _describe(fields, unclear, body)
        return fields, unclear


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
