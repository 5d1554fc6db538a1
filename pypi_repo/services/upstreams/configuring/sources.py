"""Changes what is configured for the sources of repositories."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from pypi_repo.domain.accounts.access import Actor, ActorKind, Area, Permission, require_area
from pypi_repo.domain.errors import Conflict, InvalidSetting
from pypi_repo.domain.filenames import FileKind
from pypi_repo.domain.names import NormalizedName, normalize, project_name
from pypi_repo.domain.patterns import matches, name_pattern
from pypi_repo.domain.records import ProjectStatus, Repository
from pypi_repo.domain.upstreams.errors import UnknownRule
from pypi_repo.domain.upstreams.explanation import AuditEntry, Explanation, ShadowedName
from pypi_repo.domain.upstreams.rules import Rule, RuleAction, parse_target
from pypi_repo.domain.upstreams.sources import RepositorySources, parse_source
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.values.durations import Age
from pypi_repo.services.gate import Gate
from pypi_repo.services.operations.usage import UsageCounter
from pypi_repo.services.sources.readers import Readers
from pypi_repo.services.upstreams.audit import CooldownAudit
from pypi_repo.services.upstreams.configuring.changes import SourcesChange
from pypi_repo.services.upstreams.configuring.management import known_upstream
from pypi_repo.services.upstreams.explain import Explainer
from pypi_repo.services.upstreams.reports import reports_on
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstream_reports import UpstreamReport
from pypi_repo.storage.upstreams import SourcesOfRepositories, Upstreams

_LONGEST_AUDIT = 366  # days


class Sources:
    """Manages the sources of repositories, and the rules for what comes from them.

    All methods raise UnknownRepository if there is no repository with the name, and
    PermissionDenied if the actor may not manage it. Changes take effect from the next request on.
    """

    def __init__(
        self,
        actor: Actor,
        database: Database,
        gate: Gate,
        readers: Readers,
        usage_counter: UsageCounter,
    ) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate
        self._readers = readers
        self._usage_counter = usage_counter

    def of(self, repository: str) -> RepositorySources:
        """Returns what is configured for the sources of a repository.

        Kept names of projects that the actor may not manage are left out.
        """
        found = self._managed(Catalog(self._database), repository)
        configured = self._readers.configured(found).configured
        return replace(configured, kept=configured.kept - self._hidden(found, configured.kept))

    def reports(self, repository: str) -> dict[str, UpstreamReport]:
        """Returns how the upstreams among the sources answer and are used, by their names.

        Other repositories that use them are left out.
        """
        found = [each for each in self.of(repository).sources if isinstance(each, Upstream)]
        reports = reports_on(self._database, self._readers, found)
        return {each.upstream.name: replace(each, users=(repository,)) for each in reports}

    def set_sources(self, repository: str, sources: Sequence[str]) -> None:
        """Replaces the sources of a repository.

        sources: the sources in their order, as `upstream:NAME` or `repository:NAME`. The
            repository's own files always come before them. Only who manages all repositories adds
            an upstream: it may have credentials, or be meant for few.

        Raises UnknownUpstream, InvalidSetting for what is no source or is given twice, and Conflict
        if a repository would be a source of itself.
        """
        if len(set(sources)) < len(sources):
            raise InvalidSetting("A source is given twice; leave out one of the two.")
        parsed = [parse_source(text) for text in sources]
        with self._change(repository, locks_others=True) as change:
            before = change.stored.of(change.repository).references
            if before == tuple(sources):
                return
            found: list[Upstream | Repository] = []
            for kind, name in parsed:
                if kind == "upstream":
                    if f"upstream:{name}" not in before:
                        require_area(self._actor, Area.REPOSITORIES)
                    found.append(known_upstream(Upstreams(change.executor), name))
                else:
                    other = self._managed(change.catalog, name)
                    change.require_no_circle(other)
                    found.append(other)
            change.stored.set_sources(change.repository, found)
            change.record("set sources", {"sources": " ".join(sources)})

    def reserve(self, repository: str, patterns: Iterable[str]) -> None:
        """Replaces the patterns for names that no source supplies, such as `acme-*`.

        Raises InvalidSetting.
        """
        self._set_patterns(repository, "reserve", patterns)

    def merge(self, repository: str, patterns: Iterable[str]) -> None:
        """Replaces the patterns for names that the repository and all its sources supply together.

        Whoever can publish under such a name in any of the sources can add files to the project.

        Raises InvalidSetting.
        """
        self._set_patterns(repository, "merge", patterns)

    def give_up_name(self, repository: str, project: str) -> None:
        """Lets the sources of a repository supply the name of a deleted project.

        Raises Conflict if the name is not that of a deleted project, or is reserved.
        """
        name = normalize(project)
        with self._change(repository) as change:
            self._gate.require(self._actor, Permission.MANAGE, change.repository, name)
            is_there = change.catalog.locate(repository, name)
            if is_there is not None and is_there.project is not None:
                raise Conflict(
                    f"Repository {repository!r} has a project {name!r}; delete it first."
                )
            reserved = change.stored.of(change.repository).reserved
            if pattern := next((each for each in reserved if matches(each, name)), None):
                raise Conflict(
                    f"The name {name!r} is reserved by {pattern!r}, so no source supplies it; stop "
                    "reserving it first."
                )
            if not change.stored.give_up_name(change.repository, name):
                raise Conflict(f"Repository {repository!r} keeps no name {name[:80]!r}; check it.")
            change.record("give up name", project=name)

    def configure(
        self,
        repository: str,
        *,
        sources: Sequence[str] | None = None,
        reserved: Sequence[str] | None = None,
        merged: Sequence[str] | None = None,
        given_up: Sequence[str] = (),
    ) -> RepositorySources:
        """Does what `set_sources`, `reserve`, `merge` and `give_up_name` do, all of it or nothing.

        sources, reserved, merged: what replaces the sources and patterns; None for no change.
        given_up: names of deleted projects to give up.

        Returns what is configured then.

        Raises the errors of these methods.
        """

        def changed() -> RepositorySources:
            if sources is not None:
                self.set_sources(repository, sources)
            if reserved is not None:
                self.reserve(repository, reserved)
            if merged is not None:
                self.merge(repository, merged)
            for name in given_up:
                self.give_up_name(repository, name)
            return self.of(repository)

        return self._database.as_one(changed)

    # Rules

    def rule(self, repository: str, rule_id: int) -> Rule:
        """Returns a rule that allows or denies.

        Raises UnknownRule.
        """
        return self._known_rule(repository, rule_id, "rule")

    def exception(self, repository: str, rule_id: int) -> Rule:
        """Returns an exception from the cooldown.

        Raises UnknownRule.
        """
        return self._known_rule(repository, rule_id, "exception")

    def _known_rule(self, repository: str, rule_id: int, noun: str) -> Rule:
        for rule in self.of(repository).rules:
            if (rule.id, rule.noun) == (rule_id, noun):
                return rule
        raise UnknownRule(f"There is no {noun} {rule_id} in {repository!r}; list them.")

    def add_rule(
        self,
        repository: str,
        action: RuleAction,
        target: str,
        *,
        kind: FileKind | None = None,
        yanked: bool = False,
        status: ProjectStatus | None = None,
        reason: str = "",
        until: datetime | None = None,
    ) -> Rule:
        """Adds a rule after the others.

        action: whether matching files are allowed, denied, or exempt from the cooldown.
        target: a name or a pattern, with or without a version specifier, such as `requests<2.32`.
        kind: the kind of files that the rule is about; None for all kinds.
        yanked: whether the rule is only about yanked files.
        status: the project status (PEP 792) that the rule is about; None for any.
        reason: why there is the rule. It is required for an exemption.
        until: when the rule ends. It is required for an exemption.

        Raises InvalidSetting.
        """
        pattern, specifier = parse_target(target)
        planned = Rule(
            id=0,
            action=action,
            pattern=pattern,
            specifier=specifier,
            kind=kind,
            yanked=yanked,
            status=status,
            reason=reason.strip(),
            author=self._actor.name,
            created_at=datetime.now(UTC),
            until=until,
        )
        planned.check()
        with self._change(repository) as change:
            added = change.stored.add_rule(change.repository, planned)
            change.record(f"add {added.noun}", added.described())
        return added

    def delete_rule(self, repository: str, rule_id: int) -> Rule:
        """Deletes a rule or an exception, and returns it as it was.

        Raises UnknownRule.
        """
        with self._change(repository) as change:
            rules = {rule.id: rule for rule in change.stored.rules(change.repository)}
            rule = rules.get(rule_id)
            if rule is None or not change.stored.delete_rule(change.repository, rule_id):
                raise UnknownRule(f"There is no rule {rule_id} in {repository!r}; list them.")
            change.record(f"delete {rule.noun}", rule.described())
        return rule

    # Reports

    def explain(self, repository: str, project: str) -> Explanation:
        """Explains from where a project comes, and which of its files are not offered.

        It is about readers who may read everything. Upstreams are asked as for a reader.

        project: the name, in any spelling.

        Raises InvalidName.
        """
        name = normalize(project_name(project))
        found = self._managed(Catalog(self._database), repository)
        self._gate.require(self._actor, Permission.MANAGE, found, name)
        is_operator = self._actor.kind is ActorKind.OPERATOR
        explainer = Explainer(self._database, self._readers, for_operator=is_operator)
        return explainer.explain(found, name)

    def shadowed_names(self, repository: str) -> list[ShadowedName]:
        """Returns what hides projects of the sources of a repository, sorted by name.

        That are projects of the repository, and of a source that comes before another repository.
        No upstream is asked, so projects for which nobody ever asked are missing.
        """
        found = self._managed(Catalog(self._database), repository)
        shows = partial(self._gate.allows, self._actor, Permission.MANAGE)
        return Explainer(self._database, self._readers).shadowed_names(found, shows)

    def uncompared_names(self, repository: str) -> list[NormalizedName]:
        """Returns the projects of a repository of which it is not known what they hide, sorted.

        No source was asked for them yet, because it would learn the name. Names that are reserved
        or kept are left out: no source ever learns them.
        """
        found = self._managed(Catalog(self._database), repository)
        shows = partial(self._gate.allows, self._actor, Permission.MANAGE)
        return Explainer(self._database, self._readers).uncompared_names(found, shows)

    def audit(
        self, repository: str, days: int = 7, cooldown: str | None = None
    ) -> list[AuditEntry]:
        """Returns the releases from upstreams that a cooldown would have withheld, if enforced.

        No upstream is asked. Releases with the most downloads come first. What came by way of
        another repository is not among them, because its downloads are counted there.

        days: how many days are looked at, today included; at most 366.
        cooldown: the cooldown, as `3d` or as a date; None for those that are configured.

        Raises InvalidSetting.
        """
        age = None if cooldown is None else Age(cooldown)
        if not 1 <= days <= _LONGEST_AUDIT:
            raise InvalidSetting(f"The number of days must be from 1 to {_LONGEST_AUDIT}.")
        found = self._managed(Catalog(self._database), repository)
        self._usage_counter.flush()
        entries = CooldownAudit(self._database, datetime.now(UTC)).entries(found, days, age)
        hidden = self._hidden(found, [entry.project for entry in entries])
        return [entry for entry in entries if entry.project not in hidden]

    def _set_patterns(self, repository: str, use: str, patterns: Iterable[str]) -> None:
        wanted = tuple(sorted({name_pattern(pattern) for pattern in patterns}))
        with self._change(repository) as change:
            before = change.stored.of(change.repository)
            if wanted == (before.reserved if use == "reserve" else before.merged):
                return
            change.stored.set_patterns(change.repository, use, wanted)
            change.record(f"{use} names", {"patterns": " ".join(wanted)})

    def _managed(self, catalog: Catalog, repository: str) -> Repository:
        return self._gate.repository(self._actor, Permission.MANAGE, catalog, repository)

    def _hidden(self, repository: Repository, names: Iterable[str]) -> frozenset[NormalizedName]:
        """Returns those of the normalized names of projects that the actor may not see."""
        return self._gate.hidden(
            self._actor, Permission.MANAGE, repository, lambda: map(NormalizedName, names)
        )

    @contextmanager
    def _change(self, repository: str, *, locks_others: bool = False) -> Iterator[SourcesChange]:
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            if locks_others:  # or two of them could make a circle together
                catalog.lock_repositories()
            catalog.lock(repository)
            found = self._managed(catalog, repository)
            yield SourcesChange(
                actor=self._actor,
                executor=connection,
                catalog=catalog,
                stored=SourcesOfRepositories(connection),
                repository=found,
            )
