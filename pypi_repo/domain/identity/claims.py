"""What a provider says of a person, and what is made of it here."""

from collections.abc import Mapping
from typing import Any

from pypi_repo.domain.errors import InvalidName
from pypi_repo.domain.identity.errors import SignInRefused
from pypi_repo.domain.identity.provider import IdentityProvider
from pypi_repo.domain.names import account_name

Claims = Mapping[str, Any]
"""The content of a token whose signature was verified."""

_SHOWN = 200  # characters


def values_of(claims: Claims, name: str) -> frozenset[str]:
    """Returns the values of a claim as texts: several of a list, and none of an object."""
    value = claims.get(name)
    items = value if isinstance(value, list) else [value]
    return frozenset(_text(item) for item in items if isinstance(item, str | int))


def require_conditions(provider: IdentityProvider, claims: Claims) -> None:
    """Raises SignInRefused unless each claim that the provider's rule names has its value."""
    for name, wanted in provider.conditions.items():
        values = values_of(claims, name)
        if wanted not in values:
            raise SignInRefused(
                f"{provider.title} does not say of you what is needed to sign in here; ask an "
                "administrator.",
                detail=f"the claim {name} must be {wanted!r}, and is {_shown(values)}",
            )


def assigned_names(provider: IdentityProvider, claims: Claims) -> frozenset[str]:
    """Returns the groups, or the areas of administrators, to which the mapping leads.

    Values are compared exactly.

    Raises SignInRefused if the provider leaves the groups out because they are too many.
    """
    if provider.groups_claim is None:
        return frozenset()
    elsewhere = claims.get("_claim_names")  # OpenID Connect Core 1.0, section 5.6.2
    if isinstance(elsewhere, dict) and provider.groups_claim in elsewhere:
        raise SignInRefused(
            f"{provider.title} has more groups of you than it sends; ask an administrator.",
            detail=f"the claim {provider.groups_claim} is not in the token; let the provider send "
            "only groups that are assigned to this application",
        )
    found = values_of(claims, provider.groups_claim)
    return frozenset(
        name for value, names in provider.mapping.items() if value in found for name in names
    )


def name_in(provider: IdentityProvider, claims: Claims) -> str:
    """Returns the name for a new account of a person, as account names are stored.

    Raises SignInRefused if the provider says no name, one that no account can have, or an e-mail
    address of which it says anything else than that it is verified. Many providers say nothing.
    """
    value = claims.get(provider.name_claim)
    is_verified = claims.get("email_verified", True)
    if provider.name_claim == "email" and is_verified is not True and is_verified != "true":
        raise SignInRefused(
            f"{provider.title} has not verified your e-mail address; verify it there, and sign in "
            "again.",
            detail=f"email_verified is {is_verified!r:.{_SHOWN}} for {value!r:.{_SHOWN}}",
        )
    try:
        return account_name(value if isinstance(value, str) else "")
    except InvalidName as error:
        raise SignInRefused(
            f"{provider.title} does not say a name for you that an account can have; ask an "
            "administrator.",
            detail=f"the claim {provider.name_claim} is {value!r:.{_SHOWN}}",
        ) from error


def _text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(values: frozenset[str]) -> str:
    return repr(sorted(values))[:_SHOWN] if values else "not there"
