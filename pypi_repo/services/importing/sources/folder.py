"""A folder with distribution files, such as that of a pypiserver."""

import filecmp
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

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
        for place in _distributions(self._path):
            self._add(place)

    def __str__(self) -> str:
        return self._path

    def projects(self) -> Sequence[NormalizedName]:
        return sorted(self._projects)

    def project(self, name: NormalizedName) -> FoundProject | None:
        places = self._projects.get(name)
        if places is None:
            return None
        found = sorted(map(_file, places.values()), key=_age)
        return FoundProject(name=name, files=tuple(found))

    def left_out(self) -> Sequence[LeftOut]:
        return self._left_out

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


def _distributions(folder: str) -> Iterator[str]:
    """Yields the paths of regular files with the ending of a distribution, folder by folder."""
    for place, folders, names in os.walk(folder):
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


def _age(file: FoundFile) -> tuple[datetime | None, str]:
    return file.uploaded_at, file.filename
