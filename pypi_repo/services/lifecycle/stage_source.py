"""The source of a repository as it will be when a stage is published."""

from collections.abc import Hashable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import UnknownFile, UnknownProject, unknown_project
from pypi_repo.domain.lifecycle.stages import FileOfStage, unknown_stage
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import (
    DistributionFile,
    ListedProject,
    Project,
    ProjectDetails,
    ProjectList,
    ProjectPage,
    Repository,
    Versioned,
)
from pypi_repo.domain.versions import parse_version, version_or_none
from pypi_repo.services.gate import FileInProject
from pypi_repo.services.sources.locations import split_location
from pypi_repo.services.sources.own_files import OWN_FILES, OwnFiles
from pypi_repo.services.sources.source import Redirect, ServedFile, Source
from pypi_repo.services.sources.wrappers import SourceWrapper
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.lifecycle.stages import StageRows


class StageSource(SourceWrapper):
    """Offers what a repository offers, with the files of a stage on top.

    A file of the stage takes the place of one of the same name. Nothing of it is public, whatever
    the repository is.

    source: what the repository offers.
    own: the repository's own files.
    stage: the id of the stage, which need not be open.
    """

    def __init__(self, source: Source, own: OwnFiles, database: Database, stage: str) -> None:
        super().__init__(source)
        self._own = own
        self._stage = stage
        self._stored = StageRows(database)

    def check_access(self, actor: Actor) -> None:
        """Raises UnknownStage after the errors that the repository raises."""
        self.source.check_access(actor)
        self._require_open(self._own.repository(actor))

    def is_public(self) -> bool:
        return False

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        listed = super().project_list(actor)
        repository = self._own.repository(actor)
        names = {each.file.project: each.display_name for each in self._stored.files(self._stage)}
        closed = self._own.lists.closed_names(repository) if names else frozenset()
        readable = self._own.lists.readable(actor, repository, list(names))
        added = tuple((name, names[name]) for name in readable if name not in closed)
        return replace(
            listed,
            key=("stage", self._stage, added, listed.key),
            load=lambda: _with_projects(listed.load(), added),
        )

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        repository, own = self._own.look_for_project(actor, project)
        self._require_open(repository)
        staged = self._stored.files(self._stage, project)
        if own is not None and own.status == "quarantined":
            staged = []
        found: Versioned[ProjectPage] | None = None
        with suppress(UnknownProject):
            found = super().project_page(actor, project)
        if found is None:
            if not staged:
                raise unknown_project(project, repository.name)
            found = _page_of_new(staged[-1])
        files = tuple(each.file for each in staged)
        load = found.load
        return replace(
            found,
            key=("stage", self._stage, _state(files), found.key),
            load=lambda: _with_files(load(), files),
        )

    def file(self, actor: Actor, path: str) -> ServedFile | Redirect:
        location = split_location(path)
        staged = self._file(location.filename)
        if staged is None or staged.file.digests.sha256 != location.sha256:
            return super().file(actor, path)
        repository, own = self._own.look_for_project(actor, staged.file.project)
        self._require_open(repository)
        project = own or Project(
            id=0, name=staged.display_name, normalized_name=staged.file.project
        )
        found = self._own.offered_file(
            actor, location, FileInProject(repository, project, staged.file)
        )
        # Trying a release is no use of it, which retention would count.
        return replace(found, public=False, counted_for=None)

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        staged = self._file(filename)
        if staged is None or staged.file.project != project:
            return super().provenance(actor, project, version, filename)
        repository, own = self._own.look_for_project(actor, project)
        self._require_open(repository)
        is_named = parse_version(staged.file.version) == version_or_none(version)
        is_closed = own is not None and own.status == "quarantined"
        if staged.provenance is None or not is_named or is_closed:
            raise UnknownFile(f"There is no provenance of {filename[:200]!r} here.")
        return staged.provenance

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        return Source.project_details(self, actor, project)

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        return Source.release_details(self, actor, project, version)

    def _file(self, filename: str) -> FileOfStage | None:
        staged = self._stored.file_like(self._stage, filename)
        return staged if staged is not None and staged.file.filename == filename else None

    def _require_open(self, repository: Repository) -> None:
        if self._stored.find(repository.name, self._stage, datetime.now(UTC)) is None:
            raise unknown_stage(repository.name)


def _state(files: Iterable[DistributionFile]) -> Hashable:
    """Returns what differs after each change of the files of a stage."""
    return tuple((file.filename, file.digests.sha256, file.uploaded_at) for file in files)


def _page_of_new(staged: FileOfStage) -> Versioned[ProjectPage]:
    """Returns the page of a project that only the stage has, without its files."""
    page = ProjectPage(
        name=staged.file.project,
        status="active",
        status_reason="",
        serial=0,
        versions=(),
        files=(),
        display_name=staged.display_name,
    )
    return Versioned(
        key=page.name, serial=page.serial, public=False, load=lambda: page, source=OWN_FILES
    )


def _with_files(page: ProjectPage, staged: tuple[DistributionFile, ...]) -> ProjectPage:
    replaced = {file.filename for file in staged}
    files = (*(file for file in page.files if file.filename not in replaced), *staged)
    versions = dict.fromkeys((*page.versions, *(file.version for file in staged)))
    return replace(page, files=files, versions=tuple(versions))


def _with_projects(page: ProjectList, added: tuple[tuple[NormalizedName, str], ...]) -> ProjectList:
    known = {each.normalized_name: each for each in page.projects}
    for name, shown in added:
        known.setdefault(name, ListedProject(name=shown, normalized_name=name, serial=page.serial))
    return replace(page, projects=tuple(known[name] for name in sorted(known)))
