"""Pins releases that are in use, so that no retention rule deletes them."""

from pypi_repo.domain.accounts.access import Actor, Permission
from pypi_repo.domain.names import normalize
from pypi_repo.domain.text import require_text
from pypi_repo.services.gate import Gate
from pypi_repo.services.packages.project_change import ProjectChange
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.lifecycle.pins import ReleasePins


class Pins:
    """Pins and unpins releases. People and programs can still delete a pinned release.

    All methods raise UnknownRepository or UnknownProject if there is none with the name, and
    PermissionDenied if the actor may not manage the project.
    """

    def __init__(self, actor: Actor, database: Database, gate: Gate) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate

    def of(self, repository: str, project: str) -> dict[str, str]:
        """Returns the reasons of the pins of a project, by version."""
        _repository, found = self._gate.project(
            self._actor,
            Permission.MANAGE,
            Catalog(self._database),
            repository,
            normalize(project),
        )
        return ReleasePins(self._database).of(found)

    def pin(self, repository: str, project: str, version: str, reason: str = "") -> None:
        """Pins a release, or changes the reason of its pin.

        version: the version, in any spelling (PEP 440).
        reason: why it must not be deleted, which may be empty.

        Raises UnknownRelease, or InvalidSetting for a reason that cannot be stored.
        """
        require_text(reason)
        self._set(repository, project, version, reason)

    def unpin(self, repository: str, project: str, version: str) -> None:
        """Lets retention rules decide about a release again.

        Raises UnknownRelease.
        """
        self._set(repository, project, version, None)

    def _set(self, repository: str, project: str, version: str, reason: str | None) -> None:
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock(repository)
            found = self._gate.project(
                self._actor, Permission.MANAGE, catalog, repository, normalize(project)
            )
            change = ProjectChange(self._gate, connection, catalog, self._actor, *found)
            if ReleasePins(connection).set(change.release_id(version), reason):
                action = "unpin release" if reason is None else "pin release"
                change.record(
                    action, version=version, detail={"reason": reason} if reason else None
                )
