"""What a promotion does within its transaction, once all files were checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import DistributionFile, Project, Repository
from pypi_repo.services.gate import Gate
from pypi_repo.services.lifecycle.no_loss import NoLoss
from pypi_repo.services.lifecycle.recheck import Rechecked
from pypi_repo.services.packages.candidates import Publishable
from pypi_repo.services.packages.placing import Accepted, naming, place
from pypi_repo.services.packages.project_change import ProjectChange
from pypi_repo.services.packages.quota import Room
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.lifecycle.promotion import PromotedFile, PromotedFiles
from pypi_repo.storage.upstreams import SourcesOfRepositories


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """What was promoted.

    source: the name of the repository that the files come from.
    target: the name of the repository that has them now.
    project: the name of the project.
    accepted: the files as they are in the target, each with whether it was there already.
    is_moved: whether the files are gone from the source.
    """

    source: str
    target: str
    project: str
    accepted: tuple[Accepted, ...]
    is_moved: bool

    @property
    def files(self) -> tuple[DistributionFile, ...]:
        """The files as they are in the target."""
        return tuple(each.file for each in self.accepted)

    @property
    def is_unchanged(self) -> bool:
        """Whether the target had all the files already."""
        return all(each.is_unchanged for each in self.accepted)


Subject = tuple[Any, ...]
"""What a check is about: a file, and settings of both repositories."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to have promoted.

    source, target: the names of the repositories.
    version: the release; None for the whole project.
    move: whether the source is to lose it.
    """

    source: str
    project: NormalizedName
    version: str | None
    target: str
    move: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be promoted, and where to.

    there: the project in the target; None if the target does not have it yet.
    """

    source: Repository
    project: Project
    files: Sequence[PromotedFile]
    target: Repository
    there: Project | None

    def subjects(self) -> list[Subject]:
        """Returns what is checked of each file."""
        settings = (self.source.profile, self.target.profile, self.target.max_file_size)
        return [(each.file, *settings) for each in self.files]


class Transfer:
    """Promotes files within a transaction that has locked both repositories."""

    def __init__(
        self, executor: Executor, gate: Gate, actor: Actor, wanted: Wanted, found: Found
    ) -> None:
        self._executor = executor
        self._catalog = Catalog(executor)
        self._gate = gate
        self._actor = actor
        self._wanted = wanted
        self._found = found
        self._no_loss = NoLoss(self._catalog, found.source, found.target)
        self._room = Room(gate, self._catalog)

    def make(self, checked: Mapping[Subject, Rechecked]) -> Promoted:
        """Places the files in the target, and deletes them from the source if they are moved.

        Raises a RegistryError if the target refuses one of them.
        """
        wanted, found = self._wanted, self._found
        is_whole = wanted.move and wanted.version is None
        if is_whole and found.there is not None:
            self._no_loss.check_status(found.project, found.there)
        promoted = Promoted(
            source=wanted.source,
            target=wanted.target,
            project=found.project.name,
            accepted=tuple(
                self._place(each, checked[subject])
                for each, subject in zip(found.files, found.subjects(), strict=True)
            ),
            is_moved=wanted.move,
        )
        if wanted.move or not promoted.is_unchanged:
            source = self._change(wanted.source)
            target = self._change(wanted.target)
            for release in _releases(found.files):
                self._record(source, target, release)
                if wanted.move:
                    self._delete(source, target, release)
            if is_whole:
                if found.there is None:
                    self._keep_status(target)
                self._delete_project(source)
        return promoted

    def _place(self, promoted: PromotedFile, checked: Rechecked) -> Accepted:
        new = Publishable(
            filename=checked.filename,
            file=replace(promoted.file, exemption=None),  # the rules here allow it
            display_name=checked.display_name,
            summary=checked.summary,
            size_beside=promoted.size_beside,
            provenance=promoted.provenance,
            warnings=checked.warnings,
        )
        origin = {"from": self._wanted.source}
        with naming(promoted.file.filename):
            accepted = place(
                self._gate,
                self._catalog,
                self._actor,
                self._wanted.target,
                new,
                origin,
                room=self._room,
            )
            if self._wanted.move and accepted.is_unchanged:
                self._no_loss.check(promoted, accepted.file)
        return accepted

    def _change(self, repository: str) -> ProjectChange:
        """Returns a change to the project in one of the repositories, both of which have it now."""
        located = self._catalog.locate(repository, self._wanted.project)
        assert located is not None  # noqa: S101
        assert located.project is not None  # noqa: S101
        return ProjectChange(
            self._gate,
            self._executor,
            self._catalog,
            self._actor,
            located.repository,
            located.project,
        )

    def _record(
        self, source: ProjectChange, target: ProjectChange, files: Sequence[PromotedFile]
    ) -> None:
        version, detail = files[0].file.version, {"to": self._wanted.target}
        if self._wanted.move:
            detail["moved"] = "yes"
        detail["files"] = str(len(files))
        source.record("promote release", version=version, detail=detail)
        target.record("receive release", version=version, detail={"from": self._wanted.source})

    def _delete(
        self, source: ProjectChange, target: ProjectChange, files: Sequence[PromotedFile]
    ) -> None:
        version, release_id = files[0].file.version, files[0].release_id
        PromotedFiles(self._executor).pin_alike(target.release_id(version), release_id)
        self._catalog.retire_filenames(source.project, release_id)
        self._catalog.delete_release(release_id)

    def _keep_status(self, target: ProjectChange) -> None:
        project = self._found.project
        status, reason = project.status, project.status_reason
        if status != "active":
            self._catalog.change_project(target.project.id, status=status, status_reason=reason)
            detail = {"reason": reason} if reason else {}
            target.record(f"set status {status}", detail={**detail, "from": self._wanted.source})

    def _delete_project(self, source: ProjectChange) -> None:
        source.record("delete project", detail={"to": self._wanted.target})
        self._catalog.delete_project(source.project)
        names = SourcesOfRepositories(self._executor)
        names.keep_name(source.repository, source.project.normalized_name)


def _releases(files: Sequence[PromotedFile]) -> list[list[PromotedFile]]:
    found: dict[int, list[PromotedFile]] = {}
    for each in files:
        found.setdefault(each.release_id, []).append(each)
    return list(found.values())
