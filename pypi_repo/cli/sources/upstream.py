"""pypi-repo upstream ..."""

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.hints import what_allows_it
from pypi_repo.cli.options import Group, acts_as_operator, json_option
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.cli.sources.prefetch import prefetch
from pypi_repo.cli.sources.upstream_options import (
    credentials_options,
    given_credentials,
    given_settings,
    settings_options,
)
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.services.acting import Acting
from pypi_repo.storage.upstream_reports import UpstreamReport


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
    Without --file-host, a page of the index is read, and files may come from the hosts that it
    names.
    """
    settings = given_credentials(options) | given_settings(options)
    created = operator.upstreams.create(name, url=url, **settings)
    say(
        f"Created upstream {created.name}; `pypi-repo repository set REPOSITORY --source "
        f"upstream:{created.name}` makes it a source."
    )
    _warn(operator, name, {"url", *settings})


@upstream.command("list")
@json_option
@acts_as_operator
def list_(operator: Acting, as_json: bool) -> None:
    """List all upstreams."""
    print_records(
        [
            {
                "name": found.upstream.name,
                "url": found.upstream.url,
                "offline": found.upstream.offline,
                "answered_at": found.health.answered_at,
                "failing_since": found.health.failing_since,
                "cached_size": found.cached_size,
                "hit_rate": _hit_rate(found),
                "used_by": list(found.users),
            }
            for found in operator.upstreams.reports()
        ],
        as_json,
        if_none="There are no upstreams; `upstream create` makes one.",
    )


@upstream.command()
@click.argument("name")
@json_option
@acts_as_operator
def show(operator: Acting, name: str, as_json: bool) -> None:
    """Show the settings of upstream NAME, how it answers, and how it is used."""
    report = operator.upstreams.report(name)
    found, health = report.upstream, report.health
    print_record(
        {
            **_record(found),
            "created_at": found.created_at,
            "used_by": list(report.users),
            "answered_at": health.answered_at,
            "failing_since": health.failing_since,
            "failure": health.failure,
            "cached_files": report.cached_files,
            "cached_size": report.cached_size,
            "fetched": report.fetched,
            "hit_rate": _hit_rate(report),
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

    Who changes the URL to another place gives the credentials for it, too. If it is asked at
    another place or in another way, a page is read as by `upstream create`, and hosts that are
    known already stay.
    """
    settings = given_credentials(options) | given_settings({"url": url, **options})
    if not settings:
        raise click.UsageError("Say what to change, such as --fresh-for 1h or --offline.")
    operator.upstreams.change(name, **settings)
    say(f"Changed upstream {name}.")
    _warn(operator, name, settings)


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


@upstream.command()
@click.argument("name")
@json_option
@acts_as_operator
def check(operator: Acting, name: str, as_json: bool) -> None:
    """Ask upstream NAME for a page, and say what it speaks.

    No setting is changed.
    """
    found, answer = operator.upstreams.get(name), operator.upstreams.check(name)
    print_record(asdict(answer) | {"file_hosts": list(answer.file_hosts)}, as_json)
    _note_other_hosts(found, answer.file_hosts)
    if not (answer.has_upload_times or found.first_seen) and found.cooldown_mode == "enforce":
        say(
            "Some of its files have no upload time, so the cooldown leaves them out; `pypi-repo "
            f"upstream set {name} --first-seen` counts from when they were first seen.",
            err=True,
        )


upstream.add_command(prefetch)


def _warn(operator: Acting, name: str, given: Collection[str]) -> None:
    """Says at once what only the first installation would say otherwise.

    given: the settings that were given. Hosts of files that a page names are taken if none are
        known.
    """
    for warning in operator.warnings.of_upstream(name, given):
        say(warning, err=True)
    found = operator.upstreams.read_page(name, given)
    if found.new_hosts:
        say(f"Its files may also come from {', '.join(found.new_hosts)}.")
    if found.failure:
        again = f"`pypi-repo upstream check {name}` asks it again"
        way_out = what_allows_it(name, found.setting) or again
        say(f"{' '.join(found.warnings)} {way_out}.", err=True)
    _note_other_hosts(found.upstream, found.other_hosts)


def _note_other_hosts(found: Upstream, hosts: Iterable[str]) -> None:
    other_hosts = [host for host in hosts if host not in found.file_hosts]
    if other_hosts:
        options = " ".join(f"--file-host {host}" for host in (*found.file_hosts, *other_hosts))
        say(
            "Some of its files are at hosts from which none are fetched; `pypi-repo upstream set "
            f"{found.name} {options}` allows it.",
            err=True,
        )


def _hit_rate(found: UpstreamReport) -> float | None:
    return None if found.hit_rate is None else round(found.hit_rate, 3)


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
