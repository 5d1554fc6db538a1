"""Changes what is configured for the sources of repositories."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import Actor, Permission
from pypi_repo.domain.errors import Conflict, InvalidSetting
from pypi_repo.domain.filenames import FileKind
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import normalize
from pypi_repo.domain.records import PROJECT_STATUSES, ProjectStatus, Repository
from pypi_repo.domain.text import require_storable
from pypi_repo.domain.upstreams.errors import UnknownRule
from pypi_repo.domain.upstreams.patterns import name_pattern
from pypi_repo.domain.upstreams.rules import Rule, RuleAction, parse_target
from pypi_repo.domain.upstreams.sources import RepositorySources, parse_source
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.services.gate import Gate
from pypi_repo.services.sources.readers import Readers
from pypi_repo.services.upstreams.management import known_upstream
from pypi_repo.services.upstreams.reports import reports_on
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.upstream_reports import UpstreamReport
from pypi_repo.storage.upstreams import SourcesOfRepositories, Upstreams


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of what is configured for one repository, within a transaction."""

    executor: Executor
    catalog: Catalog
    stored: SourcesOfRepositories
    repository: Repository


class Sources:
    """Manages the sources of repositories, and the rules for what comes from them.

    All methods raise UnknownRepository if there is no repository with the name, and
    PermissionDenied if the actor may not manage it. Changes take effect from the next request on.
    """

    def __init__(self, actor: Actor, database: Database, gate: Gate, readers: Readers) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate
        self._readers = readers

    def of(self, repository: str) -> RepositorySources:
        """Returns what is configured for the sources of a repository."""
        found = self._managed(Catalog(self._database), repository)
        return SourcesOfRepositories(self._database).of(found)

    def reports(self, sources: RepositorySources) -> dict[str, UpstreamReport]:
        """Returns how the upstreams among the sources answer and are used, by their names.

        sources: what `of` has returned.
        """
        found = [source for source in sources.sources if isinstance(source, Upstream)]
        return {report.upstream.name: report for report in reports_on(self._database, found)}

    def set_sources(self, repository: str, sources: Sequence[str]) -> None:
        """Replaces the sources of a repository.

        sources: the sources in their order, as `upstream:NAME` or `repository:NAME`. The
            repository's own files always come before them.

        Raises UnknownUpstream, InvalidSetting for what is no source or is given twice, and Conflict
        if a repository would be a source of itself.
        """
        if len(set(sources)) < len(sources):
            raise InvalidSetting("A source is given twice; leave out one of the two.")
        parsed = [parse_source(text) for text in sources]
        with self._change(repository, locks_others=True) as change:
            if change.stored.of(change.repository).references == tuple(sources):
                return
            found: list[Upstream | Repository] = []
            for kind, name in parsed:
                if kind == "upstream":
                    found.append(known_upstream(Upstreams(change.executor), name))
                else:
                    other = self._managed(change.catalog, name)
                    _require_no_circle(change, other)
                    found.append(other)
            change.stored.set_sources(change.repository, found)
            self._record(change, "set sources", {"sources": " ".join(sources)})

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

        Raises Conflict if the name is not that of a deleted project.
        """
        name = normalize(project)
        with self._change(repository) as change:
            is_there = change.catalog.locate(repository, name)
            if is_there is not None and is_there.project is not None:
                raise Conflict(
                    f"Repository {repository!r} has a project {name!r}; delete it first."
                )
            if not change.stored.give_up_name(change.repository, name):
                raise Conflict(f"Repository {repository!r} keeps no name {name[:80]!r}; check it.")
            self._record(change, "give up name", project=name)

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
            if (rule.id, _noun(rule)) == (rule_id, noun):
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
        now = datetime.now(UTC)
        require_storable(reason)
        if action not in ("allow", "deny", "exempt"):
            raise InvalidSetting("A rule allows, denies or exempts; say which.")
        if kind not in (None, "sdist", "bdist_wheel"):
            raise InvalidSetting("A kind of files is sdist or bdist_wheel.")
        if status is not None and status not in PROJECT_STATUSES:
            raise InvalidSetting(f"A status is one of {', '.join(PROJECT_STATUSES)}.")
        if action == "exempt" and (not reason.strip() or until is None):
            raise InvalidSetting("An exception needs a reason and a date on which it ends.")
        if until is not None and (until.tzinfo is None or until <= now):
            raise InvalidSetting("The date on which the rule ends must be in the future.")
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
            created_at=now,
            until=until,
        )
        with self._change(repository) as change:
            added = change.stored.add_rule(change.repository, planned)
            self._record(change, f"add {_noun(added)}", _description(added))
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
            self._record(change, f"delete {_noun(rule)}", _description(rule))
        return rule

    def _set_patterns(self, repository: str, use: str, patterns: Iterable[str]) -> None:
        wanted = tuple(sorted({name_pattern(pattern) for pattern in patterns}))
        with self._change(repository) as change:
            before = change.stored.of(change.repository)
            if wanted == (before.reserved if use == "reserve" else before.merged):
                return
            change.stored.set_patterns(change.repository, use, wanted)
            self._record(change, f"{use} names", {"patterns": " ".join(wanted)})

    def _managed(self, catalog: Catalog, repository: str) -> Repository:
        return self._gate.repository(self._actor, Permission.MANAGE, catalog, repository)

    @contextmanager
    def _change(self, repository: str, *, locks_others: bool = False) -> Iterator[_Change]:
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            if locks_others:  # or two of them could make a circle together
                catalog.lock_repositories()
            catalog.lock(repository)
            found = self._managed(catalog, repository)
            yield _Change(connection, catalog, SourcesOfRepositories(connection), found)

    def _record(
        self,
        change: _Change,
        action: str,
        detail: dict[str, str] | None = None,
        project: str | None = None,
    ) -> None:
        change.catalog.journal.record(
            JournalEntry.by(
                self._actor,
                action,
                repository=change.repository.name,
                project=project,
                detail=detail,
            )
        )


def _require_no_circle(change: _Change, source: Repository) -> None:
    waiting, seen = [source.name], set()
    while waiting:
        name = waiting.pop()
        if name == change.repository.name:
            raise Conflict(
                f"Repository {source.name!r} has {name!r} among its own sources; a repository "
                "cannot be a source of itself."
            )
        found = None if name in seen else change.catalog.repository(name)
        seen.add(name)
        if found is not None:
            sources = change.stored.of(found).sources
            waiting += [each for each in sources if isinstance(each, str)]


def _noun(rule: Rule) -> str:
    return "exception" if rule.is_exception else "rule"


def _description(rule: Rule) -> dict[str, str]:
    values = {
        "action": rule.action,
        "target": rule.target,
        "kind": rule.kind,
        "yanked": "yes" if rule.yanked else None,
        "status": rule.status,
        "reason": rule.reason,
        "until": rule.until and rule.until.isoformat(),
    }
    return {name: value for name, value in values.items() if value}
