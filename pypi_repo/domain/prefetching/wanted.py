"""What a list of requirements, or a lock file, wants."""

from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet

from pypi_repo.domain.names import NormalizedName


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is wanted of one project.

    specifier: the versions that are possible, of which the newest is wanted.
    hashes: the digests that are possible, as `sha256:...`; empty if any is.
    filenames: the names of the files that are wanted; empty for all files of the newest version.
    """

    project: NormalizedName
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    hashes: frozenset[str] = frozenset()
    filenames: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Requirements:
    """What is wanted altogether.

    left_out: what else there is, which comes from no index, each as text for people.
    """

    wanted: tuple[Wanted, ...]
    left_out: tuple[str, ...] = ()
