"""What the portal and the management API need of a registry."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from pypi_repo.services.accounts import Accounts
from pypi_repo.services.activity import Activity
from pypi_repo.services.administrators import Administrators
from pypi_repo.services.notes import Notes
from pypi_repo.services.projects import Projects
from pypi_repo.services.readmes import Readmes
from pypi_repo.services.repositories import Repositories
from pypi_repo.services.sessions import Sessions
from pypi_repo.services.usage import UsageReports
from pypi_repo.web.bound_repository import BoundRepository

Result = TypeVar("Result")


class ManagedRegistry(Protocol):
    """`Registry` is one; apps take it so, because they are built below it."""

    repositories: Repositories
    projects: Projects
    accounts: Accounts
    administrators: Administrators
    sessions: Sessions
    notes: Notes
    readmes: Readmes
    activity: Activity
    usage: UsageReports

    def repository(self, name: str) -> BoundRepository: ...
    def as_one(self, work: Callable[[], Result]) -> Result: ...
