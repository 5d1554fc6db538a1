"""The services of a registry on behalf of one actor."""

from functools import cached_property

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.services.accounts.accounts import Accounts
from pypi_repo.services.accounts.administrators import Administrators
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.services.gate import Gate
from pypi_repo.services.operations.activity import Activity
from pypi_repo.services.operations.usage import UsageCounter, UsageReports
from pypi_repo.services.packages.projects import Projects
from pypi_repo.services.packages.repositories import Repositories
from pypi_repo.storage.database.database import Database


class Acting:
    """The services of a registry on behalf of one actor.

    It is created by `Registry.acting_as`. Each method of the services checks whether the actor is
    allowed to call it, and the journal names the actor.
    """

    def __init__(
        self,
        actor: Actor,
        database: Database,
        gate: Gate,
        passwords: Passwords,
        usage_counter: UsageCounter,
    ) -> None:
        self.actor = actor
        self._database = database
        self._gate = gate
        self._passwords = passwords
        self._usage_counter = usage_counter

    @cached_property
    def repositories(self) -> Repositories:
        """Creates, lists, changes and deletes repositories."""
        return Repositories(self.actor, self._database, self._gate)

    @cached_property
    def projects(self) -> Projects:
        """Lists, yanks and deletes projects, releases and files; sets project statuses."""
        return Projects(self.actor, self._database, self._gate)

    @cached_property
    def accounts(self) -> Accounts:
        """Manages repository users and their tokens."""
        return Accounts(self.actor, self._database, self._gate, self._passwords)

    @cached_property
    def administrators(self) -> Administrators:
        """Manages administrators and their tokens."""
        return Administrators(self.actor, self._database, self._passwords)

    @cached_property
    def activity(self) -> Activity:
        """Reads the journal."""
        return Activity(self.actor, self._database, self._gate)

    @cached_property
    def usage(self) -> UsageReports:
        """Reports how much is stored and downloaded."""
        return UsageReports(self.actor, self._database, self._gate, self._usage_counter)
