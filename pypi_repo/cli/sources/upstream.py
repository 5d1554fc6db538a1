"""pypi-repo upstream ..."""

from datetime import timedelta
from typing import Any

import click

from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Group, acts_as_operator, json_option
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.cli.sources.upstream_options import (
    credentials_options,
    given_credentials,
    given_settings,
    settings_options,
)
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.services.acting import Acting


@click.group(cls=Group)
def upstream() -> None:
    """Create, list, change and delete upstreams: indexes elsewhere, from which packages come."""


@upstream.command()
@click.argument("name")
@click.argument("url")
@credentials_options
@settings_options
@acts_as_operator
def create(operator: Acting, name: str, url: str, **options: Any) -> None:
    """Make the upstream NAME of the index at URL, such as https://INDEX/simple/.

    A password or a token is read from standard input, so that no list of processes shows it.
    """
    settings = given_credentials(options) | given_settings(options)
    created = operator.upstreams.create(name, url=url, **settings)
    say(
        f"Created upstream {created.name}; `pypi-repo repository set REPOSITORY --source "
        f"upstream:{created.name}` makes it a source."
    )
    _note_cooldown(created)


@upstream.command("list")
@json_option
@acts_as_operator
def list_(operator: Acting, as_json: bool) -> None:
    """List all upstreams."""
    print_records(
        [
            {
                "name": found.name,
                "url": found.url,
                "credentials": found.credentials,
                "offline": found.offline,
                "cooldown": found.cooldown,
                "cooldown_mode": found.cooldown_mode,
            }
            for found in operator.upstreams.all()
        ],
        as_json,
        if_none="There are no upstreams; `upstream create` makes one.",
    )


@upstream.command()
@click.argument("name")
@json_option
@acts_as_operator
def show(operator: Acting, name: str, as_json: bool) -> None:
    """Show the settings of upstream NAME, and how it answers."""
    found, health = operator.upstreams.get(name), operator.upstreams.health(name)
    print_record(
        {
            **_record(found),
            "created_at": found.created_at,
            "answered_at": health.answered_at,
            "failing_since": health.failing_since,
            "failure": health.failure,
        },
        as_json,
    )


@upstream.command("set")
@click.argument("name")
@click.option("--url", help="The root of the index.")
@credentials_options
@click.option("--no-credentials", is_flag=True, help="Send no credentials.")
@settings_options
@acts_as_operator
def set_(operator: Acting, name: str, url: str | None, **options: Any) -> None:
    """Change settings of upstream NAME; others stay as they are.

    Who changes the URL to another place gives the credentials for it, too.
    """
    settings = given_credentials(options) | given_settings({"url": url, **options})
    if not settings:
        raise click.UsageError("Say what to change, such as --fresh-for 1h or --offline.")
    changed = operator.upstreams.change(name, **settings)
    say(f"Changed upstream {name}.")
    if "cooldown" in settings:
        _note_cooldown(changed)


@upstream.command()
@click.argument("name")
@yes_option
@acts_as_operator
def delete(operator: Acting, name: str, yes: bool) -> None:
    """Delete upstream NAME, which must be no source, with everything that is known of it."""
    found = operator.upstreams.get(name)
    confirm(f"This deletes upstream {name} ({found.url}) with its cached files", yes)
    operator.upstreams.delete(name)
    say(f"Deleted upstream {name}; `pypi-repo upkeep sweep` will free its space.")


def _note_cooldown(found: Upstream) -> None:
    if found.cooldown is not None and found.cooldown_mode == "off":
        say(
            f"No files are left out yet: `pypi-repo upstream set {found.name} --cooldown-mode "
            "enforce` turns the cooldown on."
        )


def _record(found: Upstream) -> dict[str, Any]:
    """What is shown of an upstream: no secrets."""
    stale_for = found.stale_for
    return {
        "name": found.name,
        "url": found.url,
        "credentials": found.credentials,
        "file_hosts": list(found.file_hosts),
        "fresh_for": timedelta(seconds=found.fresh_for),
        "stale_for": None if stale_for is None else timedelta(seconds=stale_for),
        "cache_size": found.cache_size,
        "allow_http": found.allow_http,
        "allow_private_network": found.allow_private_network,
        "ca_file": found.ca_file,
        "offline": found.offline,
        "cooldown": found.cooldown,
        "cooldown_mode": found.cooldown_mode,
        "first_seen": found.first_seen,
    }
