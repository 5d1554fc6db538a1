"""Goes over the projects and files of a source, several at once, in their order."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from pypi_repo.domain.errors import OutOfSpace, RegistryError, UpstreamFailed
from pypi_repo.domain.importing.found import FoundFile, FoundProject, LeftOut
from pypi_repo.domain.importing.selection import EVERYTHING, Selection
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import DistributionFile
from pypi_repo.services.importing.file_import import FileImports
from pypi_repo.services.importing.sources.site import Refused
from pypi_repo.services.importing.sources.source import ImportSource

_log = logging.getLogger(__name__)

_QUEUED = 4  # files for each job, so that a large one keeps no others from coming
_ENOUGH = 20  # failures of the source one after the other

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Visit:
    """A project of a source, and what there is of it in the repository.

    existing: the files that were here before, by their names.
    """

    found: FoundProject
    existing: Mapping[str, DistributionFile]
    is_new: bool


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """A file for which the work was done.

    result: what the work has returned; None if it was not needed, as the same file is here.
    """

    visit: Visit
    file: FoundFile
    result: Result | None


class Walk(Generic[Result]):
    """What is found on the way, each thing once.

    look_up: a function that returns the files of a project that are here; None without the project.
    files: decides which files need work.
    work: a function that is called for each other file, in one of several threads.
    jobs: the number of threads.

    projects: the number of projects that are done.
    all_projects: the number of projects.
    hosts: other hosts from which files would come, but which are not allowed.
    """

    def __init__(
        self,
        source: ImportSource,
        selection: Selection,
        look_up: Callable[[NormalizedName], Sequence[DistributionFile] | None],
        files: FileImports,
        work: Callable[[NormalizedName, FoundFile], Result],
        jobs: int,
    ) -> None:
        self._source = source
        self._selection = selection
        self._look_up = look_up
        self._imports = files
        self._work = work
        self._jobs = jobs
        self._failures = 0
        self._names = self._selected()
        self.projects, self.all_projects = 0, len(self._names)
        self.hosts = set[str]()

    def __call__(self) -> Iterator[LeftOut | Done[Result] | Visit]:
        """Yields files that are done, what is left out, and each project after all its files.

        Raises UpstreamFailed if the source does not answer any more, and OutOfSpace.
        """
        for each in self._source.left_out():
            if self._selection == EVERYTHING or self._selection.has(NormalizedName(each.project)):
                yield each
        pool = ThreadPoolExecutor(self._jobs, "import")
        try:
            yield from self._in(pool)
        finally:
            self._imports.stop()
            pool.shutdown(cancel_futures=True)

    def _selected(self) -> Sequence[NormalizedName]:
        """An index need not have a list, if all projects are named."""
        if not self._selection.patterns:
            return sorted(self._selection.names)
        listed = [name for name in self._source.projects() if self._selection.has(name)]
        return sorted(self._selection.names.union(listed))

    def _in(self, pool: ThreadPoolExecutor) -> Iterator[LeftOut | Done[Result] | Visit]:
        queue: deque[tuple[Visit, FoundFile | None, Future[Result] | None]] = deque()
        for name, asked in self._asked(pool):
            visit = self._visit(name, asked)
            if isinstance(visit, LeftOut):
                self.projects += 1
                yield visit
                continue
            yield from visit.found.left_out
            for file in visit.found.files:
                if (host := self._source.host_to_allow(file)) is not None:
                    self.hosts.add(host)
                try:
                    existing = visit.existing.get(file.filename)
                    if existing is not None and self._imports.is_here(file, existing):
                        queue.append((visit, file, None))
                    else:
                        queue.append((visit, file, pool.submit(self._work, name, file)))
                except RegistryError as error:
                    yield LeftOut.because(error, name, file.filename)
                while len(queue) > self._jobs * _QUEUED:
                    yield self._outcome(*queue.popleft())
            queue.append((visit, None, None))
        while queue:
            yield self._outcome(*queue.popleft())

    def _asked(
        self, pool: ThreadPoolExecutor
    ) -> Iterator[tuple[NormalizedName, "Future[FoundProject | None]"]]:
        """Yields projects, while the source is asked for the next ones."""
        ahead: deque[tuple[NormalizedName, Future[FoundProject | None]]] = deque()
        for name in self._names:
            ahead.append((name, pool.submit(self._source.project, name)))
            if len(ahead) > self._jobs:
                yield ahead.popleft()
        yield from ahead

    def _visit(self, name: NormalizedName, asked: "Future[FoundProject | None]") -> Visit | LeftOut:
        try:
            found = asked.result()
        except RegistryError as error:
            return self._failed(name, "", error)
        except Exception as error:  # noqa: BLE001 - it is logged, and the others go on
            return _unexpected(name, "", error)
        if found is None:
            return LeftOut(name, "", "The source has no such project.")
        self._failures = 0
        here = self._look_up(name)
        return Visit(found, {file.filename: file for file in here or ()}, here is None)

    def _outcome(
        self, visit: Visit, file: FoundFile | None, working: "Future[Result] | None"
    ) -> LeftOut | Done[Result] | Visit:
        if file is None:
            self.projects += 1
            return visit
        if working is None:
            return Done(visit, file, None)
        try:
            result = working.result()
        except RegistryError as error:
            return self._failed(visit.found.name, file.filename, error)
        except Exception as error:  # noqa: BLE001 - it is logged, and the others go on
            return _unexpected(visit.found.name, file.filename, error)
        self._failures = 0
        return Done(visit, file, result)

    def _failed(self, project: NormalizedName, filename: str, error: RegistryError) -> LeftOut:
        if isinstance(error, OutOfSpace):
            raise error
        is_of_source = isinstance(error, UpstreamFailed) and not isinstance(error, Refused)
        self._failures = self._failures + 1 if is_of_source else 0
        if self._failures >= _ENOUGH:
            raise UpstreamFailed(
                "The source does not answer any more; begin again later to go on where it was.",
                detail=error.for_operator,
            )
        return LeftOut.because(error, project, filename)


def _unexpected(project: NormalizedName, filename: str, error: Exception) -> LeftOut:
    """Returns what is left out because nobody has expected something like it in a source."""
    _log.error("%s %s is left out.", project, filename, exc_info=error)
    reason = "It is left out because of an error of this program; report what the log has."
    return LeftOut(project, filename, reason, f"{type(error).__name__}: {str(error)[:200]}")
