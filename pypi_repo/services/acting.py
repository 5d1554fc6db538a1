"""The services of a registry on behalf of one actor."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TYPE_CHECKING

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.services.accounts.accounts import Accounts
from pypi_repo.services.accounts.administrators import Administrators
from pypi_repo.services.accounts.groups import Groups
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.services.accounts.rights import Rights
from pypi_repo.services.attestations.trust_roots import TrustRoots
from pypi_repo.services.chores.chores import Chores
from pypi_repo.services.chores.review import ChoreReview
from pypi_repo.services.events.telling import Telling
from pypi_repo.services.events.webhooks import Webhooks
from pypi_repo.services.gate import Gate
from pypi_repo.services.identity.issuers import Issuers
from pypi_repo.services.identity.management import ProviderManagement
from pypi_repo.services.identity.publishers import Publishers
from pypi_repo.services.importing.context import ImportContext
from pypi_repo.services.lifecycle.intake import Intake
from pypi_repo.services.lifecycle.pins import Pins
from pypi_repo.services.lifecycle.promotion import Promotion
from pypi_repo.services.lifecycle.recheck import Rechecks
from pypi_repo.services.lifecycle.retention import Retention
from pypi_repo.services.lifecycle.stages import Stages
from pypi_repo.services.lifecycle.trash import TrashCan
from pypi_repo.services.operations.activity import Activity
from pypi_repo.services.operations.usage import UsageCounter, UsageReports
from pypi_repo.services.packages.placing import Accepted
from pypi_repo.services.packages.projects import Projects
from pypi_repo.services.packages.repositories import Repositories
from pypi_repo.services.people.invitations import Invitations
from pypi_repo.services.sources.readers import Readers
from pypi_repo.services.upstreams.configuring.checking import UpstreamChecks
from pypi_repo.services.upstreams.configuring.management import UpstreamManagement
from pypi_repo.services.upstreams.configuring.sources import Sources
from pypi_repo.services.upstreams.configuring.warnings import Warnings
from pypi_repo.services.upstreams.fetching.prefetching import Prefetching
from pypi_repo.storage.database.database import Database

if TYPE_CHECKING:
    from pypi_repo.services.importing.importing import Imports


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the services of all actors share."""

    database: Database
    gate: Gate
    passwords: Passwords
    usage_counter: UsageCounter
    rechecks: Rechecks
    intake: Intake
    upstream_checks: UpstreamChecks
    readers: Readers
    prefetching: Prefetching
    issuers: Issuers
    for_imports: ImportContext
    chores: Chores
    telling: Telling


