"""What an import would do, and what it has done."""

from collections.abc import Callable
from dataclasses import dataclass

from pypi_repo.domain.importing.found import LeftOut
from pypi_repo.domain.names import NormalizedName


@dataclass(frozen=True, slots=True)
class Step:
    """How far an import is.

    projects: the projects that are done, of `all_projects`.
    files: the files that are done.
    size: the size of these files together, in bytes.
    """

    projects: int
    all_projects: int
    files: int
    size: int


StepListener = Callable[[Step], None]
"""A function that is called again and again with how far an import is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploader:
    """Somebody who has uploaded files to a source.

    files: the number of these files.
    exists: whether there is a user of this name here.
    """

    name: str
    files: int
    exists: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What an import would do.

    projects: the number of projects with files that would be imported.
    new_projects: the number of those that are not here yet.
    files: the number of files that would be imported.
    size: the size of these files together, in bytes, as far as it is known.
    unknown_sizes: the number of files whose size is not known.
    here: the number of files that are here already.
    refused: the files that a rule of the repository refuses, which can be imported as they are.
    left_out: what would not be imported.
    uploaders: who has uploaded the files there, sorted by name, as far as the source says.
    hosts: other hosts from which files would come, but which are not allowed yet.
    has_read_files: whether the files themselves were checked, and not only what is said of them.
    """

    projects: int
    new_projects: int
    files: int
    size: int
    unknown_sizes: int
    here: int
    refused: tuple[LeftOut, ...]
    left_out: tuple[LeftOut, ...]
    uploaders: tuple[Uploader, ...]
    hosts: tuple[str, ...]
    has_read_files: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an import has done.

    imported: the number of files that were imported.
    size: the size of these files together, in bytes.
    here: the number of files that were here already.
    exempted: the files among the imported that a rule of the repository refuses, and why.
    left_out: what was not imported, and why.
    notes: sentences about what was imported, but not as the source has it.
    statuses: the projects whose status was set.
    hosts: other hosts from which files would have come, but which are not allowed.
    """

    imported: int
    size: int
    here: int
    exempted: tuple[LeftOut, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    statuses: tuple[NormalizedName, ...] = ()
    hosts: tuple[str, ...] = ()
