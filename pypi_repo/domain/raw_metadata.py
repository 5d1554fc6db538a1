"""Core metadata taken apart into fields.

The parser is imported by the first document: it costs a start more than anything else here.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata


def parse(document: bytes) -> "tuple[RawMetadata, dict[str, list[str]]]":
    """The fields as `packaging.metadata` names them, and what is none of them.

    Raises ValueError, LookupError or RecursionError for what cannot be parsed.
    """
    from packaging.metadata import parse_email

    return parse_email(document)
