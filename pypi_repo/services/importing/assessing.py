"""Assesses what an import would do."""

from collections import Counter
from collections.abc import Callable

from pypi_repo.domain.importing.found import LeftOut
from pypi_repo.domain.importing.reports import Assessment, Step, StepListener, Uploader
from pypi_repo.domain.names import NormalizedName
from pypi_repo.services.importing.file_import import Judged
from pypi_repo.services.importing.walk import Done, Visit, Walk


class Assessing:
    """An assessment under way.

    user_exists: a function that tells whether there is a user with a name.
    """

    def __init__(
        self,
        walk: Walk[Judged],
        user_exists: Callable[[str], bool],
        listener: StepListener,
    ) -> None:
        self._walk = walk
        self._user_exists = user_exists
        self._listener = listener
        self._projects, self._new = set[NormalizedName](), set[NormalizedName]()
        self._files = self._size = self._unknown = self._here = 0
        self._refused: list[LeftOut] = []
        self._left_out: list[LeftOut] = []
        self._uploaders: Counter[str] = Counter()

    def run(self, *, has_read_files: bool) -> Assessment:
        """Goes over everything and returns what was found."""
        self._tell()
        for each in self._walk():
            match each:
                case LeftOut():
                    self._left_out.append(each)
                case Done():
                    self._add(each)
                case Visit():
                    pass
            self._tell()
        return Assessment(
            projects=len(self._projects),
            new_projects=len(self._new),
            files=self._files,
            size=self._size,
            unknown_sizes=self._unknown,
            here=self._here,
            refused=tuple(self._refused),
            left_out=tuple(self._left_out),
            uploaders=tuple(map(self._uploader, sorted(self._uploaders))),
            hosts=tuple(sorted(self._walk.hosts)),
            has_read_files=has_read_files,
        )

    def _add(self, done: Done[Judged]) -> None:
        visit, file, judged = done.visit, done.file, done.result
        if judged is None or not judged.is_new:
            self._here += 1
            return
        name = visit.found.name
        self._projects.add(name)
        if visit.is_new:
            self._new.add(name)
        self._files += 1
        self._size += file.size or 0
        self._unknown += file.size is None
        if file.uploaded_by is not None:
            self._uploaders[file.uploaded_by] += 1
        if judged.refusal is not None:
            self._refused.append(LeftOut(name, file.filename, judged.refusal))

    def _uploader(self, name: str) -> Uploader:
        return Uploader(name=name, files=self._uploaders[name], exists=self._user_exists(name))

    def _tell(self) -> None:
        walk = self._walk
        self._listener(Step(walk.projects, walk.all_projects, self._files + self._here, self._size))
