"""pypi-repo webhook ..."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import (
    Duration,
    Group,
    Number,
    acts_as_operator,
    given,
    json_option,
    secret_from_stdin,
)
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.domain.errors import UpstreamRefused
from pypi_repo.domain.events.event import EVENT_TYPES
from pypi_repo.domain.events.webhook import WEBHOOK_FORMS, Delivery, Webhook
from pypi_repo.domain.text import counted
from pypi_repo.services.acting import Acting
from pypi_repo.services.events.webhooks import FORMER_SECRET_FOR

T = TypeVar("T")

_OPTIONS = {"allow_http": "--allow-http", "allow_private_network": "--allow-private-network"}
_SETTINGS = (
    click.option(
        "events",
        "--event",
        multiple=True,
        type=click.Choice(EVENT_TYPES),
        metavar="TYPE",
        help="A type of events, such as file.uploaded; may be repeated. All by default.",
    ),
    click.option(
        "--secret-stdin", is_flag=True, help="Read the secret that signs from standard input."
    ),
    click.option(
        "--form",
        type=click.Choice(WEBHOOK_FORMS),
        help="What is sent: JSON, which is the default, or a sentence for Slack or Teams.",
    ),
    click.option(
        "--allow-http/--https-only",
        default=None,
        help="Whether the URL may be one without encryption.",
    ),
    click.option(
        "--allow-private-network/--public-network-only",
        default=None,
        help="Whether its host may have an address in a private network or on this machine.",
    ),
)


def _settings_options(command: Callable[..., T]) -> Callable[..., T]:
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


def _given_settings(options: dict[str, Any]) -> dict[str, Any]:
    events, has_secret = options.pop("events"), options.pop("secret_stdin")
    settings = given(options)
    if events:
        settings["events"] = tuple(dict.fromkeys(events))
    if has_secret:
        settings["secret"] = secret_from_stdin("Secret")
    return settings


@click.group(cls=Group)
def webhook() -> None:
    """Create, list, change and delete webhooks: URLs that are told what happens."""


@webhook.command()
@click.argument("name")
@click.argument("url")
@click.option("--repository", help="The repository whose events it is told of; all by default.")
@_settings_options
@acts_as_operator
def create(operator: Acting, name: str, url: str, repository: str | None, **options: Any) -> None:
    """Make the webhook NAME, which is told at URL of what happens from now on.

    Its secret, of at least 16 characters, signs all that is sent, so that the receiver can tell who
    sends. The forms for chats can do without.
    """
    created = operator.webhooks.create(name, repository, url=url, **_given_settings(options))
    say(f"Created webhook {created.name}; `pypi-repo webhook test {created.name}` tries it.")
    _warn(operator, name)


@webhook.command("list")
@json_option
@acts_as_operator
def list_(operator: Acting, as_json: bool) -> None:
    """List all webhooks."""
    print_records(
        [
            {
                "name": found.name,
                "destination": found.destination,
                "repository": found.repository,
                "form": found.form,
                "enabled": found.enabled,
                "failing_since": found.failing_since,
            }
            for found in operator.webhooks.all()
        ],
        as_json,
        if_none="There are no webhooks; `webhook create` makes one.",
    )


@webhook.command()
@click.argument("name")
@json_option
@acts_as_operator
def show(operator: Acting, name: str, as_json: bool) -> None:
    """Show the settings of webhook NAME, and how its deliveries go."""
    found = operator.webhooks.get(name)
    print_record({**_record(found), "waiting": operator.webhooks.number_waiting(name)}, as_json)


@webhook.command("set")
@click.argument("name")
@click.option("--url", help="Where it is told.")
@_settings_options
@click.option("--all-events", is_flag=True, help="Tell it of events of all types.")
@click.option(
    "--former-secret-for",
    type=Duration(),
    help="How long the secret before signs as well, beside that of --secret-stdin; 1d by default.",
)
@click.option(
    "enabled", "--on/--off", default=None, help="Whether it is told of anything, from now on."
)
@acts_as_operator
def set_(
    operator: Acting,
    name: str,
    all_events: bool,
    former_secret_for: timedelta | None,
    **options: Any,
) -> None:
    """Change settings of webhook NAME; others stay as they are.

    A new secret signs beside the one before for a day, so that the receiver can change to it
    meanwhile.
    """
    if all_events and options["events"]:
        raise click.UsageError("Say one of --event and --all-events.")
    if former_secret_for is not None and not options["secret_stdin"]:
        raise click.UsageError("--former-secret-for goes with --secret-stdin; say both.")
    settings = _given_settings(options)
    if all_events:
        settings["events"] = ()
    if not settings:
        raise click.UsageError("Say what to change, such as --secret-stdin or --off.")
    kept_for = FORMER_SECRET_FOR if former_secret_for is None else former_secret_for
    changed = operator.webhooks.change(name, former_secret_for=kept_for, **settings)
    say(f"Changed webhook {name}.")
    _warn(operator, name)
    if "secret" in settings and changed.former_secret_until is not None:
        until = f"{changed.former_secret_until:%Y-%m-%d %H:%M}"
        say(f"The secret before signs as well until {until} UTC.")


@webhook.command()
@click.argument("name")
@yes_option
@acts_as_operator
def delete(operator: Acting, name: str, yes: bool) -> None:
    """Delete webhook NAME with its deliveries."""
    found, waiting = operator.webhooks.get(name), operator.webhooks.number_waiting(name)
    undelivered = f", {counted(waiting, 'delivery', 'deliveries')} of which wait" if waiting else ""
    confirm(f"This deletes webhook {name} ({found.destination}){undelivered}", yes)
    operator.webhooks.delete(name)
    say(f"Deleted webhook {name}.")


@webhook.command()
@click.argument("name")
@json_option
@acts_as_operator
def test(operator: Acting, name: str, as_json: bool) -> None:
    """Send a test to webhook NAME now, and say what it answers.

    Exit status 1 if it does not take it.
    """
    _tell_result(operator, name, operator.webhooks.test(name), as_json)


@webhook.command()
@click.argument("name")
@click.option("--limit", type=Number(1, 1000), default=50, show_default=True)
@json_option
@acts_as_operator
def deliveries(operator: Acting, name: str, limit: int, as_json: bool) -> None:
    """List what webhook NAME was told, and is to be told, newest first."""
    found = operator.webhooks.deliveries(name, limit=limit)
    if as_json:
        print_records([_delivery(each) for each in found], as_json)
        return
    print_records(
        [
            {
                "id": each.id,
                "event": each.event,
                "about": each.about,
                "created_at": each.created_at,
                "state": each.state,
                "attempts": each.attempts,
                "status": each.status,
                "failure": each.failure,
            }
            for each in found
        ],
        as_json,
        if_none="Nothing was to be told yet.",
    )


@webhook.command()
@click.argument("name")
@click.argument("delivery", metavar="ID", type=int)
@json_option
@acts_as_operator
def redeliver(operator: Acting, name: str, delivery: int, as_json: bool) -> None:
    """Make delivery ID of webhook NAME once more, now, and say what it answers.

    Exit status 1 if it does not take it.
    """
    _tell_result(operator, name, operator.webhooks.redeliver(name, delivery), as_json)


def _warn(operator: Acting, name: str) -> None:
    """Says at once what only the first delivery would say otherwise."""
    obstacle = operator.webhooks.obstacle(name)
    if obstacle is not None:
        say(
            f"Nothing can be delivered yet. {_with_way_out(obstacle.message, name, obstacle)}",
            err=True,
        )


def _with_way_out(sentence: str, name: str, obstacle: UpstreamRefused | None) -> str:
    """The sentence, with the command that allows what is in the way."""
    option = _OPTIONS.get(obstacle.setting or "") if obstacle is not None else None
    if option is None:
        return sentence
    return f"{sentence.removesuffix('.')} (`pypi-repo webhook set {name} {option}`)."


def _tell_result(operator: Acting, name: str, made: Delivery, as_json: bool) -> None:
    if as_json:
        print_record(_delivery(made), as_json)
    elif made.failure is None:
        say(f"Delivered: it answers with status {made.status}.")
        if made.answer:
            say(made.answer)
    if made.failure is not None:
        obstacle = operator.webhooks.obstacle(name)
        raise click.ClickException(_with_way_out(made.failure, name, obstacle))


def _delivery(found: Delivery) -> dict[str, Any]:
    return {
        "id": found.id,
        "event_id": found.journal_id,
        "event": found.event,
        "subject": found.subject,
        "version": found.version,
        "filename": found.filename,
        "state": found.state,
        "created_at": found.created_at,
        "due_at": None if found.ended_at else found.due_at,
        "ended_at": found.ended_at,
        "attempts": found.attempts,
        "status": found.status,
        "answer": found.answer,
        "failure": found.failure,
        "body": found.body,
    }


def _record(found: Webhook) -> dict[str, Any]:
    """What is shown of a webhook: no secrets."""
    return {
        "name": found.name,
        "destination": found.destination,
        "repository": found.repository,
        "form": found.form,
        "events": list(found.events) or ["all"],
        "signed": found.secret is not None,
        "former_secret_until": found.former_secret_until,
        "enabled": found.enabled,
        "allow_http": found.allow_http,
        "allow_private_network": found.allow_private_network,
        "failing_since": found.failing_since,
        "failure": found.failure,
        "created_at": found.created_at,
        "created_by": found.created_by,
    }
