"""Copies or moves releases to another repository, without copying a byte."""

from collections.abc import Callable

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
from pypi_repo.domain.records import Project, Repository
from pypi_repo.domain.versions import version_or_none
from pypi_repo.services.gate import Gate
from pypi_repo.services.lifecycle.recheck import Rechecked, Rechecks
from pypi_repo.services.lifecycle.transfer import Found, Promoted, Subject, Transfer, Wanted
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.lifecycle.promotion import PromotedFile, PromotedFiles

MOST_FILES = 1_000
"""How many files are promoted at once, because nobody else can write meanwhile."""


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
        return self._promote(Wanted(source, normalize(project), version, target, move))

    def project(self, source: str, project: str, target: str, *, move: bool = False) -> Promoted:
        """Promotes a project with all its releases, as `release` does with one.

        source: the name of the repository that has the project.
        target: the name of the repository that gets it.
        move: whether the project is deleted from the source.

        Raises a RegistryError that says why it may not be promoted.
        """
        return self._promote(Wanted(source, normalize(project), None, target, move))

    def _promote(self, wanted: Wanted) -> Promoted:
        """Checks the files before the transaction, and again if they have changed until then."""
        if wanted.source == wanted.target:
            raise InvalidSetting(
                f"{wanted.source!r} has the files already; name another repository to promote to."
            )
        checked: dict[Subject, Rechecked] = {}
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
                    transfer = Transfer(connection, self._gate, self._actor, wanted, found)
                    return transfer.make(checked)

    def _find(self, executor: Executor, wanted: Wanted) -> Found:
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
        return Found(source, project, files, target, there)


def _files(executor: Executor, project: Project, wanted: Wanted) -> list[PromotedFile]:
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
