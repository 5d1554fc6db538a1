"""A change to a project that was uploaded, with its entry in the journal."""

from dataclasses import dataclass

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import unknown_release
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.records import Project, ProjectStatus, Repository
from pypi_repo.domain.versions import version_or_none
from pypi_repo.services.gate import Gate
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.executor import Executor


@dataclass(frozen=True, slots=True)
class ProjectChange:
    """A change to one project within a transaction that locks its repository."""

    gate: Gate
    executor: Executor
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
        """Gives the project a new serial, and notes in the journal what was done."""
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

    def set_status(self, status: ProjectStatus, reason: str) -> None:
        """Sets the status of the project, and notes it in the journal."""
        self.catalog.change_project(self.project.id, status=status, status_reason=reason)
        self.record(f"set status {status}", detail={"reason": reason} if reason else None)

    def release_id(self, version: str) -> int:
        """Returns the id of a release. Raises UnknownRelease."""
        wanted = version_or_none(version)
        found = None if wanted is None else self.catalog.release_id(self.project.id, wanted)
        if found is None:
            raise unknown_release(self.project.name, version)
        return found


def yank_action(reason: str | None, what: str) -> str:
    """Returns how the journal calls it; without a reason, a yank is undone."""
    return f"unyank {what}" if reason is None else f"yank {what}"


def why_yanked(reason: str | None) -> dict[str, str] | None:
    """Returns what the journal says beside it."""
    return {"reason": reason} if reason else None
