"""Warns of settings that are valid, and probably mistakes."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import Actor, Area, Permission, may_manage, require_area
from pypi_repo.domain.identity.known_claims import warnings_of_claims
from pypi_repo.domain.identity.publisher import Publisher
from pypi_repo.domain.records import Repository
from pypi_repo.domain.text import counted
from pypi_repo.domain.upstreams.rules import closing_rule, warning_of_rule
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.values.durations import Age
from pypi_repo.services.gate import Gate
from pypi_repo.services.sources.readers import Readers
from pypi_repo.services.upstreams.audit import is_left_out
from pypi_repo.services.upstreams.configuring.management import known_upstream
from pypi_repo.settings import KIB
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.identity.publishers import PublisherRows
from pypi_repo.storage.upstreams import Upstreams

_Warning = tuple[frozenset[str], str]
"""The settings that it is about, and the sentence."""

_SIZES = {
    "max_file_size": "largest file",
    "quota": "limit for all files together",
    "cache_size": "cache",
}


class Warnings:
    """Looks at how repositories and upstreams are configured. Nothing elsewhere is asked."""

    def __init__(self, actor: Actor, database: Database, gate: Gate, readers: Readers) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate
        self._readers = readers

    def of_repository(self, name: str, about: Collection[str] | None = None) -> list[str]:
        """Returns what is probably wrong with a repository and its sources, as sentences.

        about: names of settings, or `sources`, `reserved` and `rules`; None for all.

        Raises UnknownRepository, and PermissionDenied if the actor may not manage it.
        """
        catalog = Catalog(self._database)
        repository = self._gate.repository(self._actor, Permission.MANAGE, catalog, name)
        configured = self._readers.configured(repository).configured
        return _sentences(self._about_repository(repository, configured), about)

    def of_rule(self, repository: str, rule_id: int) -> list[str]:
        """Returns what is probably wrong with a rule of a repository, as sentences.

        Raises UnknownRepository, and PermissionDenied if the actor may not manage it.
        """
        found = self._gate.repository(
            self._actor, Permission.MANAGE, Catalog(self._database), repository
        )
        rules = self._readers.configured(found).configured.rules
        warning = warning_of_rule(rule_id, rules, datetime.now(UTC))
        return [*filter(None, [warning]), *self.of_repository(repository, {"rules"})]

    def of_upstream(self, name: str, about: Collection[str] | None = None) -> list[str]:
        """Returns what is probably wrong with an upstream, as sentences.

        about: names of settings; None for all.

        Raises UnknownUpstream, and PermissionDenied unless the actor is the operator or an
        administrator with the area `repositories`.
        """
        require_area(self._actor, Area.REPOSITORIES)
        stored = Upstreams(self._database)
        upstream = known_upstream(stored, name)
        return _sentences(self._about_upstream(upstream, stored.users(upstream)), about)

    def of_publisher(self, publisher: Publisher) -> list[str]:
        """Returns what is probably wrong with a publisher, as sentences.

        Raises UnknownRepository, and PermissionDenied unless the actor is the operator or an
        administrator with the area `users`.
        """
        require_area(self._actor, Area.USERS)
        catalog = Catalog(self._database)
        repository = self._gate.repository(
            self._actor, Permission.MANAGE, catalog, publisher.repository
        )
        mistyped = warnings_of_claims(publisher.kind, publisher.claims)
        return [*mistyped, *_sentences(_about_publisher(publisher, repository), None)]

    def _about_repository(
        self, repository: Repository, configured: RepositorySources
    ) -> Iterator[_Warning]:
        yield from _about_values(repository)
        if configured.warning:
            yield frozenset({"sources"}), configured.warning
        if configured.sources and "*" in configured.reserved:
            yield (
                frozenset({"sources", "reserved"}),
                f"All names are reserved for {repository.name}, so nothing comes from its sources; "
                "reserve only names of your own, such as acme-*.",
            )
        closing = closing_rule(configured.rules, datetime.now(UTC))
        if configured.sources and closing is not None:
            yield (
                frozenset({"sources", "rules"}),
                f"Rule {closing.id} denies all names and no rule before it allows any, so nothing "
                f"comes from the sources of {repository.name}; delete it, or add it again after "
                "rules that allow names.",
            )
        if may_manage(self._actor, Area.USERS):
            yield from self._about_publishers(repository)
        if not may_manage(self._actor, Area.REPOSITORIES):
            return  # who may not see how upstreams are
        yield from _about_cooldown(repository, configured.sources)
        for source in configured.sources:
            if isinstance(source, Upstream) and is_left_out(self._database, source, repository):
                settings = frozenset({"sources", "cooldown", "cooldown_mode"})
                yield settings, _without_upload_times(source)

    def _about_publishers(self, repository: Repository) -> Iterator[_Warning]:
        if repository.attestations_required:
            for publisher in PublisherRows(self._database).all():
                if publisher.repository == repository.name:
                    yield from _about_publisher(publisher, repository)

    def _about_upstream(
        self, upstream: Upstream, users: Sequence[Repository]
    ) -> Iterator[_Warning]:
        """Finds what is wrong for the repositories that use an upstream, as theirs comes first."""
        yield from _about_values(upstream)
        modes = {user.cooldown_mode for user in users}
        if _asks_for_age(upstream) and upstream.cooldown_mode == "off" and "enforce" not in modes:
            yield frozenset({"cooldown"}), _turned_off(upstream.name)
        if any(is_left_out(self._database, upstream, user) for user in users or (None,)):
            yield (
                frozenset({"url", "cooldown", "cooldown_mode", "first_seen"}),
                _without_upload_times(upstream),
            )


def _sentences(found: Iterator[_Warning], about: Collection[str] | None) -> list[str]:
    return [text for settings, text in found if about is None or not settings.isdisjoint(about)]


def _about_publisher(publisher: Publisher, repository: Repository) -> Iterator[_Warning]:
    """Finds out whether its jobs cannot bring the attestations that the repository wants."""
    demanded = repository.attestations_required
    if not publisher.can_attest and any(map(publisher.may_reach, demanded)):
        yield (
            frozenset({"attestations_required"}),
            f"Jobs of the publisher {publisher.name} cannot upload to projects that need "
            f"attestations, because those of {publisher.kind} do not say enough to be compared "
            "with a certificate.",
        )


def _about_values(settings: Repository | Upstream) -> Iterator[_Warning]:
    if settings.cooldown is not None and Age(settings.cooldown).is_ahead(datetime.now(UTC)):
        yield (
            frozenset({"cooldown"}),
            f"The cooldown {Age(settings.cooldown)} is a date in the future, before which it "
            "leaves out no files; write the date before which files must have been uploaded, and "
            "not the one on which the cooldown ends.",
        )
    if settings.cooldown is not None and Age(settings.cooldown).is_short:
        yield (
            frozenset({"cooldown"}),
            f"A cooldown of {Age(settings.cooldown)} is shorter than an hour, in which hardly "
            "anything comes to light; write days like 3d.",
        )
    for name, what in _SIZES.items():
        size = getattr(settings, name, None)
        if size is not None and size < KIB:
            yield (
                frozenset({name}),
                f"The {what} is {counted(size, 'byte')}, which is less than 1 KiB; sizes have a "
                "unit, like 50GiB.",
            )


def _about_cooldown(
    repository: Repository, sources: Sequence[Upstream | str]
) -> Iterator[_Warning]:
    """Finds a cooldown that is turned on for no source, and a mode without any cooldown."""
    concerned = frozenset({"sources", "cooldown", "cooldown_mode"})
    mode = repository.cooldown_mode
    modes = {each.cooldown_mode if isinstance(each, Upstream) else "off" for each in sources}
    if _asks_for_age(repository) and (mode == "off" or (mode is None and modes == {"off"})):
        yield concerned, _turned_off(repository.name)
    cooldowns = {each.cooldown for each in (repository, *sources) if not isinstance(each, str)}
    if mode not in (None, "off") and cooldowns == {None}:
        yield (
            concerned,
            f"The mode {mode} of {repository.name} has nothing to go by, because neither the "
            "repository nor an upstream among its sources has a cooldown; set one, like 3d.",
        )


def _asks_for_age(settings: Repository | Upstream) -> bool:
    return settings.cooldown is not None and not Age(settings.cooldown).is_none


def _turned_off(name: str) -> str:
    return (
        f"The cooldown of {name} leaves out no files yet, because its mode is off; the mode "
        "enforce turns it on."
    )


def _without_upload_times(upstream: Upstream) -> str:
    return (
        f"No file that is known of the upstream {upstream.name} has an upload time, so an "
        "enforced cooldown leaves out all of them that have no exception; turn on first-seen for "
        "the upstream, which counts from when files were first seen, or turn the cooldown off."
    )
