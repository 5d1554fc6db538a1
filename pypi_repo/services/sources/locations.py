"""The locations of files, as project pages list them and clients ask for them."""

import re
from typing import NamedTuple

from pypi_repo.domain.filenames import projects_of
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.stored_files import METADATA_SUFFIX, SIGNATURE_SUFFIX
from pypi_repo.domain.upstreams.pages import UNHASHED

_LOCATION = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/([^/]+)\Z", re.ASCII)
_UNHASHED = re.compile(rf"{UNHASHED}/([a-z0-9-]+)/([^/]+)\Z", re.ASCII)


class Location(NamedTuple):
    """The parts of a location.

    name: the last segment: the filename, or that of what is beside the file.
    filename: the name of the distribution file.
    sha256: the SHA-256 that the location names; empty if it names none.
    project: the project that the location names instead; empty if it names none.
    """

    name: str
    filename: str
    sha256: str
    project: str = ""

    @property
    def projects(self) -> tuple[NormalizedName, ...]:
        """The projects to which the file can belong, of which only the location may say which."""
        possible = projects_of(self.filename)
        if not self.project:
            return possible
        return tuple(name for name in possible if name == self.project)

    @property
    def suffix(self) -> str:
        """What is asked for beside the file; empty for the file itself."""
        return self.name[len(self.filename) :]


def split_location(path: str) -> Location:
    """Returns the parts of a location; empty parts for what can be none."""
    name = sha256 = project = ""
    if match := _LOCATION.match(path):
        name, sha256 = match[4], "".join(match.groups()[:3])
    elif match := _UNHASHED.match(path):
        project, name = match.groups()
    filename = name.removesuffix(METADATA_SUFFIX).removesuffix(SIGNATURE_SUFFIX)
    return Location(name, filename, sha256, project)
