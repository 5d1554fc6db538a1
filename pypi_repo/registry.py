"""Registry: the one place where objects are built and joined."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from pypi_repo.domain.accounts.access import OPERATOR, AccessPolicy, Actor, GrantPolicy
from pypi_repo.domain.errors import NoRegistry
from pypi_repo.domain.events.event import Event
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.outbound.mail import Mailer
from pypi_repo.services.accounts.credentials import Credentials
from pypi_repo.services.accounts.login import Login
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.services.accounts.sessions import Session, Sessions
from pypi_repo.services.accounts.setup import Setup
from pypi_repo.services.accounts.throttle import Throttle
from pypi_repo.services.acting import Acting, Shared
from pypi_repo.services.bound_repository import BoundRepository
from pypi_repo.services.chores.all_chores import chores_of
from pypi_repo.services.chores.chores import Chores
from pypi_repo.services.events.telling import Telling
from pypi_repo.services.gate import Gate
from pypi_repo.services.identity.issuers import LIMITS, Issuers
from pypi_repo.services.identity.minting import TrustedPublishing
from pypi_repo.services.identity.sign_in import SignIn
from pypi_repo.services.importing.context import ImportContext
from pypi_repo.services.lifecycle.intake import Intake
from pypi_repo.services.lifecycle.recheck import Rechecks
from pypi_repo.services.lifecycle.retention import Retention
from pypi_repo.services.notes import Notes
from pypi_repo.services.operations.backup import Backup
from pypi_repo.services.operations.readiness import Readiness
from pypi_repo.services.operations.upkeep import Upkeep
from pypi_repo.services.operations.usage import UsageCounter
from pypi_repo.services.packages.documents import Documents
from pypi_repo.services.packages.own_uploads import OwnUploads
from pypi_repo.services.packages.readmes import Readmes
from pypi_repo.services.people.invitations import Acceptance
from pypi_repo.services.people.own_account import OwnAccount
from pypi_repo.services.people.user_sessions import UserSessions
from pypi_repo.services.small_files import SmallFiles
from pypi_repo.services.sources.readers import Readers
from pypi_repo.services.sources.source import Source
from pypi_repo.services.sources.stored_file import Downloads
from pypi_repo.services.upstreams.configuring.checking import UpstreamChecks
from pypi_repo.services.upstreams.fetching.prefetching import Prefetching
from pypi_repo.services.upstreams.files import UpstreamFiles
from pypi_repo.services.upstreams.pages import UpstreamPages
from pypi_repo.services.upstreams.targets import Targets
from pypi_repo.settings import Settings
from pypi_repo.storage.blobs.urls import open_blob_store
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.prepared import Result
from pypi_repo.storage.places import blob_place, folder_mode
from pypi_repo.web.authenticate import Authenticate
from pypi_repo.web.mount import only_waiting
from pypi_repo.web.observability.instrumentation import instrumented
from pypi_repo.web.observability.metrics import MetricFamily
from pypi_repo.web.observability.operators import apps_for_operators
from pypi_repo.web.observability.process_metrics import process_metrics
from pypi_repo.web.observability.request_metrics import RequestMetrics
from pypi_repo.web.observability.shared_metrics import SharedMetrics
from pypi_repo.web.observability.upstream_metrics import upstream_metrics
from pypi_repo.web.packages.page_cache import PageCache
from pypi_repo.web.proxy import at_public_url
from pypi_repo.web.site import registry_site

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Registry:
    """A registry: one metadata database and one file store, with everything that is in them.

    The schema of a SQLite database that does not exist yet is created at once, and `is_new` is
    true. Any other database with the schema of another version raises SchemaOutdated when it is
    used, until `upgrade` is called.

    settings: where the data is, and limits.
    policy: the rules of access. By default, users may do what their grants allow, and everybody may
        read public repositories. The policy is never asked about the operator.
    make_new: whether a missing SQLite database is created. Use False for a registry that must exist
        already, to notice a mistyped location.

    Raises ConfigurationError if the settings are invalid, and NoRegistry if `make_new` is False and
    there is no registry.
    """

    def __init__(
        self, settings: Settings, *, policy: AccessPolicy | None = None, make_new: bool = True
    ) -> None:
        if policy is not None and not isinstance(policy, AccessPolicy):
            raise TypeError(
                f"The policy must be an object of an AccessPolicy, not {policy!r:.200}."
            )
        self._settings = settings
        self._has_own_policy = policy is not None
        self._gate = Gate(policy or GrantPolicy(), trash_days=settings.trash_days)
        self._database = Database(
            settings.database,
            guard=schema.require_current,
            folder_mode=folder_mode(settings.files_sent_by),
            schema=settings.database_schema,
        )
        self.fresh_answers = self._database.fresh_answers  # for the server of `serve`
        self.is_new = not self._database.exists()
        if self.is_new and not make_new:
            raise NoRegistry(
                f"There is no registry in {self._database}; check the place, or create one."
            )
        self._blobs = open_blob_store(blob_place(settings, self._database), settings.blob_options)
        self.readiness = Readiness(self._database, self._blobs)
        self._documents = Documents(self._blobs)
        self._small_files = SmallFiles(settings.limits.file_cache)
        self.readmes = Readmes()
        rechecks = Rechecks(self._blobs, self._documents, self.readmes, settings.limits)
        self._passwords = passwords = Passwords(settings.password_cost)
        limits = settings.limits
        throttle = Throttle(limits.failed_logins, limits.failed_logins_per_address)
        credentials = Credentials(passwords, throttle)
        self._usage = UsageCounter(self._database)
        self._downloads = Downloads(self._blobs, self._usage, self._small_files)
        self._client = OutboundClient(proxies=settings.proxies)
        targets = Targets(settings.variables)
        self._upstream_pages = UpstreamPages(self._database, self._client, targets)
        cached = self._blobs.for_cache()
        self._upstream_files = UpstreamFiles(
            self._database,
            cached,
            self._client,
            targets,
            Downloads(cached, self._usage, self._small_files),
            pages=self._upstream_pages,
            usage=self._usage,
            limits=limits,
        )
        self._readers = Readers(
            self._database,
            self._gate,
            self._documents,
            self._downloads,
            self._upstream_pages,
            self._upstream_files,
        )
        prefetching = Prefetching(
            self._database, self._upstream_pages, self._upstream_files, self._readers
        )
        common = self._database, self._blobs, self._gate, self.readmes, limits
        self._intake = Intake(*common, self._readers, rechecks)
        self.sessions = Sessions(self._database, credentials)
        self._issuers = Issuers(self._database, OutboundClient(LIMITS, settings.proxies))
        self.trusted_publishing = TrustedPublishing(
            self._database,
            self._issuers,
            Throttle(limits.failed_logins, from_one_address=None),
            settings.oidc_audience,
        )
        self._login = Login(self._database, credentials, self._usage, self.trusted_publishing)
        self.user_sessions = UserSessions(self._database, self._login, self._usage)
        self.invitations = Acceptance(self._database, passwords)
        self.sign_in = SignIn(
            self._database, self._issuers, throttle, self.sessions, self.user_sessions
        )
        self.mailer = None if settings.smtp is None else Mailer.of(settings.smtp)
        self.notes = Notes(self._database)
        self.upkeep = Upkeep(self._database, self._blobs, cached, self._upstream_files.settling)
        self._telling = Telling(self._database, settings.proxies)
        retention = Retention(OPERATOR, self._database, self._gate, self._usage)
        chores = chores_of(self._database, self.upkeep, retention, self._telling)
        self.chores = Chores(self._database, chores)
        self.backup = Backup(self._database, self._blobs)
        self.setup = Setup(self._database, passwords)
        self._shared = Shared(
            database=self._database,
            gate=self._gate,
            passwords=passwords,
            usage_counter=self._usage,
            rechecks=rechecks,
            intake=self._intake,
            upstream_checks=UpstreamChecks(self._database, self._client, targets),
            readers=self._readers,
            prefetching=prefetching,
            issuers=self._issuers,
            for_imports=ImportContext(*common, self._client),
            chores=self.chores,
            telling=self._telling,
        )
        self._shared_metrics: list[SharedMetrics] = []
        if self.is_new:
            self.upgrade()

    @property
    def database_place(self) -> str:
        """The location of the database for messages: a path, or a URL without its password."""
        return str(self._database)

    @property
    def files_place(self) -> str:
        """The location of the file store for messages: a path or a URL."""
        return str(self._blobs)

    def acting_as(self, actor: Actor) -> Acting:
        """Returns the services of the registry on behalf of an actor.

        actor: the actor that is checked and recorded in the journal. A program that holds the
            registry, and decides itself who may do what, uses `OPERATOR`, which may do everything.
        """
        if not isinstance(actor, Actor):
            raise TypeError(
                f"The services act as an Actor, such as OPERATOR, not as {actor!r:.200}."
            )
        return Acting(actor, self._shared)

    def own_account(self, session: Session) -> OwnAccount:
        """Returns what a repository user who is signed in sees and changes of its own account."""
        return OwnAccount(session, self._database, self._gate, self._login, self._passwords)

    def repository(self, name: str, source: Source | None = None) -> BoundRepository:
        """Returns a repository for the apps that serve it.

        The repository need not exist yet; until it does, the apps answer as for an unknown
        repository.

        source: what readers of the repository get; by default, its own files, and then what its
            sources have.
        """
        return BoundRepository(
            name=name,
            source=source or self._readers.source_of(name),
            uploads=self._intake.uploads_to(name),
            login=self._login,
            sessions=self.user_sessions,
            downloads=self._downloads,
            own_uploads=OwnUploads(name, self._database, self._gate),
            readmes=self.readmes,
            intake=self._intake,
        )

    def wsgi_app(
        self,
        authenticate: Authenticate | None = None,
        source: Callable[[str, Source], Source] | None = None,
    ) -> "WSGIApplication":
        """Returns a WSGI app that serves the whole registry, to run or to mount.

        The app counts requests for `/metrics`, and logs each of them to the logger
        `pypi_repo.access`.

        authenticate: a function that returns the actor of a request, for a host with its own
            accounts, including those of administrators; by default, the accounts of the registry
            are used.
        source: a function that takes the name of a repository and a source of what it has, and
            returns the source that readers of the repository get; by default, what it has: its own
            files, and then what its sources have. It is called when a client first asks for a name
            that a repository may have, whether there is one or not, and for each of its stages. The
            management of the repository, in the portal for example, is always about its own files.
        """
        cache, metrics = PageCache(self._settings.limits.page_cache), RequestMetrics()

        def collect() -> list[MetricFamily]:
            return [
                *metrics.collect(),
                *cache.collect(),
                *process_metrics(self._database.connections(), self._small_files.size()),
                *upstream_metrics(self._upstream_pages, self._upstream_files),
            ]

        shared = SharedMetrics.of(self._settings, collect)
        for_operators = apps_for_operators(
            self._settings.metrics_token,
            shared.collect if shared else collect,
            self.chores.reports,
            self.readiness,
        )
        sent_by = self._settings.files_sent_by
        site = instrumented(
            registry_site(self, cache, authenticate, source, sent_by, for_operators), metrics
        )
        if shared:
            self._shared_metrics.append(shared)
            site = shared.begun_by(site)
        if authenticate or source or self._has_own_policy:
            site = only_waiting(site)  # for what a host asks
        url = self._settings.public_url
        return site if url is None else at_public_url(site, url)

    def as_one(self, work: Callable[[], Result]) -> Result:
        """Calls a function whose reads and changes form one transaction, and returns its result.

        It is meant for changes that depend on what was read before: what the function has read is
        still true when its changes are committed. If another process has changed it, everything is
        rolled back and the function is called again. Calls may be nested: the outermost commits.

        work: the function. It must do its reads and changes through the services of this registry,
            in the thread in which it is called.
        """
        return self._database.as_one(work)

    def subscribe(self, callback: Callable[[Event], object]) -> Callable[[], None]:
        """Calls a function with each event that this registry has committed, in its thread.

        What it raises is logged, and harms nothing. Returns a function that ends this.
        """
        return self._database.committed.listen(callback)

    def upgrade(self) -> None:
        """Upgrades the schema of the database to this version.

        It does nothing if the schema is up to date.
        """
        schema.upgrade(self._database)

    def revision(self) -> str | None:
        """Returns the revision of the database schema, or None for an empty database."""
        return schema.current_revision(self._database)

    def check(self) -> None:
        """Checks whether the database can be used.

        Raises SchemaOutdated or Unavailable.
        """
        schema.require_current(self._database)

    def close(self) -> None:
        """Writes what was counted, and closes the connections to the database.

        The registry opens new connections if it is used again. A process that has used the registry
        must close it before it forks. A registry is also a context manager that closes itself at
        the end of the block.
        """
        self.chores.close()
        self._upstream_files.close()
        self._upstream_pages.close()
        self._usage.flush(for_the_last_time=True)
        for shared in self._shared_metrics:
            shared.close()
        self._database.close()
        self._client.close()
        self._issuers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
