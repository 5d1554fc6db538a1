"""Finds what the retention rules of a repository let go, and deletes it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import Actor, Permission
from pypi_repo.domain.lifecycle.errors import NotPreviewed
from pypi_repo.domain.lifecycle.expiring import RetentionRun
from pypi_repo.domain.lifecycle.expiry import Moment, Verdict, plan
from pypi_repo.domain.lifecycle.retention import RetentionRule
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.patterns import matches
from pypi_repo.domain.records import Project, Repository
from pypi_repo.services.gate import Gate
from pypi_repo.services.lifecycle.deletion import delete_release
from pypi_repo.services.operations.usage import UsageCounter
from pypi_repo.services.packages.project_change import ProjectChange
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.lifecycle.release_states import ProjectState, ReleaseStates
from pypi_repo.storage.lifecycle.retention_rules import RetentionRules

_TRIES = 10  # for a project in which others change something all the time


@dataclass(frozen=True, slots=True)
class ProjectPlan:
    """What becomes of the releases of a project.

    id, project, name: those of the project; `project` is its normalized name.
    serial: the serial of the project to which the plan belongs.
    expiring: the verdicts on the releases that are not kept, the oldest version first.
    kept: how many releases are kept.
    """

    id: int
    project: NormalizedName
    name: str
    serial: int
    expiring: Sequence[Verdict]
    kept: int


class RetentionPlans:
    """The retention rules of a repository, applied to what is in it.

    repository: the repository.
    rules: its rules.
    actor: who looks at it or deletes it; projects that it may not manage are left out.
    """

    def __init__(
        self,
        actor: Actor,
        database: Database,
        gate: Gate,
        usage_counter: UsageCounter,
        repository: Repository,
        rules: tuple[RetentionRule, ...],
    ) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate
        self._usage_counter = usage_counter
        self._repository = repository
        self.rules = rules
        self._states = ReleaseStates(database)

    def all(self) -> Iterator[ProjectPlan]:
        """Yields what becomes of each project that a rule is about, sorted by name.

        Nothing is locked, and only a few projects are in memory at a time.
        """
        self._usage_counter.flush()
        moment = self._moment()
        for found in self._states.projects(self._repository, self._is_concerned):
            yield self._plan(found, moment)

    def choose(self, limit: int) -> tuple[list[ProjectPlan], bool]:
        """Returns plans with as many releases as have no more files together than a limit.

        Returns also whether these are all that are not kept.
        """
        chosen, left, are_all = [], limit, True
        for found in self.all():
            fitting = []
            for verdict in found.expiring:
                if verdict.release.files <= left:
                    fitting.append(verdict)
                    left -= verdict.release.files
                else:
                    are_all = False
            if fitting:
                chosen.append(replace(found, expiring=fitting))
            if left == 0 and not are_all:
                break
        return chosen, are_all

    def carry_out(self, planned: ProjectPlan) -> RetentionRun:
        """Deletes the releases of a plan, each in a transaction of its own.

        What is no longer to be deleted is left out: whatever was changed meanwhile, only what a
        plan that is made at this moment contains is deleted.
        """
        done, tries, waiting = RetentionRun(), 0, planned
        while waiting.expiring:
            first, *others = waiting.expiring
            serial = self._delete(waiting, first)
            if serial is not None:
                waiting = replace(waiting, serial=serial, expiring=others)
                gone = first.release
                done += RetentionRun(releases=1, files=gone.files, size=gone.size)
            elif tries < _TRIES:
                tries += 1
                waiting = self._planned_again(waiting)
            else:
                return replace(done, is_complete=False)
        return done

    def _delete(self, planned: ProjectPlan, verdict: Verdict) -> int | None:
        """Returns the new serial of the project, or None if the plan is no longer that of now.

        Raises NotPreviewed if the rules are no longer those of now.
        """
        self._usage_counter.flush()
        name, release = self._repository.name, verdict.release
        with self._database.begin() as connection:
            catalog, states = Catalog(connection), ReleaseStates(connection)
            catalog.lock(name)
            managed, project = self._look_for(catalog, planned.project)
            if RetentionRules(connection).of(managed) != self.rules:
                raise not_previewed(name)
            if (
                project is None
                or (project.id, project.serial) != (planned.id, planned.serial)
                or states.downloaded_on(managed, planned.project, release.version)
                != release.downloaded_on
            ):
                return None
            change = ProjectChange(self._gate, connection, catalog, self._actor, managed, project)
            delete_release(change, release.version, "expire release", _why(verdict))
            _managed, changed = self._look_for(catalog, planned.project)
            return None if changed is None else changed.serial

    def _look_for(
        self, catalog: Catalog, project: NormalizedName
    ) -> tuple[Repository, Project | None]:
        return self._gate.look_for_project(
            self._actor, Permission.MANAGE, catalog, self._repository.name, project
        )

    def _planned_again(self, planned: ProjectPlan) -> ProjectPlan:
        """Returns the part of a plan that is to be carried out at this moment, too."""
        found = self._states.project(self._repository, planned.project)
        if found is None:
            return replace(planned, expiring=())
        again = self._plan(found, self._moment())
        wanted = {verdict.release.version for verdict in planned.expiring}
        still = [each for each in again.expiring if each.release.version in wanted]
        return replace(again, expiring=still)

    def _plan(self, found: ProjectState, moment: Moment) -> ProjectPlan:
        verdicts = plan(found.normalized_name, found.releases, self.rules, moment)
        expiring = [verdict for verdict in verdicts if not verdict.is_kept]
        return ProjectPlan(
            id=found.id,
            project=found.normalized_name,
            name=found.name,
            serial=found.serial,
            expiring=expiring,
            kept=len(verdicts) - len(expiring),
        )

    def _moment(self) -> Moment:
        return Moment(datetime.now(UTC), *self._states.recorded_days(self._repository))

    def _is_concerned(self, project: NormalizedName) -> bool:
        return any(matches(rule.pattern, project) for rule in self.rules) and (
            self.sees_all
            or self._gate.allows(self._actor, Permission.MANAGE, self._repository, project)
        )

    @property
    def sees_all(self) -> bool:
        """Whether the actor may manage each project of the repository."""
        return self._gate.treats_projects_alike(self._actor, Permission.MANAGE, self._repository)


def not_previewed(repository: str) -> NotPreviewed:
    """Returns the error for rules of which nobody knows what they delete."""
    return NotPreviewed(
        f"Nobody has looked at what the retention rules of {repository!r} delete since they were "
        "changed; preview them first."
    )


def _why(verdict: Verdict) -> dict[str, str]:
    assert verdict.rule is not None  # noqa: S101 - or it would be kept
    return {"rule": str(verdict.rule.id), "reason": verdict.reason}
