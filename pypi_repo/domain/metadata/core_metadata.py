"""Core metadata of an artifact. The copy in the upload form is not used.

https://packaging.python.org/en/latest/specifications/core-metadata/
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pypi_repo.domain.errors import InvalidMetadata, InvalidName
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata.contacts import odd_contacts
from pypi_repo.domain.metadata.raw_metadata import Document, licence_files
from pypi_repo.domain.names import project_name
from pypi_repo.domain.text import counted
from pypi_repo.domain.validation.rules import Rules
from pypi_repo.domain.versions import parse_version

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_METADATA_VERSION = re.compile(r"[12]\.[0-9]{1,3}")
_VALIDATED_AS = "2.5"
_LONGEST_SUMMARY = 512
_LONGEST_SPECIFIER = 1024  # it is on the index with every file
_LONGEST_COMPLAINT = 300  # of what the validator says, which repeats the value
_WARNED_OF_AT_MOST = 5  # of URLs and addresses
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
    """The core metadata of an artifact.

    fields: all fields that could be parsed, with the names that `packaging.metadata` uses.
    warnings: sentences about what is unusual but accepted.
    """

    name: str
    version: Version
    requires_python: str | None
    fields: "RawMetadata"
    warnings: tuple[str, ...] = ()

    @classmethod
    def parse(cls, document: bytes, rules: Rules) -> Self:
        """Parses the content of METADATA or PKG-INFO.

        Raises InvalidMetadata.
        """
        return cls.of(Document(document), rules)

    @classmethod
    def of(cls, document: Document, rules: Rules) -> Self:
        """Parses a document, unless it was parsed before.

        Raises InvalidMetadata.
        """
        try:
            fields, unparsed = document.parsed
        except (ValueError, LookupError) as error:
            raise InvalidMetadata("The core metadata in the archive cannot be parsed.") from error
        _check_metadata_version(fields)
        requires_python = fields.get("requires_python") or None
        warnings = () if requires_python is None else _check_specifier(requires_python, rules)
        try:
            name, version = project_name(fields["name"]), parse_version(fields["version"])
        except InvalidName as error:
            raise InvalidMetadata(f"The core metadata is invalid: {error.message}") from error
        except (KeyError, InvalidVersion) as error:
            raise InvalidMetadata(
                "The core metadata in the archive needs one Name and one valid Version."
            ) from error
        if rules.valid_metadata:
            if "project-url" in unparsed:
                raise InvalidMetadata("A label of Project-URL is there twice.")
            warnings += _validate(fields)
        return cls(name, version, requires_python, fields, warnings)

    @property
    def summary(self) -> str:
        """The summary, as `summary_line` returns it."""
        return summary_line(self.fields)

    def check_against(self, filename: DistributionFilename) -> None:
        """Raises InvalidMetadata if the metadata is of another project or version."""
        if not filename.belongs_to(self.name) or self.version != filename.version:
            raise InvalidMetadata(
                f"The core metadata says {self.name[:80]} {self.version}, the filename says "
                f"{filename.project} {filename.version}; build the distribution again."
            )


def summary_line(fields: "RawMetadata") -> str:
    """Returns the summary in one line, shortened to the length that the standard allows."""
    line = " ".join(fields.get("summary", "").replace("\0", " ").split())
    return line[:_LONGEST_SUMMARY]


def _check_metadata_version(fields: "RawMetadata") -> None:
    text = fields.get("metadata_version", "")
    # A newer minor version only adds fields (PEP 643), so refusing it would only break builds.
    if not _METADATA_VERSION.fullmatch(text):
        raise InvalidMetadata(
            f"The archive's Metadata-Version {text[:20]!r} is not known here; 1.x and 2.x are."
        )


def _check_specifier(text: str, rules: Rules) -> tuple[str, ...]:
    """Checks Requires-Python. Returns warnings."""
    if len(text) > _LONGEST_SPECIFIER:
        raise InvalidMetadata(f"Requires-Python is longer than {_LONGEST_SPECIFIER} characters.")
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        complaint = f"Requires-Python {text[:80]!r} is not a valid version specifier."
        # Some installers read what others do not (>=3.6.*), and some drop such a file without a
        # word, so only what is old already gets onto the index as it is.
        if rules.valid_metadata or not text.isprintable():
            raise InvalidMetadata(complaint) from error
        return (complaint,)
    return ()


def _validate(fields: "RawMetadata") -> tuple[str, ...]:
    """Checks all fields by the specification.

    Returns warnings about what the specification leaves to the index.
    """
    from packaging.metadata import Metadata  # raw_metadata says why here

    _check_content_type(fields.get("description_content_type"))
    try:
        # As the newest version: builders write fields years before their time, and what the
        # fields may hold is the same in all versions, but for the paths of licence files.
        newest: RawMetadata = {**fields, "metadata_version": _VALIDATED_AS}
        Metadata.from_raw({**newest, "license_files": licence_files(fields)})
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
    odd = tuple(odd_contacts(fields))
    if len(odd) > _WARNED_OF_AT_MOST:  # the journal keeps what is said
        more = counted(len(odd) - _WARNED_OF_AT_MOST, "URL", "URLs")
        return (*odd[:_WARNED_OF_AT_MOST], f"So it is with {more} more.")
    return odd


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
