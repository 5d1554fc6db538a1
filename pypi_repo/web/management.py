"""What the portal and the management API need of a registry."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from pypi_repo.domain.access import Actor
from pypi_repo.services.acting import Acting
from pypi_repo.services.notes import Notes
from pypi_repo.services.readmes import Readmes
from pypi_repo.services.sessions import Sessions
from pypi_repo.web.bound_repository import BoundRepository

Result = TypeVar("Result")


class ManagedRegistry(Protocol):
    """`Registry` is one; apps take it so, because they are built below it."""

    sessions: Sessions
    notes: Notes
    readmes: Readmes

    def acting_as(self, actor: Actor) -> Acting: ...
    def repository(self, name: str) -> BoundRepository: ...
    def as_one(self, work: Callable[[], Result]) -> Result: ...
