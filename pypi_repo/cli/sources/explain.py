"""pypi-repo explain ..."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from pypi_repo.cli.options import Command, acts_as_operator, json_option
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.domain.text import counted
from pypi_repo.domain.upstreams.explanation import AskedSource, Explanation
from pypi_repo.domain.upstreams.verdicts import Withheld
from pypi_repo.services.acting import Acting


@click.command(cls=Command)
@click.argument("repository")
@click.argument("project", required=False)
@json_option
@acts_as_operator
def explain(operator: Acting, repository: str, project: str | None, as_json: bool) -> None:
    """Explain from where PROJECT comes in REPOSITORY, and which of its files are left out.

    Without PROJECT, list the projects of REPOSITORY, and of its sources before another repository,
    that hide one of the same name in a later source, as far as somebody has asked for it. How many
    were not compared is said, too.
    """
    if project is None:
        print_records(
            [asdict(found) for found in operator.sources.shadowed_names(repository)],
            as_json,
            if_none=f"No project of {repository} is known to hide one in a source.",
        )
        if uncompared := operator.sources.uncompared_names(repository):
            say(
                f"{counted(len(uncompared), 'project')} of {repository} "
                f"{'was' if len(uncompared) == 1 else 'were'} not compared: no source was asked "
                f"for {', '.join(uncompared[:5])}{' ...' if len(uncompared) > 5 else ''}.",
                err=True,
            )
        return
    found = operator.sources.explain(repository, project)
    asked, withheld = [_asked(each) for each in found.asked], withheld_files(found.withheld)
    if as_json:
        print_record({**_record(found), "asked": asked, "withheld": withheld}, as_json)
        return
    print_record(_record(found), as_json)
    for records in (asked, withheld):
        if records:
            click.echo()
            print_records(records, as_json)


def withheld_files(found: Iterable[Withheld]) -> list[dict[str, Any]]:
    """Returns records of files that are not offered."""
    return [
        {
            "filename": each.file.filename,
            "version": each.file.version,
            "code": each.code,
            "rule_id": each.rule_id,
            "since": each.since,
            "free_at": each.free_at,
            "reason": each.reason,
        }
        for each in found
    ]


def _record(found: Explanation) -> dict[str, Any]:
    return {
        "repository": found.repository,
        "project": found.project,
        "supplier": found.supplier,
        "why": found.why,
        "merged": found.is_merged,
        "shadowed": list(found.shadowed),
    }


def _asked(found: AskedSource) -> dict[str, Any]:
    stale_for = None if found.stale_for is None else timedelta(seconds=found.stale_for)
    return {
        "source": found.source,
        "answer": found.answer,
        "has_project": found.has_project,
        "checked_at": found.checked_at,
        "stale_for": stale_for,
        "told": found.told,
    }
