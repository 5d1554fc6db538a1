"""pypi-repo publisher ..."""

import os
from typing import Any

import click

from pypi_repo.cli.accounts.publisher_options import given_publisher, publisher_options
from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Group, acts_as_operator, json_option
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.domain.identity.ci_job import PUBLISHER_KINDS
from pypi_repo.domain.identity.ci_lines import ci_lines
from pypi_repo.domain.identity.conditions import REACH
from pypi_repo.domain.identity.errors import IdentityProviderFailed
from pypi_repo.domain.identity.last_job import ComparedClaim, LastJob, last_job_of
from pypi_repo.domain.identity.publisher import DEFAULT_ISSUERS, Publisher
from pypi_repo.services.acting import Acting
from pypi_repo.variables import oidc_audience_in

_SHOWN = 200  # characters


@click.group("publisher", cls=Group)
def publisher() -> None:
    """Let CI jobs publish and install without a password (trusted publishing)."""


@publisher.command()
@click.argument("name")
@click.option(
    "kind",
    "--for",
    required=True,
    type=click.Choice(PUBLISHER_KINDS),
    help="Whose jobs they are; oidc is any other issuer of OpenID Connect tokens.",
)
@click.option("--repository", required=True, help="The repository of the projects.")
@publisher_options
@acts_as_operator
def create(operator: Acting, name: str, **options: Any) -> None:
    """Make the publisher NAME, and say what its jobs have to do.

    For GitHub, --claim repository_owner_id=NUMBER keeps strangers out, who could take over the name
    of an owner; https://api.github.com/users/OWNER says the number.
    """
    created = operator.publishers.create(name, **given_publisher(options))
    audience = oidc_audience_in(os.environ)
    say(
        f"Created publisher {name}. Its jobs get in with a token of their provider for the "
        f"audience {audience}, unless `serve --oidc-audience` says another one:"
    )
    url = f"https://HOST/repositories/{created.repository}/"
    for line in ci_lines(created, url, audience).splitlines():
        say(f"  {line}")
    _warn(operator, created)
    if created.issuer != DEFAULT_ISSUERS.get(created.kind):
        _say_whether_it_answers(operator, name)


@publisher.command("list")
@json_option
@acts_as_operator
def list_(operator: Acting, as_json: bool) -> None:
    """List all publishers."""
    print_records(
        [
            {
                "name": found.name,
                "for": found.kind,
                "issuer": found.issuer,
                "repository": found.repository,
                "projects": list(found.projects),
                "may": found.may,
                "last_used_at": found.last_used_at,
            }
            for found in operator.publishers.all()
        ],
        as_json,
        if_none="There are no publishers; `publisher create` makes one.",
    )


@publisher.command()
@click.argument("name")
@json_option
@acts_as_operator
def show(operator: Acting, name: str, as_json: bool) -> None:
    """Show the settings of publisher NAME, and what its last job said.

    It is the last job of the issuer that could have been meant, so that it shows what is wrong with
    the job, or with the publisher.
    """
    found = operator.publishers.get(name)
    job = last_job_of(found)
    if as_json:
        print_record({**_record(found), "last_job": job and _job_record(job)}, as_json)
        return
    print_record(_record(found), as_json)
    if job is None:
        say("No job that could be meant has come yet.")
        return
    verdict = "does not match" if job.unmet else "matches"
    say(f"The last job, of {job.at:%Y-%m-%d %H:%M}, {verdict}:")
    for each in job.compared:
        say(f"  {_compared(each)}")
    if job.others:
        say("It also said:")
        for claim, value in job.others.items():
            say(f"  {claim}={value[:_SHOWN]}")


@publisher.command("set")
@click.argument("name")
@click.option(
    "kind",
    "--for",
    type=click.Choice(PUBLISHER_KINDS),
    help="Whose jobs they are; the issuer becomes the usual one.",
)
@click.option("--repository", help="The repository of the projects.")
@click.option("--all-projects", is_flag=True, help="Let the jobs in to all projects.")
@publisher_options
@acts_as_operator
def set_(operator: Acting, name: str, all_projects: bool, **options: Any) -> None:
    """Change settings of publisher NAME; others stay as they are, and its tokens end.

    --claim and --project replace all that were there.
    """
    settings = given_publisher(options)
    if all_projects and "projects" in settings:
        raise click.UsageError("Say either --project or --all-projects.")
    if all_projects:
        settings["projects"] = ()
    if not settings:
        raise click.UsageError("Say what to change, such as --minutes 30 or --claim KEY=PATTERN.")
    changed = operator.publishers.change(name, **settings)
    say(f"Changed publisher {name}.")
    _warn(operator, changed)
    if settings.keys() & REACH:
        say(f"All publishers of {changed.issuer} reach it in this way now.")


@publisher.command()
@click.argument("name")
@yes_option
@acts_as_operator
def delete(operator: Acting, name: str, yes: bool) -> None:
    """Delete publisher NAME, and end its tokens. What its jobs have uploaded stays."""
    found = operator.publishers.get(name)
    confirm(f"This deletes publisher {name} of repository {found.repository}", yes)
    operator.publishers.delete(name)
    say(f"Deleted publisher {name}.")


@publisher.command()
@click.argument("name")
@json_option
@acts_as_operator
def check(operator: Acting, name: str, as_json: bool) -> None:
    """Ask the issuer of publisher NAME who it is, and for its keys."""
    found = operator.publishers.check(name)
    print_record({"issuer": found.issuer, "jwks_uri": found.jwks_uri, "keys": found.keys}, as_json)


def _warn(operator: Acting, publisher: Publisher) -> None:
    for warning in operator.warnings.of_publisher(publisher):
        say(warning, err=True)


def _say_whether_it_answers(operator: Acting, name: str) -> None:
    try:
        operator.publishers.check(name)
    except IdentityProviderFailed as error:
        sentence = " ".join(error.for_operator.split()).removesuffix(".")
        say(
            f"Its issuer does not answer as it should yet: {sentence}. `pypi-repo publisher check "
            f"{name}` asks it again.",
            err=True,
        )


def _compared(claim: ComparedClaim) -> str:
    values = ", ".join(map(repr, claim.received))[:_SHOWN]
    if claim.is_met:
        return f"ok      {claim.claim} is {values}"
    found = f"is {values}" if values else "is not there"
    return f"FAILED  {claim.claim} must be {claim.wanted!r}, and {found}"


def _job_record(job: LastJob) -> dict[str, Any]:
    return {
        "at": job.at,
        "compared": [
            {
                "claim": each.claim,
                "wanted": each.wanted,
                "received": list(each.received),
                "is_met": each.is_met,
            }
            for each in job.compared
        ],
        "others": dict(job.others),
    }


def _record(found: Publisher) -> dict[str, Any]:
    return {
        "name": found.name,
        "for": found.kind,
        "issuer": found.issuer,
        "claims": dict(found.claims),
        "repository": found.repository,
        "projects": list(found.projects),
        "may": found.may,
        "minutes": found.minutes,
        "allow_http": found.allow_http,
        "allow_private_network": found.allow_private_network,
        "ca_file": found.ca_file,
        "created_at": found.created_at,
        "created_by": found.created_by,
        "last_used_at": found.last_used_at,
        "refusal": found.refusal,
    }
