"""The rules of a validation profile; `profiles` defines the rules of each profile."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from pypi_repo.domain.filenames import DistributionFilename

if TYPE_CHECKING:
    from pypi_repo.domain.metadata.core_metadata import CoreMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a profile requires of a distribution, in addition to what is always required.

    It is always required that the digests are right, that the archive is safe and unambiguous, and
    that the core metadata names the same project and version as the filename and the form.
    """

    normalized_filenames: bool = True
    """Names and versions spelled in their one normal form (PEP 427, PEP 625)."""

    valid_metadata: bool = True
    """Every field of the core metadata as its specification asks."""

    complete_wheels: bool = True
    """RECORD is there, and licence files are where the metadata say."""

    verified_record: bool = True
    """RECORD's hashes and sizes are those of the files, and WHEEL agrees with the filename."""

    distutils_digests: bool = True
    """A BLAKE2b digest of 512 bits, as `setup.py upload` sends it, is compared and not refused."""

    distinct_member_names: bool = False
    """No two members of an archive have names that differ only by case."""

    plain_script_names: bool = False
    """Scripts have names of letters, digits, `.`, `_` and `-`."""

    rendered_descriptions: bool = False
    """Descriptions in reStructuredText can be rendered."""

    distinct_contents: bool = False
    """No two files of a repository may have the same content."""

    one_sdist: Literal["always", "unless overwriting", "never"] = "unless overwriting"
    """When a release that has a source distribution refuses another one with another name.

    `unless overwriting` means in repositories that do not allow overwriting.
    """

    conflicts_are_invalid: bool = False
    """Other content under an existing filename, and a file that is too large, are refused as
    invalid (400), which clients that are tested against the public index expect."""

    releases_close_after: timedelta | None = None
    """The age from which a release accepts no new files; None for no limit."""

    filename_checks: tuple[Callable[[DistributionFilename], None], ...] = ()
    """Each raises InvalidFilename."""

    metadata_checks: "tuple[Callable[[CoreMetadata], None], ...]" = ()
    """Each raises InvalidMetadata."""

    new_name_checks: tuple[Callable[[str, Iterable[str], Callable[[str], bool]], None], ...] = ()
    """Each is given the name of a new project, those that are there, and whether the error message
    may contain one of these. It raises InvalidName."""

    installation_checks: tuple[Callable[[], None], ...] = ()
    """Each raises ConfigurationError where an optional package that the others need is missing."""

    def ask_more_of_archives(self, others: "Rules") -> bool:
        """Returns whether an archive that was accepted by other rules could be refused by these."""
        return any(getattr(self, rule) and not getattr(others, rule) for rule in _OF_ARCHIVES)


_OF_ARCHIVES = (
    "normalized_filenames",  # which are also the names of folders
    "complete_wheels",
    "verified_record",
    "distinct_member_names",
    "plain_script_names",
)
