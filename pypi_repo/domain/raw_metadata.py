"""Core metadata taken apart into fields.

The parser is imported by the first document: it costs a start more than anything else here.
"""

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata


class Document:
    """METADATA or PKG-INFO, taken apart once, by whoever asks for its fields first."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    @cached_property
    def parsed(self) -> "tuple[RawMetadata, dict[str, list[str]]]":
        """The fields as `packaging.metadata` names them, and what is none of them.

        Raises ValueError, LookupError or RecursionError for what cannot be parsed.
        """
        from packaging.metadata import parse_email

        return parse_email(self.content)
