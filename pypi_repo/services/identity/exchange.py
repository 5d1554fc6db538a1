"""Exchanges the code with which a browser came back for what a provider says of the person."""

from collections.abc import Mapping
from urllib.parse import quote_plus

from pypi_repo.domain.identity.errors import IdentityProviderFailed, SignInFailed
from pypi_repo.domain.identity.issuer import Discovery, json_object
from pypi_repo.domain.identity.provider import IdentityProvider, issuer_of
from pypi_repo.domain.values.target import BasicCredentials
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.identity.issuers import LIMITS, elsewhere

_OF_THE_CLIENT = frozenset({"invalid_client", "unauthorized_client"})
_SHOWN = 200  # characters


def exchanged(
    client: OutboundClient,
    provider: IdentityProvider,
    discovery: Discovery,
    fields: Mapping[str, str],
) -> str:
    """Returns the ID token that a provider gives for a code (RFC 6749, section 4.1.3).

    fields: the code and what proves that it is ours; the client's own fields are added.

    Raises SignInFailed if the code is not accepted, and IdentityProviderFailed if the provider does
    not know this registry, or gives no answer or a broken one.
    """
    form = {"grant_type": "authorization_code", "client_id": provider.client_id, **fields}
    credentials = None
    if provider.client_secret is not None:
        if discovery.client_authentication == "client_secret_post":
            form["client_secret"] = provider.client_secret
        else:
            credentials = BasicCredentials(  # RFC 6749, section 2.3.1
                quote_plus(provider.client_id), quote_plus(provider.client_secret)
            )
    url = discovery.token_endpoint
    target = issuer_of(provider).target(url, credentials)
    headers = {"Accept": "application/json"}
    with elsewhere(), client.post_form(target, url, form, headers=headers) as answer:
        status, place = answer.status, answer.place
        document = json_object(answer.read_all(LIMITS.page)) or {}
    token = document.get("id_token")
    if status == 200 and isinstance(token, str):
        return token
    error = document.get("error")
    detail = f"{place}: status {status}, {error!r:.{_SHOWN}}, "
    detail += f"{document.get('error_description')!r:.{_SHOWN}}"
    if status == 200 or error in _OF_THE_CLIENT or not isinstance(error, str):
        raise IdentityProviderFailed(
            f"{provider.title} does not give this registry an answer that it understands; tell an "
            "administrator.",
            detail=detail,
        )
    raise SignInFailed(
        f"{provider.title} does not accept this sign-in any more; sign in again.", detail=detail
    )
