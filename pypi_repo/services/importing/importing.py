"""Imports what folders and other indexes have."""

from collections.abc import Callable
from contextlib import suppress

from pypi_repo.domain.accounts.access import Actor, ActorKind, Permission
from pypi_repo.domain.errors import InvalidName, PermissionDenied
from pypi_repo.domain.importing.reports import Assessment, Report, Step, StepListener
from pypi_repo.domain.importing.selection import EVERYTHING, Selection
from pypi_repo.domain.journal import JournalEntry, JournalFilter
from pypi_repo.domain.names import NormalizedName, account_name
from pypi_repo.domain.records import PROJECT_STATUSES, DistributionFile, Repository
from pypi_repo.services.importing.assessing import Assessing
from pypi_repo.services.importing.context import ImportContext
from pypi_repo.services.importing.file_import import FileImports, storable
from pypi_repo.services.importing.run import Run
from pypi_repo.services.importing.sources.opening import SourceAccess, open_source
from pypi_repo.services.importing.sources.source import ImportSource
from pypi_repo.services.importing.walk import Visit, Walk
from pypi_repo.services.packages.projects import Projects
from pypi_repo.services.packages.upload_rules import check_accepts
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.catalog import Catalog

USUAL_JOBS = 4
_PUBLIC = SourceAccess()


def nobody(_step: Step) -> None:
    """Ignores the progress."""


class Imports:
    """Imports files from elsewhere. Only the operator does: it reads files of this machine.

    All methods raise PermissionDenied for other actors, and for a repository that takes no uploads,
    and UnknownRepository.
    """

    def __init__(self, actor: Actor, context: ImportContext, projects: Projects) -> None:
        self._actor = actor
        self._registry = context
        self._projects = projects
        self._catalog = Catalog(context.database)

    def source(self, place: str, access: SourceAccess = _PUBLIC) -> ImportSource:
        """Returns the source that a text names.

        place: the path of a folder, the URL of a simple index, `devpi+` and the URL of an index of
            devpi, or the path of an export of devpi.
        access: what may be asked of an index elsewhere, and how.

        Raises InvalidSetting if the text names none.
        """
        self._require_operator()
        return open_source(place, access, self._registry.client)

    def assess(
        self,
        repository: str,
        source: ImportSource,
        selection: Selection = EVERYTHING,
        *,
        jobs: int = USUAL_JOBS,
        listener: StepListener = nobody,
    ) -> Assessment:
        """Returns what `run` would do. Nothing changes.

        Files of a local source are checked like uploads. Of other sources, which would have to send
        them all, only what their pages say is checked, and core metadata that they have beside
        wheels.

        selection: the projects.
        jobs: how many files are looked at at once.
        """
        found = self._open(repository)
        files = self._files(found, source, as_is=True, keep_uploaders=False)
        judged = files.judged if source.is_local else files.judged_from_afar
        walk = Walk(source, selection, self._looks_up(found), files, judged, jobs)
        assessing = Assessing(walk, self._user_exists, listener)
        return assessing.run(has_read_files=source.is_local)

    def run(
        self,
        repository: str,
        source: ImportSource,
        selection: Selection = EVERYTHING,
        *,
        as_is: bool = False,
        keep_uploaders: bool = False,
        jobs: int = USUAL_JOBS,
        listener: StepListener = nobody,
    ) -> Report:
        """Imports what is not here yet, with upload times, yanks, signatures and attestations.

        What is here stays as it is: the same file is skipped, and another one of its name is never
        replaced. An import that was interrupted goes on if it is run again.

        selection: the projects.
        as_is: whether files are imported, too, that a rule of the repository's profile refuses. It
            is still required that the archive is safe, and that name and version are right.
        keep_uploaders: whether files are said to be uploaded by who has uploaded them there, which
            lets users of the same names yank them where users may.
        jobs: how many files are imported at once.

        Returns what was done, and what was left out and why.

        Raises UpstreamFailed if the source does not answer, and OutOfSpace.
        """
        found = self._open(repository)
        files = self._files(found, source, as_is=as_is, keep_uploaders=keep_uploaders)
        walk = Walk(source, selection, self._looks_up(found), files, files.run, jobs)
        run = Run(walk, self._status_setter(found), listener)
        try:
            run.run()
        finally:
            self._record(found, source, run.report(), as_is=as_is)
        return run.report()

    def _open(self, repository: str) -> Repository:
        self._require_operator()
        gate = self._registry.gate
        found = gate.repository(self._actor, Permission.MANAGE, self._catalog, repository)
        check_accepts(found)
        return found

    def _files(
        self, repository: Repository, source: ImportSource, *, as_is: bool, keep_uploaders: bool
    ) -> FileImports:
        return FileImports(
            self._actor,
            self._registry,
            source,
            repository,
            as_is=as_is,
            keep_uploaders=keep_uploaders,
        )

    def _looks_up(
        self, repository: Repository
    ) -> Callable[[NormalizedName], list[DistributionFile] | None]:
        def look_up(name: NormalizedName) -> list[DistributionFile] | None:
            located = self._catalog.locate(repository.name, name)
            if located is None or located.project is None:
                return None
            return [file for _version, file in self._catalog.releases(located.project.id) if file]

        return look_up

    def _require_operator(self) -> None:
        if self._actor.kind is not ActorKind.OPERATOR:
            raise PermissionDenied("Only the operator imports; use the command line.")

    def _user_exists(self, name: str) -> bool:
        with suppress(InvalidName):
            return Users(self._registry.database).user(account_name(name)) is not None
        return False

    def _status_setter(self, repository: Repository) -> Callable[[Visit], bool]:
        def set_status(visit: Visit) -> bool:
            """Sets the status of a project whose status nobody has set here."""
            found = visit.found
            for status in PROJECT_STATUSES:
                wanted = JournalFilter(
                    repository=repository.name, project=found.name, action=f"set status {status}"
                )
                if self._catalog.journal.entries(wanted, limit=1):
                    return False
            reason = storable(found.status_reason)
            self._projects.set_status(repository.name, found.name, found.status, reason)
            return True

        return set_status

    def _record(
        self, repository: Repository, source: ImportSource, report: Report, *, as_is: bool
    ) -> None:
        """Notes an import that has changed something."""
        if not report.imported and not report.statuses:
            return
        detail = {
            "from": str(source),
            "imported": str(report.imported),
            "here": str(report.here),
            "left_out": str(len(report.left_out)),
        }
        if as_is:
            detail["exempted"] = str(len(report.exempted))
        with self._registry.database.begin() as connection:
            Catalog(connection).journal.record(
                JournalEntry.by(self._actor, "import", repository=repository.name, detail=detail)
            )
