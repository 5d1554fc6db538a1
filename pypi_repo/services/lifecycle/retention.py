"""Manages retention rules, shows what they delete, and runs them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import Actor, Permission
from pypi_repo.domain.errors import Conflict, InvalidSetting, UnknownRepository
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.lifecycle.errors import NotPreviewed, UnknownRetentionRule
from pypi_repo.domain.lifecycle.expiring import ExpiringRelease, RetentionPreview, RetentionRun
from pypi_repo.domain.lifecycle.retention import RetentionRule, retention_terms
from pypi_repo.domain.records import Repository
from pypi_repo.services.gate import Gate
from pypi_repo.services.lifecycle.retention_plans import ProjectPlan, RetentionPlans, not_previewed
from pypi_repo.services.operations.usage import UsageCounter
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.lifecycle.retention_rules import RetentionRules

FILES_OF_A_RUN = 1_000
"""How many files a run deletes at most, unless it is told otherwise."""


class Retention:
    """Manages the retention rules of repositories, as far as the policy allows the actor.

    All methods raise UnknownRepository if there is no repository with the name, and
    PermissionDenied if the actor may not manage it.
    """

    def __init__(
        self, actor: Actor, database: Database, gate: Gate, usage_counter: UsageCounter
    ) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate
        self._usage_counter = usage_counter

    def rules(self, repository: str) -> tuple[RetentionRule, ...]:
        """Returns the rules of a repository, in their order."""
        return RetentionRules(self._database).of(self._managed(Catalog(self._database), repository))

    def rule(self, repository: str, rule_id: int) -> RetentionRule:
        """Returns a rule.

        Raises UnknownRetentionRule.
        """
        return _known(self.rules(repository), repository, rule_id)

    def add_rule(
        self,
        repository: str,
        pattern: str,
        *,
        only: Iterable[str] = (),
        keep_last: int | None = None,
        keep_younger: str | None = None,
        keep_downloaded: str | None = None,
        keep_matching: str | None = None,
    ) -> RetentionRule:
        """Adds a rule after the others. Nothing is deleted until somebody previews the rules.

        pattern: a name or a pattern for project names, such as `acme-*`.
        only: the kinds of versions that it is about, of `finals`, `pre`, `dev` and `local`; by
            default all.
        keep_last: how many of the newest versions of each kind are kept.
        keep_younger: for how long what was uploaded is kept, such as `90d`.
        keep_downloaded: within which time it must be downloaded to be kept, such as `30d`.
        keep_matching: a version specifier (PEP 440); matching versions are kept.

        Raises InvalidSetting, also if the rule does not say what is kept.
        """
        terms = retention_terms(
            pattern,
            only=only,
            keep_last=keep_last,
            keep_younger=keep_younger,
            keep_downloaded=keep_downloaded,
            keep_matching=keep_matching,
        )
        with self._change(repository) as (catalog, managed, stored):
            added = stored.add(managed, terms, self._actor.name, datetime.now(UTC))
            self._record(catalog, managed, "add retention rule", _described(added))
        return added

    def delete_rule(self, repository: str, rule_id: int) -> RetentionRule:
        """Deletes a rule, and returns it as it was. The others are to be previewed again.

        Raises UnknownRetentionRule.
        """
        with self._change(repository) as (catalog, managed, stored):
            rule = _known(stored.of(managed), repository, rule_id)
            stored.delete(managed, rule)
            self._record(catalog, managed, "delete retention rule", _described(rule))
        return rule

    def expiring(
        self, repository: str, show: Callable[[ExpiringRelease], object]
    ) -> RetentionPreview:
        """Finds the releases that a run would delete at this moment. Nothing is changed.

        Projects that the actor may not manage are left out.

        show: called with each of these releases, sorted by project and version. No list of them is
            kept in memory.

        Returns their numbers.
        """
        return self._shown(self._plans(repository), show)

    def preview(
        self, repository: str, show: Callable[[ExpiringRelease], object]
    ) -> RetentionPreview:
        """Does the same as `expiring`, and lets the rules be run from then on.

        They are not let if the actor may not manage all projects, because nobody saw the others.

        Raises Conflict if the rules are changed meanwhile.
        """
        plans = self._plans(repository)
        seen = self._shown(plans, show)
        if seen.is_previewed or not plans.sees_all:
            return seen
        with self._change(repository) as (catalog, managed, stored):
            if stored.of(managed) != plans.rules:
                raise Conflict(
                    f"The retention rules of {repository!r} were changed meanwhile; preview them "
                    "again."
                )
            stored.set_previewed(managed, datetime.now(UTC))
            counts = {"releases": str(seen.releases), "files": str(seen.files)}
            self._record(catalog, managed, "preview retention", counts)
        return replace(seen, is_previewed=True)

    def run(self, repository: str, limit: int = FILES_OF_A_RUN) -> RetentionRun:
        """Deletes what `expiring` shows, each release in a transaction of its own.

        limit: how many files are deleted at most. What is left is deleted by later runs.

        Raises NotPreviewed if nobody has previewed the rules since one was added or deleted, and
        InvalidSetting for a limit below 1.
        """
        if limit < 1:
            raise InvalidSetting("The limit must be 1 file or more.")
        plans = self._plans(repository)
        if not _are_previewed(plans.rules):
            raise not_previewed(repository)
        chosen, are_all = plans.choose(limit)
        done = RetentionRun(is_complete=are_all)
        for planned in chosen:
            try:
                done += plans.carry_out(planned)
            except NotPreviewed:  # somebody has changed the rules meanwhile
                if not done.releases:
                    raise
                return replace(done, is_complete=False)
        return done

    def run_all(self) -> RetentionRun:
        """Does the same as `run` in all repositories whose rules are previewed.

        Returns what was deleted in all of them together.
        """
        done = RetentionRun()
        for repository in RetentionRules(self._database).previewed_repositories():
            with suppress(NotPreviewed, UnknownRepository):  # it was changed or deleted meanwhile
                done += self.run(repository)
        return done

    def _shown(
        self, plans: RetentionPlans, show: Callable[[ExpiringRelease], object]
    ) -> RetentionPreview:
        releases = files = size = kept = 0
        for planned in plans.all():
            kept += planned.kept
            for release in _expiring(planned):
                releases, files, size = releases + 1, files + release.files, size + release.size
                show(release)
        return RetentionPreview(
            releases=releases,
            files=files,
            size=size,
            kept=kept,
            is_previewed=_are_previewed(plans.rules),
        )

    def _plans(self, repository: str) -> RetentionPlans:
        managed = self._managed(Catalog(self._database), repository)
        rules = RetentionRules(self._database).of(managed)
        return RetentionPlans(
            self._actor, self._database, self._gate, self._usage_counter, managed, rules
        )

    def _managed(self, catalog: Catalog, repository: str) -> Repository:
        return self._gate.repository(self._actor, Permission.MANAGE, catalog, repository)

    @contextmanager
    def _change(self, repository: str) -> Iterator[tuple[Catalog, Repository, RetentionRules]]:
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock(repository)
            yield catalog, self._managed(catalog, repository), RetentionRules(connection)

    def _record(
        self, catalog: Catalog, managed: Repository, action: str, detail: dict[str, str]
    ) -> None:
        catalog.journal.record(
            JournalEntry.by(self._actor, action, repository=managed.name, detail=detail)
        )


def _known(rules: Iterable[RetentionRule], repository: str, rule_id: int) -> RetentionRule:
    for rule in rules:
        if rule.id == rule_id:
            return rule
    raise UnknownRetentionRule(
        f"There is no retention rule {rule_id} in {repository!r}; list them."
    )


def _described(rule: RetentionRule) -> dict[str, str]:
    return {"rule": str(rule.id), **rule.described()}


def _are_previewed(rules: Iterable[RetentionRule]) -> bool:
    return all(rule.previewed_at is not None for rule in rules)


def _expiring(planned: ProjectPlan) -> Iterator[ExpiringRelease]:
    for release, _is_kept, reason, rule in planned.expiring:
        assert rule is not None  # noqa: S101 - or it would be kept
        yield ExpiringRelease(
            project=planned.project,
            name=planned.name,
            version=release.version,
            files=release.files,
            size=release.size,
            here_since=release.here_since,
            downloaded_on=release.downloaded_on,
            rule_id=rule.id,
            reason=reason,
        )
