"""pypi-repo rule ... and pypi-repo exception ..."""

from datetime import UTC, datetime
from typing import Any

import click

from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import FilesAge, Group, Id, Moment, Number, acts_as_operator, json_option
from pypi_repo.cli.output import print_records, say
from pypi_repo.cli.sources.explain import withheld_files
from pypi_repo.domain.filenames import FileKind
from pypi_repo.domain.records import PROJECT_STATUSES, ProjectStatus
from pypi_repo.domain.upstreams.rules import Rule, covered_rules
from pypi_repo.services.acting import Acting

_KINDS = ("sdist", "bdist_wheel")


@click.group(cls=Group)
def rule() -> None:
    """Allow and deny what a repository takes from its sources; the first rule that fits decides.

    Files for which there is no rule are allowed.
    """


@click.group(cls=Group)
def exception() -> None:
    """Let files through before they are as old as the cooldown wants."""


@rule.command("add")
@click.argument("repository")
@click.option("--allow", metavar="PATTERN[SPECIFIER]", help="What to allow, like requests.")
@click.option("--deny", metavar="PATTERN[SPECIFIER]", help="What to deny, like 'requests<2.32'.")
@click.option("--kind", type=click.Choice(_KINDS), help="Only about files of this kind.")
@click.option("--yanked", is_flag=True, help="Only about yanked files.")
@click.option(
    "--status",
    type=click.Choice(PROJECT_STATUSES),
    help="Only about projects with this status.",
)
@click.option("--reason", default="", metavar="TEXT", help="The reason, which clients show.")
@click.option("--until", type=Moment(), help="When it ends, like 2026-11-01; by default never.")
@acts_as_operator
def add_rule(
    operator: Acting,
    repository: str,
    allow: str | None,
    deny: str | None,
    kind: FileKind | None,
    yanked: bool,
    status: ProjectStatus | None,
    reason: str,
    until: datetime | None,
) -> None:
    """Add a rule to those of REPOSITORY, after the others.

    It acts on the next request, also on files that are cached.
    """
    target = allow if deny is None else deny
    if target is None or None not in (allow, deny):
        raise click.UsageError("Say one of --allow and --deny, like --deny 'requests<2.32'.")
    added = operator.sources.add_rule(
        repository,
        "allow" if deny is None else "deny",
        target,
        kind=kind,
        yanked=yanked,
        status=status,
        reason=reason,
        until=until,
    )
    say(f"Added rule {added.id} to {repository}: {added.action} {added.target}.")
    for warning in operator.warnings.of_rule(repository, added.id):
        say(warning, err=True)


@rule.command("list")
@click.argument("repository")
@json_option
@acts_as_operator
def list_rules(operator: Acting, repository: str, as_json: bool) -> None:
    """List the rules of REPOSITORY, in their order.

    A rule that is covered by an earlier one decides nothing.
    """
    rules = operator.sources.of(repository).rules
    covered = covered_rules(rules, datetime.now(UTC))
    print_records(
        [
            {
                "id": found.id,
                "action": found.action,
                "target": found.target,
                "kind": found.kind,
                "yanked": found.yanked,
                "status": found.status,
                "covered_by": covered.get(found.id),
                **_why(found),
            }
            for found in rules
            if not found.is_exception
        ],
        as_json,
        if_none=f"There are no rules in {repository}; `rule add` makes one.",
    )


@rule.command("delete")
@click.argument("repository")
@click.argument("id", type=Id())
@yes_option
@acts_as_operator
def delete_rule(operator: Acting, repository: str, id: int, yes: bool) -> None:  # noqa: A002
    """Delete rule ID of REPOSITORY."""
    found = operator.sources.rule(repository, id)
    _delete(operator, repository, found, f"rule {id} ({found.action} {found.target})", yes)


@rule.command()
@click.argument("repository")
@click.option(
    "--days",
    type=Number(1, 366),
    default=7,
    show_default=True,
    help="How many days to look at, today included.",
)
@click.option(
    "--cooldown",
    type=FilesAge(),
    help="A cooldown to try, like 3d; by default what is configured.",
)
@json_option
@acts_as_operator
def audit(
    operator: Acting, repository: str, days: int, cooldown: str | None, as_json: bool
) -> None:
    """List what was downloaded from REPOSITORY and would have been left out by a cooldown.

    No upstream is asked, and nothing is changed.
    """
    entries = operator.sources.audit(repository, days, cooldown)
    print_records(
        [
            {
                "project": entry.project,
                "version": entry.version,
                "source": entry.source,
                "downloads": entry.downloads,
                "last_day": entry.last_day,
                "whole": entry.is_whole,
                **({"files": withheld_files(entry.withheld)} if as_json else {}),
            }
            for entry in entries
        ],
        as_json,
        if_none=f"Nothing that was downloaded from {repository} would have been left out.",
    )


@exception.command("add")
@click.argument("repository")
@click.argument("target", metavar="NAME[SPECIFIER]")
@click.option("--reason", required=True, metavar="TEXT", help="Why they are let through.")
@click.option("--until", type=Moment(), required=True, help="When it ends, like 2026-11-01.")
@acts_as_operator
def add_exception(
    operator: Acting, repository: str, target: str, reason: str, until: datetime
) -> None:
    """Let files of NAME through in REPOSITORY, whatever the cooldown says.

    NAME may be a pattern like 'acme-*', and have a version specifier, like 'requests==2.33.1'.
    """
    added = operator.sources.add_rule(repository, "exempt", target, reason=reason, until=until)
    say(f"Added exception {added.id} to {repository}: {added.target}.")


@exception.command("list")
@click.argument("repository")
@json_option
@acts_as_operator
def list_exceptions(operator: Acting, repository: str, as_json: bool) -> None:
    """List the exceptions from the cooldown in REPOSITORY."""
    print_records(
        [
            {"id": found.id, "target": found.target, **_why(found)}
            for found in operator.sources.of(repository).rules
            if found.is_exception
        ],
        as_json,
        if_none=f"There are no exceptions in {repository}; `exception add` makes one.",
    )


@exception.command("delete")
@click.argument("repository")
@click.argument("id", type=Id())
@yes_option
@acts_as_operator
def delete_exception(operator: Acting, repository: str, id: int, yes: bool) -> None:  # noqa: A002
    """Delete exception ID of REPOSITORY."""
    found = operator.sources.exception(repository, id)
    _delete(operator, repository, found, f"exception {id} ({found.target})", yes)


def _delete(operator: Acting, repository: str, found: Rule, which: str, yes: bool) -> None:
    confirm(f"This deletes {which} of {repository}", yes)
    operator.sources.delete_rule(repository, found.id)
    say(f"Deleted {which} of {repository}.")


def _why(found: Rule) -> dict[str, Any]:
    return {
        "reason": found.reason,
        "author": found.author,
        "until": found.until,
        "over": found.is_over(datetime.now(UTC)),
    }
