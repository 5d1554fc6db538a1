"""Creates, lists, changes and deletes upstreams."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Unpack

from pypi_repo.domain.accounts.access import Actor, ActorKind, Area, require_area
from pypi_repo.domain.errors import (
    Conflict,
    InvalidSetting,
    NameTaken,
    PermissionDenied,
    UpstreamFailed,
    UpstreamRefused,
)
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.prefetching.environments import ALL_ENVIRONMENTS, Environments
from pypi_repo.domain.prefetching.wanted import Wanted
from pypi_repo.domain.records import Repository
from pypi_repo.domain.upstreams.errors import UnknownUpstream
from pypi_repo.domain.upstreams.upstream import (
    SECRET_SETTINGS,
    GivenUpstreamSettings,
    Upstream,
    UpstreamSettings,
    index_url,
)
from pypi_repo.services.gate import Audit, Gate
from pypi_repo.services.operations.progress import Listener, nobody
from pypi_repo.services.sources.readers import Readers
from pypi_repo.services.upstreams.configuring.checking import (
    PageRead,
    UpstreamCheck,
    UpstreamChecks,
    is_asked_otherwise,
)
from pypi_repo.services.upstreams.fetching.prefetching import Prefetched, Prefetching
from pypi_repo.services.upstreams.reports import reports_on
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.journal import Journal
from pypi_repo.storage.upstream_reports import UpstreamReport
from pypi_repo.storage.upstreams import Health, Upstreams
from pypi_repo.variables import ADMINISTRATORS_VARIABLES

_OF_THE_OPERATOR: tuple[str, ...] = ("allow_private_network", "ca_file")
"""Settings with which a page could have anything in the network of the server fetched, and files of
the server opened."""


class UpstreamManagement:
    """Manages upstreams, which several repositories can have among their sources.

    All methods raise PermissionDenied unless the actor is the operator or an administrator with the
    area `repositories`.
    """

    def __init__(
        self,
        actor: Actor,
        database: Database,
        gate: Gate,
        readers: Readers,
        checks: UpstreamChecks,
        prefetching: Prefetching,
    ) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate
        self._readers = readers
        self._checks = checks
        self._prefetching = prefetching

    def create(self, name: str, **given: Unpack[GivenUpstreamSettings]) -> Upstream:
        """Creates an upstream.

        name: its name, for which the rules for names of repositories hold.
        given: settings, which are fields of `UpstreamSettings`; `url` is required.

        Raises InvalidName, InvalidSetting or NameTaken, and PermissionDenied for settings that only
        the operator changes: `allow_private_network` and `ca_file`.
        """
        require_area(self._actor, Area.REPOSITORIES)
        now = datetime.now(UTC)
        given["url"] = index_url(given.get("url", ""))
        planned = Upstream(id=0, name=repository_name(name, "upstream"), created_at=now, **given)
        planned.check()
        self._require_operator(UpstreamSettings(), given)
        self._check_credentials(None, planned, given)
        with self._database.begin() as connection:
            created = Upstreams(connection).add(name, planned, now)
            if created is None:
                raise NameTaken(f"There is an upstream {name!r} already; choose another name.")
            self._record(Journal(connection), "create upstream", name, planned.settings())
        return created

    def all(self) -> list[Upstream]:
        """Returns all upstreams, sorted by name."""
        require_area(self._actor, Area.REPOSITORIES)
        return Upstreams(self._database).all()

    def get(self, name: str) -> Upstream:
        """Returns an upstream.

        Raises UnknownUpstream.
        """
        require_area(self._actor, Area.REPOSITORIES)
        return known_upstream(Upstreams(self._database), name)

    def health(self, name: str) -> Health:
        """Returns what is known of the last requests to an upstream.

        Raises UnknownUpstream.
        """
        return Upstreams(self._database).health(self.get(name))

    def check(self, name: str) -> UpstreamCheck:
        """Asks an upstream for a page, and returns what it says.

        Raises UnknownUpstream, and UpstreamFailed or UpstreamRefused if it does not answer.
        """
        return self._checks.check(self.get(name))

    def find_file_hosts(self, name: str) -> Upstream:
        """Asks an upstream from which hosts its files come, and lets files be fetched from there.

        Returns the changed upstream.

        Raises UnknownUpstream, and UpstreamFailed or UpstreamRefused if it does not answer.
        """
        found = self._checks.check(self.get(name)).file_hosts
        return self.change(name, file_hosts=found)

    def read_page(self, name: str, given: Collection[str]) -> PageRead:
        """Asks an upstream for a page if settings say anew what is asked, and how.

        Otherwise only the first installation would tell what is wrong. If no hosts of files are
        known, those that the page names are taken, unless only the operator may change them.

        given: the names of the settings that were given to it.

        Raises UnknownUpstream. That the upstream does not answer is in what is returned.
        """
        upstream = self.get(name)
        if not is_asked_otherwise(upstream, given):
            return PageRead(upstream)
        try:
            hosts = self._checks.check(upstream).file_hosts
        except (UpstreamFailed, UpstreamRefused) as error:
            is_operator = self._actor.kind is ActorKind.OPERATOR
            return PageRead(
                upstream,
                failure=error.for_operator if is_operator else error.message,
                setting=error.setting if isinstance(error, UpstreamRefused) else None,
            )
        if hosts and not upstream.file_hosts:
            with suppress(PermissionDenied):  # it is in a private network
                return PageRead(self.change(name, file_hosts=hosts), new_hosts=hosts)
        others = tuple(host for host in hosts if host not in upstream.file_hosts)
        return PageRead(upstream, other_hosts=others)

    def prefetch(
        self,
        name: str,
        wanted: Iterable[Wanted],
        environments: Environments = ALL_ENVIRONMENTS,
        listener: Listener = nobody,
    ) -> Prefetched:
        """Fetches files ahead of need, as far as they are not here yet.

        An upstream is not asked for a project that does not come from it in a repository which has
        it among its sources.

        wanted: what is wanted of each project.
        environments: for which interpreters and platforms files are wanted.

        Raises UnknownUpstream, and Conflict if the upstream is offline.
        """
        return self._prefetching.run(self.get(name), wanted, environments, listener)

    def reports(self) -> list[UpstreamReport]:
        """Returns how all upstreams answer and are used, sorted by name."""
        return self._reports(self.all())

    def report(self, name: str) -> UpstreamReport:
        """Returns how an upstream answers and is used.

        Raises UnknownUpstream.
        """
        (report,) = self._reports([self.get(name)])
        return report

    def _reports(self, upstreams: Sequence[Upstream]) -> list[UpstreamReport]:
        """Returns reports without the names of repositories that the actor may not see."""
        shows = self._audit(Catalog(self._database)).shows
        return [
            replace(report, users=tuple(filter(shows, report.users)))
            for report in reports_on(self._database, self._readers, upstreams)
        ]

    def _audit(self, catalog: Catalog) -> Audit:
        return Audit(self._gate, self._actor, catalog)

    def change(self, name: str, **given: Unpack[GivenUpstreamSettings]) -> Upstream:
        """Changes settings of an upstream, from the next request on.

        given: the settings to change, which are fields of `UpstreamSettings`. All other settings
            stay as they are.

        Returns the changed upstream.

        Raises UnknownUpstream, and InvalidSetting, also for a URL that leads out of the folder of
        the index unless the credentials are given again: they are not for another index. Raises
        PermissionDenied for settings that only the operator changes: `allow_private_network` and
        `ca_file`, and of an upstream in a private network, `url` and `file_hosts`.
        """
        require_area(self._actor, Area.REPOSITORIES)
        if "url" in given:
            given["url"] = index_url(given["url"])
        with self._database.begin() as connection:
            stored = Upstreams(connection)
            upstream = known_upstream(stored, name)
            changed = replace(upstream, **given)
            changed.check()
            self._require_operator(upstream, given)
            self._check_credentials(upstream, changed, given)
            if given:
                upstream = stored.change(upstream, given)
                self._record(Journal(connection), "change upstream", name, given)
        return upstream

    def delete(self, name: str) -> None:
        """Deletes an upstream with everything that is known of it.

        Its cached files are deleted by the next `Upkeep.sweep`.

        Raises UnknownUpstream, and Conflict for a source of a repository: later sources would take
        over its names.
        """
        require_area(self._actor, Area.REPOSITORIES)
        with self._database.begin() as connection:
            catalog, stored = Catalog(connection), Upstreams(connection)
            catalog.lock_repositories()  # or it could become a source meanwhile
            upstream = known_upstream(stored, name)
            require_unused(f"Upstream {name!r}", stored.users(upstream), self._audit(catalog))
            stored.delete(upstream)
            self._record(Journal(connection), "delete upstream", name, {})

    def _require_operator(self, before: UpstreamSettings, given: GivenUpstreamSettings) -> None:
        if self._actor.kind is ActorKind.OPERATOR:
            return
        settings = _OF_THE_OPERATOR
        if before.allow_private_network:
            settings += ("url", "file_hosts")  # which say what in that network is asked
        if any(given.get(name, stored) != stored for name, stored in _named(before, settings)):
            raise PermissionDenied(
                "Only the operator of the server lets an upstream into a private network, changes "
                "where such an upstream leads, or names a file of certificates; have it done "
                "on the command line of the server."
            )

    def _check_credentials(
        self, before: Upstream | None, after: UpstreamSettings, given: GivenUpstreamSettings
    ) -> None:
        _require_both(before, after, given)
        if before is not None and not {"secret", "secret_variable"} & given.keys():
            _require_credentials_for(before, after)
        variable = given.get("secret_variable")
        if (
            variable is not None
            and self._actor.kind is not ActorKind.OPERATOR
            and not variable.startswith(ADMINISTRATORS_VARIABLES)
        ):
            raise InvalidSetting(
                f"The name of the variable must begin with {ADMINISTRATORS_VARIABLES}, because "
                "others may have secrets of the server; choose another one."
            )

    def _record(self, journal: Journal, action: str, name: str, values: Mapping[str, Any]) -> None:
        detail = {
            key: "(not shown)" if key in SECRET_SETTINGS and value is not None else _text(value)
            for key, value in values.items()
        }
        journal.record(JournalEntry.by(self._actor, action, detail={"upstream": name, **detail}))


def _named(before: UpstreamSettings, names: Iterable[str]) -> Iterable[tuple[str, Any]]:
    return ((name, getattr(before, name)) for name in names)


def _require_both(
    before: Upstream | None, after: UpstreamSettings, given: GivenUpstreamSettings
) -> None:
    """A password that is stored is for one user, and is no token."""
    has_other_user = after.username != (before and before.username)
    if "secret" in given or has_other_user:
        is_kept = "secret" not in given and after.secret is not None
        if is_kept or (after.username is not None and after.secret is None):
            raise InvalidSetting("A user name and its password belong together; give both.")


def _require_credentials_for(before: Upstream, after: UpstreamSettings) -> None:
    """What may be sent to one host could otherwise be read by changing the URL to another."""
    if after.has_credentials and before.keeps_credentials_from(after.url):
        raise InvalidSetting(
            "The URL leads to another place; give the credentials for it, too, or remove them."
        )


def _text(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def known_upstream(stored: Upstreams, name: str) -> Upstream:
    """Returns an upstream.

    Raises UnknownUpstream.
    """
    found = stored.upstream(name)
    if found is None:
        raise UnknownUpstream(f"There is no upstream {name[:80]!r} here; check the name.")
    return found


def require_unused(what: str, users: Sequence[Repository], audit: Audit) -> None:
    """Raises Conflict if repositories have something among their sources.

    what: what it is, as a sentence begins.
    users: the repositories.
    audit: decides which of them are named.
    """
    if not users:
        return
    shown = [user.name for user in users if audit.shows(user.name)]
    named = ", ".join(shown[:5]) or "a repository that you may not see"
    raise Conflict(
        f"{what} is a source of {named}{' ...' if len(shown) > 5 else ''}; remove it from the "
        "sources there first."
    )
