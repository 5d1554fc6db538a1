"""A folder with distribution files, such as that of a pypiserver."""

import filecmp
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from operator import attrgetter

from pypi_repo.domain.errors import InvalidFilename
from pypi_repo.domain.filenames import DistributionFilename, split_ending
from pypi_repo.domain.importing.found import FoundFile, FoundProject, LeftOut
from pypi_repo.domain.names import NormalizedName
from pypi_repo.services.importing.sources.local_files import LocalFiles

_SIGNATURE = ".asc"
_PROVENANCES = (".provenance", ".attestations")


class Folder(LocalFiles):
    """The wheels and sdists in a folder and below it. Those that are hidden are not looked at.

    A file was uploaded when it was changed last. Signatures (`.asc`), provenances (`.provenance`)
    and arrays of attestations (`.attestations`) are beside the files.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._projects: dict[NormalizedName, dict[str, str]] = {}
        self._left_out: list[LeftOut] = []
        for place in _distributions(self._path, self._leave_out):
            try:
                self._add(place)
            except OSError as error:
                self._leave_out(error)

    def __str__(self) -> str:
        return self._path

    def projects(self) -> Sequence[NormalizedName]:
        return sorted(self._projects)

    def project(self, name: NormalizedName) -> FoundProject | None:
        if name not in self._projects:
            return None
        found: list[FoundFile] = []
        gone: list[LeftOut] = []
        for filename, place in self._projects[name].items():
            try:
                found.append(_file(place))
            except OSError as error:
                gone.append(LeftOut(name, filename, _why(error)))
        files = tuple(sorted(found, key=attrgetter("age")))
        return FoundProject(name=name, files=files, left_out=tuple(gone))

    def left_out(self) -> Sequence[LeftOut]:
        return self._left_out

    def _leave_out(self, error: OSError) -> None:
        self._left_out.append(LeftOut("", str(error.filename), _why(error)))

    def _add(self, place: str) -> None:
        filename = os.path.basename(place)
        try:
            project = DistributionFilename.parse(filename).project
        except InvalidFilename as error:
            self._left_out.append(LeftOut("", filename, error.message))
            return
        places = self._projects.setdefault(project, {})
        other = places.setdefault(filename, place)
        if other != place and not filecmp.cmp(other, place, shallow=False):
            reason = f"The folder has another file of this name in {os.path.dirname(other)}."
            self._left_out.append(LeftOut(project, filename, reason))


def _distributions(folder: str, leave_out: Callable[[OSError], None]) -> Iterator[str]:
    """Yields the paths of regular files with the ending of a distribution, folder by folder.

    leave_out: a function that is called with the error of a folder that cannot be read.
    """
    for place, folders, names in os.walk(folder, onerror=leave_out):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            is_one = not name.startswith(".") and split_ending(name) is not None
            if is_one and os.path.isfile(path := os.path.join(place, name)):
                yield path


def _file(place: str) -> FoundFile:
    status = os.stat(place)
    signature = place + _SIGNATURE
    provenance = next(filter(os.path.isfile, (place + suffix for suffix in _PROVENANCES)), None)
    return FoundFile(
        filename=os.path.basename(place),
        location=place,
        size=status.st_size,
        uploaded_at=datetime.fromtimestamp(status.st_mtime, UTC),
        signature=signature if os.path.isfile(signature) else None,
        provenance=provenance,
    )


def _why(error: OSError) -> str:
    return f"It cannot be read: {error.strerror}."
