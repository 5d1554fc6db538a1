"""Copies or moves releases to another repository, without copying a byte."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pypi_repo.domain.accounts.access import Actor, Permission
from pypi_repo.domain.errors import (
    Conflict,
    InvalidSetting,
    ProjectClosed,
    UnknownFile,
    UnknownProject,
    unknown_release,
)
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.records import DistributionFile, Project, Repository
from pypi_repo.domain.versions import version_or_none
from pypi_repo.services.gate import Gate
from pypi_repo.services.lifecycle.no_loss import NoLoss
from pypi_repo.services.lifecycle.recheck import Rechecked, Rechecks
from pypi_repo.services.packages.candidates import Publishable
from pypi_repo.services.packages.placing import Accepted, naming, place
from pypi_repo.services.packages.project_change import ProjectChange
from pypi_repo.services.packages.quota import Room
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
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


_Subject = tuple[Any, ...]
"""What a check is about: a file, and settings of both repositories."""

MOST_FILES = 1_000
"""How many files are promoted at once, because nobody else can write meanwhile."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """version: None for the whole project."""

    source: str
    project: NormalizedName
    version: str | None
    target: str
    move: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """What is to be promoted.

    there: the project in the target; None if the target does not have it yet.
    """

    source: Repository
    project: Project
    files: Sequence[PromotedFile]
    target: Repository
    there: Project | None

    def subjects(self) -> list[_Subject]:
        """Returns what is checked of each file."""
        settings = (self.source.profile, self.target.profile, self.target.max_file_size)
        return [(each.file, *settings) for each in self.files]


class Promotion:
    """Promotes releases from one repository of a registry to another one.

    A promotion needs the permission to read the project in the source, and to upload to it in the
    target; a move also the permission to manage it in the source. Each file must be allowed by the
    rules of the target, as if it was uploaded there, or else nothing is promoted. The files keep
    their content, metadata, signature, provenance, yank, time of upload and uploader. One that was
    imported as it is must be allowed by the target, where it is no exemption then. A project that
    is moved keeps its status.

    A move is refused if it would lose something, because the target has the file, or the project,
    in another state.

    Only files that were uploaded to the source are promoted, and none that it has from its sources.
    """

    def __init__(
        self,
        actor: Actor,
        database: Database,
        gate: Gate,
        rechecks: Rechecks,
        check_new_name: Callable[[Actor, Repository, NormalizedName], None],
    ) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate
        self._rechecks = rechecks
        self._check_new_name = check_new_name

    def release(
        self, source: str, project: str, version: str, target: str, *, move: bool = False
    ) -> Promoted:
        """Promotes a release, either with all its files or not at all.

        Files that the target has already, with the same content, stay as they are there.

        source: the name of the repository that has the release.
        version: the version, in any spelling (PEP 440).
        target: the name of the repository that gets it.
        move: whether the release is deleted from the source. The names of its files cannot be used
            again there, unless the repository allows it.

        Raises a RegistryError that says why it may not be promoted.
        """
        return self._promote(_Wanted(source, normalize(project), version, target, move))

    def project(self, source: str, project: str, target: str, *, move: bool = False) -> Promoted:
        """Promotes a project with all its releases, as `release` does with one.

        source: the name of the repository that has the project.
        target: the name of the repository that gets it.
        move: whether the project is deleted from the source.

        Raises a RegistryError that says why it may not be promoted.
        """
        return self._promote(_Wanted(source, normalize(project), None, target, move))

    def _promote(self, wanted: _Wanted) -> Promoted:
        """Checks the files before the transaction, and again if they have changed until then."""
        if wanted.source == wanted.target:
            raise InvalidSetting(
                f"{wanted.source!r} has the files already; name another repository to promote to."
            )
        checked: dict[_Subject, Rechecked] = {}
        found = self._find(self._database, wanted)
        while True:
            if found.there is None:
                self._check_new_name(self._actor, found.target, wanted.project)
            new = [subject for subject in found.subjects() if subject not in checked]
            files = [file for file, *_settings in new]
            results = self._rechecks.check(files, found.source, found.target)
            checked.update(zip(new, results, strict=True))
            with self._database.begin() as connection:
                catalog = Catalog(connection)
                for name in sorted((wanted.source, wanted.target)):
                    catalog.lock(name)  # in one order, or two could wait for each other
                found = self._find(connection, wanted)
                if checked.keys() >= set(found.subjects()):
                    transfer = _Transfer(connection, self._gate, self._actor, wanted, found)
                    return transfer.make(checked)

    def _find(self, executor: Executor, wanted: _Wanted) -> _Found:
        """Raises a RegistryError if the actor may not promote it, or it is not there."""
        catalog, name = Catalog(executor), wanted.project
        source, project = self._gate.look_for_project(
            self._actor, Permission.READ, catalog, wanted.source, name
        )
        target, there = self._gate.look_for_project(
            self._actor, Permission.UPLOAD, catalog, wanted.target, name
        )
        if wanted.move:
            self._gate.require(self._actor, Permission.MANAGE, source, name)
        if project is None:
            raise UnknownProject(
                f"Nobody has uploaded {name!r} to {wanted.source!r}, and only what was uploaded "
                "there can be promoted; check the name."
            )
        if project.status == "quarantined":
            raise ProjectClosed(
                f"Project {project.name!r} is quarantined in {wanted.source!r} and offers no "
                "files; ask an administrator to make it active."
            )
        files = _files(executor, project, wanted)
        return _Found(source, project, files, target, there)


def _files(executor: Executor, project: Project, wanted: _Wanted) -> list[PromotedFile]:
    """Raises UnknownRelease, or UnknownFile if there are no files."""
    release_id = None
    if wanted.version is not None:
        version = version_or_none(wanted.version)
        if version is not None:
            release_id = Catalog(executor).release_id(project.id, version)
        if release_id is None:
            raise unknown_release(project.name, wanted.version)
    files = PromotedFiles(executor).of(project, release_id)
    if not files:
        what = project.name if wanted.version is None else f"{project.name} {wanted.version}"
        raise UnknownFile(f"No file of {what} is left in {wanted.source!r} to be promoted.")
    if len(files) > MOST_FILES:
        raise Conflict(
            f"At most {MOST_FILES:,} files are promoted at once, and there are {len(files):,}; "
            "promote one release after the other, or fewer files."
        )
    return files


class _Transfer:
    """Promotes files within a transaction that has locked both repositories."""

    def __init__(
        self, executor: Executor, gate: Gate, actor: Actor, wanted: _Wanted, found: _Found
    ) -> None:
        self._executor = executor
        self._catalog = Catalog(executor)
        self._gate = gate
        self._actor = actor
        self._wanted = wanted
        self._found = found
        self._no_loss = NoLoss(self._catalog, found.source, found.target)
        self._room = Room(gate, self._catalog)

    def make(self, checked: Mapping[_Subject, Rechecked]) -> Promoted:
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
