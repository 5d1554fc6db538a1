"""The life of what was uploaded: status, yanks and deletions, always journalled."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from packaging.version import Version

from pypi_repo.domain.access import OPERATOR, AccessPolicy, Actor, Permission, admit
from pypi_repo.domain.errors import InvalidSetting, UnknownFile, UnknownProject, UnknownRelease
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.lists import ListPage, ListRequest
from pypi_repo.domain.names import normalize
from pypi_repo.domain.records import (
    PROJECT_STATUSES,
    DistributionFile,
    FoundProject,
    Project,
    ProjectStatus,
    ProjectSummary,
    Repository,
)
from pypi_repo.domain.texts import require_storable
from pypi_repo.domain.versions import version_or_none
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database
from pypi_repo.storage.lists import Lists


@dataclass(frozen=True, slots=True)
class _Change:
    """A change to one project within a transaction that locks its repository."""

    catalog: Catalog
    actor: Actor
    repository: Repository
    project: Project

    def record(
        self,
        action: str,
        *,
        version: str | None = None,
        filename: str | None = None,
        detail: dict[str, str] | None = None,
    ) -> None:
        serial = self.catalog.next_serial(self.repository)
        self.catalog.change_project(self.project.id, serial=serial)
        self.catalog.journal.record(
            JournalEntry.by(
                self.actor,
                action,
                repository=self.repository.name,
                serial=serial,
                project=self.project.normalized_name,
                version=version,
                filename=filename,
                detail=detail,
            )
        )

    def release_id(self, version: str) -> int:
        return _known_release(self.catalog, self.project, version)

    def retire(self, release_id: int | None = None) -> None:
        for filename in self.catalog.filenames(self.project, release_id):
            self.catalog.retire_filename(self.repository, filename)


class Projects:
    """What has been uploaded to any repository. Who calls without an actor is the operator."""

    def __init__(self, database: Database, policy: AccessPolicy) -> None:
        self._database = database
        self._policy = policy

    def all(self, repository: str, *, actor: Actor = OPERATOR) -> list[Project]:
        """Raises UnknownRepository."""
        with self._database.read() as connection:
            catalog = Catalog(connection)
            found = catalog.repository(repository)
            return catalog.projects(
                admit(self._policy, actor, Permission.MANAGE, repository, found)
            )

    def search(
        self,
        repository: str,
        text: str = "",
        *,
        after: str = "",
        limit: int = 50,
        actor: Actor = OPERATOR,
    ) -> list[ProjectSummary]:
        """Projects whose normalized name holds `text`, by name, from the one that follows `after`.

        Raises UnknownRepository or PermissionDenied.
        """
        with self._database.read() as connection:
            catalog = Catalog(connection)
            managed = admit(
                self._policy,
                actor,
                Permission.MANAGE,
                repository,
                catalog.repository(repository),
            )
            return Lists(connection).projects_after(managed, normalize(text), after, limit)

    def page(
        self, repository: str, request: ListRequest, *, actor: Actor = OPERATOR
    ) -> ListPage[ProjectSummary]:
        """One page of the projects whose normalized name holds the text.

        They are sorted by name, releases, files, size or uploaded.

        Raises UnknownRepository or PermissionDenied.
        """
        with self._database.read() as connection:
            found = Catalog(connection).repository(repository)
            managed = admit(self._policy, actor, Permission.MANAGE, repository, found)
            wanted = replace(request, text=normalize(request.text))
            return Lists(connection).projects(managed, wanted)

    def anywhere(
        self, text: str, *, limit: int = 50, actor: Actor = OPERATOR
    ) -> list[FoundProject]:
        """Projects whose normalized name holds the text, by name.

        Of all repositories that the actor may manage.
        """
        with self._database.read() as connection:
            managed = [
                found
                for found in Catalog(connection).repositories()
                if self._policy.allows(actor, Permission.MANAGE, found)
            ]
            return Lists(connection).projects_anywhere(managed, normalize(text), limit)

    def get(
        self, repository: str, project: str, *, actor: Actor = OPERATOR
    ) -> tuple[Project, list[DistributionFile]]:
        """A project and its files. Raises UnknownRepository or UnknownProject."""
        with self._database.read() as connection:
            catalog = Catalog(connection)
            _repository, found = self._locate(catalog, repository, project, actor)
            return found, [file for _version, file in catalog.releases(found.id) if file]

    def release(
        self, repository: str, project: str, version: str, *, actor: Actor = OPERATOR
    ) -> list[DistributionFile]:
        """The files of one release, by upload.

        Raises UnknownRepository, UnknownProject or UnknownRelease.
        """
        with self._database.read() as connection:
            catalog = Catalog(connection)
            _repository, found = self._locate(catalog, repository, project, actor)
            wanted = version_or_none(version)
            files = [
                file for spelled, file in catalog.releases(found.id) if Version(spelled) == wanted
            ]
        if not files:
            raise _unknown_release(found, version)
        return [file for file in files if file is not None]

    def file(self, repository: str, filename: str, *, actor: Actor = OPERATOR) -> DistributionFile:
        """Raises UnknownRepository or UnknownFile."""
        with self._database.read() as connection:
            _repository, _project, file = self._locate_file(
                Catalog(connection), repository, filename, actor
            )
            return file

    def set_status(
        self,
        repository: str,
        project: str,
        status: ProjectStatus,
        reason: str = "",
        *,
        actor: Actor = OPERATOR,
    ) -> None:
        """PEP 792. Raises UnknownRepository, UnknownProject or InvalidSetting."""
        if status not in PROJECT_STATUSES:
            raise InvalidSetting(f"A status is one of {', '.join(PROJECT_STATUSES)}.")
        require_storable(reason)
        with self._change(repository, project, actor) as change:
            change.catalog.change_project(change.project.id, status=status, status_reason=reason)
            change.record(f"set status {status}", detail={"reason": reason} if reason else None)

    def delete(self, repository: str, project: str, *, actor: Actor = OPERATOR) -> None:
        """Its filenames stay taken. Raises UnknownRepository or UnknownProject."""
        with self._change(repository, project, actor) as change:
            change.retire()
            change.record("delete project")
            change.catalog.delete_project(change.project)

    def yank_release(
        self,
        repository: str,
        project: str,
        version: str,
        reason: str | None,
        *,
        actor: Actor = OPERATOR,
    ) -> None:
        """Yanks all files of a release (PEP 592), or takes that back where `reason` is None.

        Raises UnknownRepository, UnknownProject, UnknownRelease or InvalidSetting.
        """
        require_storable(reason or "")
        with self._change(repository, project, actor) as change:
            change.catalog.yank_release(change.release_id(version), reason)
            change.record(_yank_action(reason, "release"), version=version, detail=_why(reason))

    def delete_release(
        self, repository: str, project: str, version: str, *, actor: Actor = OPERATOR
    ) -> None:
        """Its filenames stay taken. Raises UnknownRepository, UnknownProject, UnknownRelease."""
        with self._change(repository, project, actor) as change:
            release_id = change.release_id(version)
            change.retire(release_id)
            change.catalog.delete_release(release_id)
            change.record("delete release", version=version)

    def yank_file(
        self, repository: str, filename: str, reason: str | None, *, actor: Actor = OPERATOR
    ) -> None:
        """Yanks one file (PEP 592), or takes that back where `reason` is None.

        Raises UnknownRepository, UnknownFile or InvalidSetting.
        """
        require_storable(reason or "")
        with self._file_change(repository, filename, actor) as (change, file):
            change.catalog.yank_file(change.repository, filename, reason)
            change.record(
                _yank_action(reason, "file"),
                version=file.version,
                filename=filename,
                detail=_why(reason),
            )

    def delete_file(self, repository: str, filename: str, *, actor: Actor = OPERATOR) -> None:
        """The filename stays taken. Raises UnknownRepository or UnknownFile."""
        with self._file_change(repository, filename, actor) as (change, file):
            change.catalog.retire_filename(change.repository, filename)
            change.catalog.delete_file(change.repository, filename)
            change.record(
                "delete file",
                version=file.version,
                filename=filename,
                detail={"sha256": file.digests.sha256},
            )

    @contextmanager
    def _change(self, repository: str, project: str, actor: Actor) -> Iterator[_Change]:
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock(repository)
            yield _Change(catalog, actor, *self._locate(catalog, repository, project, actor))

    @contextmanager
    def _file_change(
        self, repository: str, filename: str, actor: Actor
    ) -> Iterator[tuple[_Change, DistributionFile]]:
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock(repository)
            managed, project, file = self._locate_file(catalog, repository, filename, actor)
            yield _Change(catalog, actor, managed, project), file

    def _locate_file(
        self, catalog: Catalog, repository: str, filename: str, actor: Actor
    ) -> tuple[Repository, Project, DistributionFile]:
        found, project, file = catalog.locate_file(repository, filename) or (None, None, None)
        managed = admit(self._policy, actor, Permission.MANAGE, repository, found)
        if project is None or file is None:
            raise UnknownFile(f"There is no file {filename!r} in {repository!r}; check the name.")
        return managed, project, file

    def _locate(
        self, catalog: Catalog, repository: str, project: str, actor: Actor
    ) -> tuple[Repository, Project]:
        found, located = catalog.locate(repository, normalize(project)) or (None, None)
        managed = admit(self._policy, actor, Permission.MANAGE, repository, found)
        if located is None:
            raise UnknownProject(
                f"There is no project {project!r} in {repository!r}; check the name."
            )
        return managed, located


def _known_release(catalog: Catalog, project: Project, version: str) -> int:
    """Its id; raises UnknownRelease."""
    wanted = version_or_none(version)
    found = None if wanted is None else catalog.release_id(project.id, wanted)
    if found is None:
        raise _unknown_release(project, version)
    return found


def _unknown_release(project: Project, version: str) -> UnknownRelease:
    return UnknownRelease(
        f"{project.name} has no release {version[:80]!r} here; check the version."
    )


def _yank_action(reason: str | None, what: str) -> str:
    return f"unyank {what}" if reason is None else f"yank {what}"


def _why(reason: str | None) -> dict[str, str] | None:
    return {"reason": reason} if reason else None
