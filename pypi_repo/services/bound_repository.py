"""What the apps for one repository are built from."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pypi_repo.services.accounts.login import Login
from pypi_repo.services.lifecycle.intake import Intake
from pypi_repo.services.packages.own_uploads import OwnUploads
from pypi_repo.services.packages.readmes import Readmes
from pypi_repo.services.packages.upload import Uploads
from pypi_repo.services.people.user_sessions import UserSessions
from pypi_repo.services.sources.source import Source, require_source
from pypi_repo.services.sources.stored_file import Downloads


@dataclass(frozen=True)
class BoundRepository:
    """A repository for the apps that serve it, created by `Registry.repository`.

    source: what readers of the repository get: its own files, or another source.
    uploads: accepts files for the repository.
    login: checks the passwords and tokens of repository users.
    sessions: finds the repository users that are signed in on pages.
    downloads: opens stored files, or has them sent by a proxy or an object store.
    own_uploads: lets users yank what they have uploaded themselves.
    readmes: renders descriptions for pages.
    intake: makes the stages of the repository.
    wrapped: the source that a host has wrapped, and how; None if `source` is not wrapped.
    """

    name: str
    source: Source
    uploads: Uploads
    login: Login
    sessions: UserSessions
    downloads: Downloads
    own_uploads: OwnUploads
    readmes: Readmes
    intake: Intake
    wrapped: tuple[Source, Callable[[Source], Source]] | None = None

    def __post_init__(self) -> None:
        require_source(self.source)

    def wrapped_by(self, wrapper: Callable[[Source], Source]) -> "BoundRepository":
        """Returns the repository with another source around its source, and around its stages.

        wrapper: returns the other source, for the one that it goes around.
        """
        return replace(self, source=wrapper(self.source), wrapped=(self.source, wrapper))

    def at_stage(self, id_: str) -> "BoundRepository":
        """Returns the repository as the clients of one of its stages see it.

        What a host's source hides is also hidden if it is staged.

        id_: the id of the stage, which need not be open.
        """
        uploads = self.intake.uploads_to_stage(self.name, id_)
        source, wrapper = self.wrapped or (self.source, None)
        staged = replace(
            self, source=self.intake.source_at_stage(source, self.name, id_), uploads=uploads
        )
        return staged if wrapper is None else staged.wrapped_by(wrapper)
