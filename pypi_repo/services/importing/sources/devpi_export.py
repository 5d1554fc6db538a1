"""An export of devpi: a folder with the file `dataindex.json`, as `devpi-export` writes it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Final

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.importing import devpi
from pypi_repo.domain.importing.found import FoundFile, FoundProject, LeftOut
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.services.importing.sources.local_files import LocalFiles

_INDEX: Final = "dataindex.json"
_VERSIONS = ("1", "2")  # of the form of an export


class DevpiExport(LocalFiles):
    """An index in an export of devpi, with what it inherits from other indexes.

    Files of mirrors are in an export only if devpi was told so. They are read if the mirror is the
    index itself.

    folder: the folder of the export.
    name: the name of the index, such as `team/stage`; None for the only one that is no mirror.

    Raises InvalidSetting if there is no such index, or if the export cannot be read.
    """

    def __init__(self, folder: str, name: str | None = None) -> None:
        self._folder = os.path.realpath(folder)
        exported = _read(os.path.join(self._folder, _INDEX))
        self._name = name or _only_one(folder, exported)
        if self._name not in exported:
            raise InvalidSetting(
                f"The export has no index {self._name!r}; it has {_listed(exported)}."
            )
        configs = {index: each.indexconfig for index, each in exported.items()}
        indexes, self._mirrors = devpi.in_order_of_bases(self._name, configs.get)
        self._projects: dict[NormalizedName, list[tuple[devpi.ExportedFile, str | None]]] = {}
        for index in indexes:
            self._add(exported[index])

    def __str__(self) -> str:
        return os.path.join(self._folder, self._name)

    def projects(self) -> Sequence[NormalizedName]:
        return sorted(self._projects)

    def project(self, name: NormalizedName) -> FoundProject | None:
        exported = self._projects.get(name)
        if exported is None:
            return None
        files: dict[str, FoundFile] = {}
        left_out: list[LeftOut] = []
        for file, yank in exported:
            filename = file.relpath.rpartition("/")[2]
            place = os.path.realpath(os.path.join(self._folder, file.relpath))
            if file.type != "releasefile":
                left_out.append(devpi.left_out(file.type, name, filename))
            elif os.path.commonpath([self._folder, place]) != self._folder:
                reason = "Its path leads out of the export; have the export made again."
                left_out.append(LeftOut(name, filename, reason))
            else:
                files.setdefault(filename, _file(filename, place, file, yank))
        return FoundProject(
            name=name,
            files=tuple(sorted(files.values(), key=attrgetter("age"))),
            left_out=tuple(left_out),
        )

    def left_out(self) -> Iterator[LeftOut]:
        return devpi.mirrors_left_out(self._mirrors)

    def _add(self, index: devpi.ExportedIndex) -> None:
        yanks = {
            (normalize(project), version): described.yank
            for project, versions in index.projects.items()
            for version, described in versions.items()
        }
        for project in index.projects:
            self._projects.setdefault(normalize(project), [])
        for file in index.files:
            name = normalize(file.projectname)
            self._projects.setdefault(name, []).append((file, yanks.get((name, file.version))))


def find_export(place: str) -> DevpiExport | None:
    """Returns the export that a path names, or None if it names none.

    place: the folder of an export, or below it that of an index, such as `EXPORT/team/stage`. The
        folder of an index without files need not exist.

    Raises InvalidSetting.
    """
    folder, name = os.path.abspath(place), ""
    for _level in range(3):
        if os.path.isfile(os.path.join(folder, _INDEX)):
            return DevpiExport(folder, name or None)
        folder, last = os.path.split(folder)
        name = f"{last}/{name}" if name else last
    return None


def _read(path: str) -> dict[str, devpi.ExportedIndex]:
    try:
        with open(path, "rb") as file:
            export = devpi.decoded(file.read(), devpi.Export)
        indexes = {
            name: devpi.decoded(index, devpi.ExportedIndex)
            for name, index in export.indexes.items()
        }
    except (OSError, ValueError) as error:
        raise InvalidSetting(
            f"{path} cannot be read; have devpi make the export again.", detail=str(error)
        ) from error
    if export.dumpversion not in _VERSIONS:
        raise InvalidSetting(
            f"The export of devpi has the unknown form {export.dumpversion[:40]!r}; make it with "
            "another version of devpi."
        )
    return indexes


def _only_one(folder: str, exported: dict[str, devpi.ExportedIndex]) -> str:
    names = [name for name, index in exported.items() if not index.indexconfig.is_mirror]
    if len(names) != 1:
        raise InvalidSetting(
            f"The export has {len(names)} indexes; name one of them, such as "
            f"{os.path.join(folder, 'USER', 'INDEX')}: {_listed(exported)}."
        )
    return names[0]


def _listed(exported: dict[str, devpi.ExportedIndex]) -> str:
    return ", ".join(sorted(exported))[:1000] or "none"


def _file(filename: str, place: str, file: devpi.ExportedFile, yank: str | None) -> FoundFile:
    uploaded_at, uploaded_by = devpi.uploaded(file.log, file.entrymapping.last_modified)
    size = None
    with suppress(OSError):  # which reading it will report
        size = os.path.getsize(place)
    return FoundFile(
        filename=filename,
        location=place,
        size=size,
        hashes=file.entrymapping.known(),
        uploaded_at=uploaded_at,
        uploaded_by=uploaded_by,
        yanked=yank,
    )