class Acting:
    """The services of a registry on behalf of one actor.

    It is created by `Registry.acting_as`. Each method of the services checks whether the actor is
    allowed to call it, and the journal names the actor.
    """

    def __init__(self, actor: Actor, shared: Shared) -> None:
        self.actor = actor
        self._shared = shared
        self._database, self._gate = shared.database, shared.gate

    @cached_property
    def repositories(self) -> Repositories:
        """Creates, lists, changes and deletes repositories."""
        return Repositories(self.actor, self._database, self._gate)

    @cached_property
    def projects(self) -> Projects:
        """Lists, yanks and deletes projects, releases and files; sets project statuses."""
        return Projects(self.actor, self._database, self._gate)

    @cached_property
    def pins(self) -> Pins:
        """Pins releases that are in use, so that no retention rule deletes them."""
        return Pins(self.actor, self._database, self._gate)

    @cached_property
    def retention(self) -> Retention:
        """Manages retention rules, shows what they delete, and runs them."""
        return Retention(self.actor, self._database, self._gate, self._shared.usage_counter)

    @cached_property
    def stages(self) -> Stages:
        """Opens, shows, publishes and drops stages, whose files are published together."""
        return self._shared.intake.stages(self.actor)

    @cached_property
    def trash(self) -> TrashCan:
        """Restores what was deleted or overwritten, or deletes it for good."""
        return TrashCan(self.actor, self._database, self._gate)

    @cached_property
    def accounts(self) -> Accounts:
        """Manages repository users and their tokens."""
        return Accounts(self.actor, self._database, self._gate, self._shared.passwords)

    @cached_property
    def groups(self) -> Groups:
        """Manages groups of repository users."""
        return Groups(self.actor, self._database, self._gate)

    @cached_property
    def invitations(self) -> Invitations:
        """Invites repository users, who set their passwords themselves."""
        return Invitations(self.actor, self._database)

    @cached_property
    def rights(self) -> Rights:
        """Says what repository users may do, and why."""
        return Rights(self.actor, self._database, self._gate)

    @cached_property
    def administrators(self) -> Administrators:
        """Manages administrators and their tokens."""
        return Administrators(self.actor, self._database, self._shared.passwords)

    @cached_property
    def identity_providers(self) -> ProviderManagement:
        """Manages identity providers, with which people sign in who have an account elsewhere."""
        return ProviderManagement(self.actor, self._database, self._shared.issuers)

    @cached_property
    def publishers(self) -> Publishers:
        """Manages publishers: CI jobs that may upload or read without a password."""
        return Publishers(self.actor, self._database, self._gate, self._shared.issuers)

    @cached_property
    def trust_roots(self) -> TrustRoots:
        """Shows and replaces the trust root, with which attestations are verified."""
        return TrustRoots(self.actor, self._database)

    @cached_property
    def activity(self) -> Activity:
        """Reads the journal."""
        return Activity(self.actor, self._database, self._gate)

    @cached_property
    def chores(self) -> ChoreReview:
        """Shows how the work went that is done beside requests."""
        return ChoreReview(self.actor, self._shared.chores)

    @cached_property
    def usage(self) -> UsageReports:
        """Reports how much is stored and downloaded."""
        return UsageReports(self.actor, self._database, self._gate, self._shared.usage_counter)

    @cached_property
    def upstreams(self) -> UpstreamManagement:
        """Creates, lists, changes and deletes upstreams."""
        return UpstreamManagement(
            self.actor,
            self._database,
            self._gate,
            self._shared.readers,
            self._shared.upstream_checks,
            self._shared.prefetching,
        )

    @cached_property
    def sources(self) -> Sources:
        """Manages the sources of repositories, and the rules for what comes from them."""
        return Sources(
            self.actor, self._database, self._gate, self._shared.readers, self._shared.usage_counter
        )

    @cached_property
    def warnings(self) -> Warnings:
        """Warns of settings of repositories and upstreams that are probably mistakes."""
        return Warnings(self.actor, self._database, self._gate, self._shared.readers)

    @cached_property
    def imports(self) -> "Imports":
        """Imports what folders and other indexes have."""
        from pypi_repo.services.importing.importing import Imports  # no server needs it

        return Imports(self.actor, self._shared.for_imports, self.projects)

    @cached_property
    def promotion(self) -> Promotion:
        """Copies and moves releases to other repositories."""
        return Promotion(
            self.actor,
            self._database,
            self._gate,
            self._shared.rechecks,
            self._shared.readers.check_new_name,
        )

    @cached_property
    def webhooks(self) -> Webhooks:
        """Creates, lists, changes and deletes webhooks, and shows what they were told."""
        return Webhooks(self.actor, self._database, self._gate, self._shared.telling)

    def add_file(
        self,
        repository: str,
        file: str | os.PathLike[str] | IO[bytes],
        *,
        filename: str | None = None,
    ) -> Accepted:
        """Adds a wheel or sdist to a repository, with the same checks as an upload.

        The file is added completely or not at all. Adding the same file again changes nothing.

        repository: the name of the repository.
        file: the path of the file, or a binary stream, which is read to its end.
        filename: the name of the file; required for a stream, and by default that of the path. It
            must be the name that the standards prescribe for this project and version (PEP 427, PEP
            625).

        Returns the file as it is on the index, with warnings.

        Raises a RegistryError that says what is wrong with the file or why it may not be added,
        OSError if the path cannot be read, and ValueError for a stream without a filename.
        """
        if isinstance(file, str | os.PathLike):
            with open(file, "rb") as stream:
                name = filename or os.path.basename(file)
                return self.add_file(repository, stream, filename=name)
        if filename is None:
            raise ValueError("A stream has no name: say filename='demo-1.0-py3-none-any.whl'.")
        return self._shared.intake.uploads_to(repository).add(self.actor, filename, file)
