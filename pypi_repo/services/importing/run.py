"""Runs an import, and tallies what it does."""

from collections import Counter
from collections.abc import Callable

from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.importing.found import LeftOut
from pypi_repo.domain.importing.reports import Report, Step, StepListener
from pypi_repo.domain.names import NormalizedName
from pypi_repo.services.importing.file_import import Imported
from pypi_repo.services.importing.walk import Done, Visit, Walk


class Run:
    """An import under way.

    set_status: a function that gives a project the status that it has in the source, and returns
        whether that changed anything.
    """

    def __init__(
        self, walk: Walk[Imported], set_status: Callable[[Visit], bool], listener: StepListener
    ) -> None:
        self._walk = walk
        self._set_status = set_status
        self._listener = listener
        self._imported = self._size = self._here = self._bytes = 0
        self._of_project: Counter[NormalizedName] = Counter()
        self._unchanged: Counter[NormalizedName] = Counter()
        self._exempted: list[LeftOut] = []
        self._left_out: list[LeftOut] = []
        self._notes: list[str] = []
        self._statuses: list[NormalizedName] = []

    def run(self) -> None:
        """Goes on to the end. What cannot be imported does not keep the rest from coming."""
        self._tell()
        for each in self._walk():
            match each:
                case LeftOut():
                    self._left_out.append(each)
                case Done():
                    self._add(each)
                case Visit():
                    self._finish(each)
            self._tell()

    def report(self) -> Report:
        """Returns what was done so far."""
        return Report(
            imported=self._imported,
            size=self._size,
            here=self._here,
            exempted=tuple(self._exempted),
            left_out=tuple(self._left_out),
            notes=tuple(self._notes),
            statuses=tuple(self._statuses),
            hosts=tuple(sorted(self._walk.hosts)),
        )

    def _add(self, done: Done[Imported]) -> None:
        project, imported = done.visit.found.name, done.result
        self._of_project[project] += 1
        self._bytes += done.file.size or 0
        if imported is None or not imported.is_new:
            self._here += 1
            self._unchanged[project] += done.file.filename in done.visit.existing
            return
        self._imported += 1
        self._size += imported.file.size
        self._notes += imported.notes
        if imported.file.exemption is not None:
            self._exempted.append(LeftOut(project, done.file.filename, imported.file.exemption))

    def _finish(self, visit: Visit) -> None:
        """Sets the status of a project whose files here are all from there."""
        name = visit.found.name
        files, unchanged = self._of_project.pop(name, 0), self._unchanged.pop(name, 0)
        if visit.found.status == "active" or not files or unchanged < len(visit.existing):
            return
        try:
            if self._set_status(visit):
                self._statuses.append(name)
        except RegistryError as error:
            self._left_out.append(LeftOut.because(error, name))

    def _tell(self) -> None:
        walk, files = self._walk, self._imported + self._here
        self._listener(Step(walk.projects, walk.all_projects, files, self._bytes))
