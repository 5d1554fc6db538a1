"""pypi-repo retention ...: which releases a repository keeps."""

import click

from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Group, Id, Number, acts_as_operator, json_option
from pypi_repo.cli.output import Listing, print_records, say
from pypi_repo.domain.lifecycle.expiring import ExpiringRelease
from pypi_repo.domain.lifecycle.retention import VERSION_KINDS, RetentionRule
from pypi_repo.domain.text import counted
from pypi_repo.services.acting import Acting
from pypi_repo.services.lifecycle.retention import FILES_OF_A_RUN
from pypi_repo.settings import format_size


@click.group(cls=Group)
def retention() -> None:
    """Say which releases a repository keeps, and delete the others.

    Always kept are the last final release of a project that is not yanked, files younger than 24
    hours, and pinned releases.
    """


@retention.command()
@click.argument("repository")
@click.argument("pattern", metavar="PATTERN")
@click.option(
    "--keep-last", type=int, metavar="NUMBER", help="Keep this many newest versions of each kind."
)
@click.option("--keep-younger", metavar="DURATION", help="Keep what is younger, like 90d.")
@click.option(
    "--keep-downloaded", metavar="DURATION", help="Keep what was downloaded within it, like 30d."
)
@click.option("--keep-matching", metavar="SPECIFIER", help="Keep matching versions, like '>=2.0'.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(VERSION_KINDS),
    help="Only about this kind of versions; may be repeated.",
)
@acts_as_operator
def add(
    operator: Acting,
    repository: str,
    pattern: str,
    keep_last: int | None,
    keep_younger: str | None,
    keep_downloaded: str | None,
    keep_matching: str | None,
    only: tuple[str, ...],
) -> None:
    """Add a rule for projects of REPOSITORY whose names match PATTERN, like 'acme-*'.

    The first rule about a release decides, and one of its --keep options is enough to keep it.
    Nothing is deleted before `retention preview`.
    """
    added = operator.retention.add_rule(
        repository,
        pattern,
        only=only,
        keep_last=keep_last,
        keep_younger=keep_younger,
        keep_downloaded=keep_downloaded,
        keep_matching=keep_matching,
    )
    say(
        f"Added retention rule {added.id} to {repository}: {_subject(added)}. "
        f"See what it deletes: pypi-repo retention preview {repository}"
    )


@retention.command("list")
@click.argument("repository")
@json_option
@acts_as_operator
def list_(operator: Acting, repository: str, as_json: bool) -> None:
    """List the retention rules of REPOSITORY, in their order."""
    print_records(
        [
            {
                "id": rule.id,
                "pattern": rule.pattern,
                "only": list(rule.only),
                "keep_last": rule.keep_last,
                "keep_younger": rule.keep_younger,
                "keep_downloaded": rule.keep_downloaded,
                "keep_matching": rule.keep_matching,
                "author": rule.author,
                "created_at": rule.created_at,
                "previewed_at": rule.previewed_at,
            }
            for rule in operator.retention.rules(repository)
        ],
        as_json,
        if_none=_no_rules(repository),
    )


@retention.command()
@click.argument("repository")
@click.argument("id", type=Id())
@yes_option
@acts_as_operator
def delete(operator: Acting, repository: str, id: int, yes: bool) -> None:  # noqa: A002
    """Delete rule ID of REPOSITORY. The other rules are to be previewed again."""
    found = operator.retention.rule(repository, id)
    confirm(f"This deletes retention rule {id} ({_subject(found)}) of {repository}", yes)
    operator.retention.delete_rule(repository, id)
    say(f"Deleted retention rule {id} ({_subject(found)}) of {repository}.")


@retention.command()
@click.argument("repository")
@json_option
@acts_as_operator
def preview(operator: Acting, repository: str, as_json: bool) -> None:
    """List what the rules of REPOSITORY would delete now, and why.

    After that, the rules are run once a day, and by `retention run`.
    """
    if not operator.retention.rules(repository) and not as_json:
        say(_no_rules(repository), err=True)
        return
    listing = Listing(as_json)
    seen = operator.retention.preview(repository, lambda release: listing.add(_row(release)))
    listing.end(if_none=f"Nothing in {repository} would be deleted.")
    if seen.releases and not as_json:
        what = f"{counted(seen.releases, 'release')} with {counted(seen.files, 'file')}"
        kept = f"{counted(seen.kept, 'release')} of the same projects"
        say(f"{what} ({format_size(seen.size)}) would be deleted, {kept} kept.", err=True)


@retention.command()
@click.argument("repository")
@click.option(
    "--limit",
    type=Number(min=1),
    default=FILES_OF_A_RUN,
    show_default=True,
    metavar="FILES",
    help="How many files to delete at most.",
)
@acts_as_operator
def run(operator: Acting, repository: str, limit: int) -> None:
    """Delete what the rules of REPOSITORY do not keep, as `retention preview` lists it.

    The rules must have been previewed since they were changed. `trash restore` undoes a deletion.
    """
    done = operator.retention.run(repository, limit)
    what = f"{counted(done.releases, 'release')} with {counted(done.files, 'file')}"
    rest = "" if done.is_complete else " More is left for the next run."
    say(f"Deleted {what} ({format_size(done.size)}) from {repository}.{rest}")


def _row(release: ExpiringRelease) -> dict[str, object]:
    return {
        "project": release.project,
        "version": release.version,
        "files": release.files,
        "size": release.size,
        "here_since": release.here_since,
        "downloaded_on": release.downloaded_on,
        "rule": release.rule_id,
        "reason": release.reason,
    }


def _subject(rule: RetentionRule) -> str:
    """`acme-* dev: keep-last 10, keep-younger 90d`."""
    about = " ".join([rule.pattern, *rule.only])
    kept = (f"{name.replace('_', '-')} {value}" for name, value in rule.terms.items())
    return f"{about}: {', '.join(kept)}"


def _no_rules(repository: str) -> str:
    return f"There are no retention rules in {repository}; `retention add` makes one."
