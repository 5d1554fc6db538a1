"""Core metadata as the artifact holds it; the upload form's copy is not believed.

https://packaging.python.org/en/latest/specifications/core-metadata/
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import getaddresses
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pypi_repo.domain.errors import InvalidMetadata, InvalidName
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.names import project_name
from pypi_repo.domain.profiles import Rules
from pypi_repo.domain.raw_metadata import Document
from pypi_repo.domain.versions import parse_version

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_METADATA_VERSION = re.compile(r"[12]\.[0-9]{1,3}")
_VALIDATED_AS = "2.5"
_LONGEST_SUMMARY = 512
_LONGEST_LABEL = 32
_LONGEST_SPECIFIER = 1024  # it is on the index with every file
_LONGEST_COMPLAINT = 300  # of what the validator says, which repeats the value
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")
# Without the comments and encoded words of e-mails, at which the parser of e-mails is quadratic.
_CONTENT_TYPE = re.compile(
    r"""
    [\w.+-]+ / [\w.+-]+
    (?: \s* ; \s* [\w-]+ \s* = \s* (?: [\w.+-]+ | "[\w.+-]*" ) )*
    \s* (?: ; \s* )?
    """,
    re.ASCII | re.VERBOSE,
)
_LONGEST_CONTENT_TYPE = 200
_REPORTED_FIRST = ("metadata-version", "name", "version")


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """`fields` are all that could be parsed, named as `packaging.metadata` names them."""

    name: str
    version: Version
    requires_python: str | None
    fields: "RawMetadata"

    @classmethod
    def parse(cls, document: bytes, rules: Rules) -> Self:
        """Reads METADATA or PKG-INFO; raises InvalidMetadata."""
        return cls.of(Document(document), rules)

    @classmethod
    def of(cls, document: Document, rules: Rules) -> Self:
        """Like `parse`, where somebody has perhaps taken it apart already."""
        try:
            fields, unparsed = document.parsed
        except (ValueError, LookupError) as error:
            raise InvalidMetadata("The core metadata in the archive cannot be parsed.") from error
        _check_metadata_version(fields)
        requires_python = fields.get("requires_python") or None
        if requires_python is not None:
            _check_specifier(requires_python)
        try:
            name, version = project_name(fields["name"]), parse_version(fields["version"])
        except InvalidName as error:
            raise InvalidMetadata(f"The core metadata is invalid: {error.message}") from error
        except (KeyError, InvalidVersion) as error:
            raise InvalidMetadata(
                "The core metadata in the archive needs one Name and one valid Version."
            ) from error
        parsed = cls(name, version, requires_python, fields)
        if rules.valid_metadata:
            if "project-url" in unparsed:
                raise InvalidMetadata("A label of Project-URL is there twice.")
            _validate(fields)
        return parsed

    def check_against(self, filename: DistributionFilename) -> None:
        """Raises InvalidMetadata if the archive says it is another project or version."""
        if not filename.belongs_to(self.name) or self.version != filename.version:
            raise InvalidMetadata(
                f"The core metadata says {self.name[:80]} {self.version}, the filename says "
                f"{filename.project} {filename.version}; build the distribution again."
            )


def _check_metadata_version(fields: "RawMetadata") -> None:
    text = fields.get("metadata_version", "")
    # A newer minor version only adds fields (PEP 643), so refusing it would only break builds.
    if not _METADATA_VERSION.fullmatch(text):
        raise InvalidMetadata(
            f"The archive's Metadata-Version {text[:20]!r} is not known here; 1.x and 2.x are."
        )


def _check_specifier(text: str) -> None:
    if len(text) > _LONGEST_SPECIFIER:
        raise InvalidMetadata(f"Requires-Python is longer than {_LONGEST_SPECIFIER} characters.")
    # Whatever the profile: uv drops a file with a bad one without a word.
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise InvalidMetadata(
            f"Requires-Python {text[:80]!r} is not a valid version specifier."
        ) from error


def _validate(fields: "RawMetadata") -> None:
    """What the specification asks of each field, and what it leaves to the index."""
    from packaging.metadata import Metadata  # raw_metadata says why here

    _check_content_type(fields.get("description_content_type"))
    try:
        # As the newest version: builders write fields years before their time, and what the
        # fields may hold is the same in all versions.
        Metadata.from_raw({**fields, "metadata_version": _VALIDATED_AS})
    except ExceptionGroup as errors:
        worst = min(_leaves(errors), key=_report_order)
        complaint = str(worst)[:_LONGEST_COMPLAINT]
        raise InvalidMetadata(f"The core metadata is invalid: {complaint}.") from errors
    except RecursionError as error:
        raise InvalidMetadata("The core metadata is invalid: it is nested too deeply.") from error
    if len(fields.get("summary", "")) > _LONGEST_SUMMARY:
        raise InvalidMetadata(f"The Summary is longer than {_LONGEST_SUMMARY} characters.")
    if fields.get("license") and fields.get("license_expression"):
        raise InvalidMetadata("License and License-Expression must not be given together.")
    _check_addresses("Author-email", fields.get("author_email", ""))
    _check_addresses("Maintainer-email", fields.get("maintainer_email", ""))
    _check_url("Home-page", fields.get("home_page", ""))
    _check_url("Download-URL", fields.get("download_url", ""))
    for label, url in fields.get("project_urls", {}).items():
        if not label or len(label) > _LONGEST_LABEL or not url:
            raise InvalidMetadata(
                f"The Project-URL {label[:80]!r} needs a label of at most {_LONGEST_LABEL} "
                "characters and a URL."
            )
        _check_url("Project-URL", url)


def _leaves(errors: ExceptionGroup[Exception]) -> Iterable[Exception]:
    for error in errors.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _report_order(error: Exception) -> tuple[int, str]:
    field: str = getattr(error, "field", "")
    first = _REPORTED_FIRST.index(field) if field in _REPORTED_FIRST else len(_REPORTED_FIRST)
    return first, field


def _check_content_type(value: str | None) -> None:
    if value is not None and not (
        len(value) <= _LONGEST_CONTENT_TYPE and _CONTENT_TYPE.fullmatch(value)
    ):
        raise InvalidMetadata(
            f"Description-Content-Type {value[:80]!r} is no media type; write it like "
            "text/markdown; charset=UTF-8."
        )


def _check_addresses(field: str, value: str) -> None:
    try:
        addresses = [address for _name, address in getaddresses([value]) if address]
    except RecursionError:  # comments within comments, groups within groups
        addresses = [value]
    if addresses and not _ADDRESS.fullmatch(addresses[-1]):
        raise InvalidMetadata(f"{field} {value[:80]!r} is not an e-mail address.")


def _check_url(field: str, value: str) -> None:
    if not value:
        return
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidMetadata(f"{field} {value[:80]!r} is not an http or https URL.")
