"""Core metadata as the artifact holds it; the upload form's copy is not believed.

https://packaging.python.org/en/latest/specifications/core-metadata/
"""

from dataclasses import dataclass
from typing import Self

from packaging.metadata import parse_email
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pypi_repo.domain.errors import InvalidMetadata
from pypi_repo.domain.filenames import DistributionFilename

_NEWEST_MAJOR_VERSION = 2


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """The fields that the index itself speaks of."""

    name: str
    version: Version
    requires_python: str | None

    @classmethod
    def parse(cls, document: bytes) -> Self:
        """Reads METADATA or PKG-INFO; raises InvalidMetadata."""
        try:
            fields, _unparsed = parse_email(document)
        except (ValueError, LookupError) as error:
            raise InvalidMetadata("The core metadata in the archive cannot be parsed.") from error
        _check_metadata_version(fields.get("metadata_version", ""))
        requires_python = fields.get("requires_python") or None
        if requires_python is not None:
            _check_specifier(requires_python)
        try:
            return cls(fields["name"], Version(fields["version"]), requires_python)
        except (KeyError, InvalidVersion) as error:
            raise InvalidMetadata(
                "The core metadata in the archive needs one Name and one valid Version."
            ) from error

    def check_against(self, filename: DistributionFilename) -> None:
        """Raises InvalidMetadata if the archive says it is another project or version."""
        if not filename.belongs_to(self.name) or self.version != filename.version:
            raise InvalidMetadata(
                f"The core metadata says {self.name[:80]} {self.version}, the filename says "
                f"{filename.project} {filename.version}; build the distribution again."
            )


def _check_metadata_version(text: str) -> None:
    # A newer minor version only adds fields (PEP 643), so refusing it would only break builds.
    major = text.partition(".")[0]
    if not major.isdecimal() or not 1 <= int(major) <= _NEWEST_MAJOR_VERSION:
        raise InvalidMetadata(
            f"The archive's Metadata-Version {text[:20]!r} is not known here; 1.x and 2.x are."
        )


def _check_specifier(text: str) -> None:
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise InvalidMetadata(
            f"Requires-Python {text[:80]!r} is not a valid version specifier."
        ) from error
