"""pypi-repo identity-provider ..."""

from collections.abc import Mapping
from typing import Any

import click

from pypi_repo.cli.accounts.provider_options import given_settings, settings_options
from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Group, acts_as_operator, json_option
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.domain.identity.errors import IdentityProviderFailed
from pypi_repo.domain.identity.provider import ACCOUNT_KINDS, IdentityProvider
from pypi_repo.domain.text import counted
from pypi_repo.services.acting import Acting

_PLACES = {"users": "account", "administrators": "portal"}


@click.group("identity-provider", cls=Group)
def identity_provider() -> None:
    """Create, list, change and delete identity providers: where people sign in (OpenID Connect)."""


@identity_provider.command()
@click.argument("name")
@click.option("--issuer", required=True, metavar="URL", help="How the provider calls itself.")
@click.option("--client-id", required=True, metavar="ID", help="How it calls this registry.")
@click.option(
    "accounts",
    "--for",
    required=True,
    type=click.Choice(ACCOUNT_KINDS),
    help="Whom it signs in: users on their pages, or administrators in the portal.",
)
@settings_options
@acts_as_operator
def create(
    operator: Acting, name: str, issuer: str, client_id: str, accounts: str, **options: Any
) -> None:
    """Make the identity provider NAME, and ask it who it is.

    The client secret is read from standard input, so that no list of processes shows it.
    """
    given: Any = {"issuer": issuer, "client_id": client_id, "accounts": accounts}
    created = operator.identity_providers.create(name, **given, **given_settings(options, {}))
    say(f"Created identity provider {name}. Let it send people back to this URL:")
    say(f"  https://HOST/{_PLACES[created.accounts]}/sign-in/{name}/callback")
    try:
        operator.identity_providers.check(name)
    except IdentityProviderFailed as error:
        sentence = " ".join(error.for_operator.split()).removesuffix(".")
        say(
            f"It does not answer as it should yet: {sentence}. `pypi-repo identity-provider check "
            f"{name}` asks it again.",
            err=True,
        )


@identity_provider.command("list")
@json_option
@acts_as_operator
def list_(operator: Acting, as_json: bool) -> None:
    """List all identity providers."""
    print_records(
        [
            {
                "name": found.name,
                "title": found.title,
                "issuer": found.issuer,
                "for": found.accounts,
                "enabled": found.enabled,
                "creates": found.creates,
            }
            for found in operator.identity_providers.all()
        ],
        as_json,
        if_none="There are no identity providers; `identity-provider create` makes one.",
    )


@identity_provider.command()
@click.argument("name")
@json_option
@acts_as_operator
def show(operator: Acting, name: str, as_json: bool) -> None:
    """Show the settings of identity provider NAME, who is linked, and its last refusal."""
    found = operator.identity_providers.get(name)
    people = operator.identity_providers.identities(name)
    if as_json:
        linked = [
            {
                "account": each.account,
                "subject": each.subject,
                "linked_at": each.created_at,
                "last_sign_in_at": each.last_sign_in_at,
            }
            for each in people
        ]
        print_record({**_record(found), "identities": linked}, as_json)
        return
    print_record({**_record(found), "linked": counted(len(people), "account")}, as_json)
    for each in people:
        last = f"{each.last_sign_in_at:%Y-%m-%d %H:%M}" if each.last_sign_in_at else "never"
        say(f"  {each.account} (subject {each.subject}), last sign-in {last}")


@identity_provider.command("set")
@click.argument("name")
@click.option("--issuer", metavar="URL", help="How the provider calls itself.")
@click.option("--client-id", metavar="ID", help="How it calls this registry.")
@click.option("--no-mapping", is_flag=True, help="Take all values out of the mapping.")
@click.option("--no-conditions", is_flag=True, help="Let everybody sign in.")
@settings_options
@acts_as_operator
def set_(
    operator: Acting, name: str, no_mapping: bool, no_conditions: bool, **options: Any
) -> None:
    """Change settings of identity provider NAME; others stay as they are."""
    emptied = {"mapping": no_mapping, "conditions": no_conditions}
    settings = given_settings(options, emptied)
    if not settings:
        raise click.UsageError("Say what to change, such as --title TEXT or --disable.")
    operator.identity_providers.change(name, **settings)
    say(f"Changed identity provider {name}.")


@identity_provider.command()
@click.argument("name")
@yes_option
@acts_as_operator
def delete(operator: Acting, name: str, yes: bool) -> None:
    """Delete identity provider NAME. The accounts of people who came from it stay."""
    people = counted(len(operator.identity_providers.identities(name)), "account")
    confirm(f"This deletes identity provider {name}, to which {people} can be linked", yes)
    operator.identity_providers.delete(name)
    say(f"Deleted identity provider {name}.")


@identity_provider.command()
@click.argument("name")
@json_option
@acts_as_operator
def check(operator: Acting, name: str, as_json: bool) -> None:
    """Ask identity provider NAME who it is, and for its keys."""
    found = operator.identity_providers.check(name)
    print_record(
        {
            "authorization_endpoint": found.authorization_endpoint,
            "token_endpoint": found.token_endpoint,
            "jwks_uri": found.jwks_uri,
            "keys": found.keys,
        },
        as_json,
    )


@identity_provider.command()
@click.argument("name")
@click.option("--user", metavar="NAME", help="The repository user.")
@click.option("--administrator", metavar="NAME", help="The administrator.")
@click.option("--subject", required=True, help="How the provider names the person (`sub`).")
@acts_as_operator
def link(
    operator: Acting, name: str, user: str | None, administrator: str | None, subject: str
) -> None:
    """Let a person of identity provider NAME sign in as an account that exists.

    The last refusal, which `identity-provider show NAME` prints, has the subject of whoever tried
    last, and the name: compare both with what the provider says of the person.
    """
    account = _account(operator, name, {"users": user, "administrators": administrator})
    operator.identity_providers.link(name, account, subject)
    say(f"Linked {account.lower()} to the subject {subject} of {name}.")


@identity_provider.command()
@click.argument("name")
@click.option("--subject", required=True, help="How the provider names the person (`sub`).")
@acts_as_operator
def unlink(operator: Acting, name: str, subject: str) -> None:
    """Let a person of identity provider NAME sign in no more; the account stays."""
    removed = operator.identity_providers.unlink(name, subject)
    say(f"Unlinked {removed.account} from {name}.")


def _account(operator: Acting, name: str, given: Mapping[str, str | None]) -> str:
    wanted = operator.identity_providers.get(name).accounts
    account = given[wanted]
    if account is None or any(given[kind] is not None for kind in given if kind != wanted):
        raise click.UsageError(
            f"{name} signs in {wanted}; say --{wanted.removesuffix('s')} NAME, and nothing else."
        )
    return account


def _record(found: IdentityProvider) -> dict[str, Any]:
    """What is shown of a provider: no secret."""
    return {
        "name": found.name,
        "title": found.title,
        "issuer": found.issuer,
        "client_id": found.client_id,
        "has_client_secret": found.client_secret is not None,
        "for": found.accounts,
        "enabled": found.enabled,
        "scopes": list(found.scopes),
        "name_claim": found.name_claim,
        "groups_claim": found.groups_claim,
        "mapping": {value: " ".join(names) for value, names in found.mapping.items()},
        "creates": found.creates,
        "conditions": dict(found.conditions),
        "session_hours": found.session_hours,
        "allow_http": found.allow_http,
        "allow_private_network": found.allow_private_network,
        "ca_file": found.ca_file,
        "created_at": found.created_at,
        "refused_at": found.refused_at,
        "refusal": found.refusal,
    }
