"""Verifies ID tokens: the tokens that say who has just signed in."""

import hmac

from pypi_repo.domain.identity.claims import Claims
from pypi_repo.domain.identity.errors import invalid_token
from pypi_repo.domain.identity.provider import IdentityProvider, issuer_of
from pypi_repo.services.identity.issuers import Issuers

_LONGEST_SUBJECT = 255  # characters (OpenID Connect Core 1.0, section 2)


def verify_id_token(issuers: Issuers, provider: IdentityProvider, token: str, nonce: str) -> Claims:
    """Returns what a provider says of a person (OpenID Connect Core 1.0, section 3.1.3.7).

    nonce: what was sent when the sign-in was begun, and must be in the token.

    Raises InvalidToken, and IdentityProviderFailed if the keys of the provider cannot be had.
    """
    claims = issuers.verify(issuer_of(provider), token, provider.client_id)
    if len(claims["sub"]) > _LONGEST_SUBJECT:
        raise invalid_token(f"its subject has more than {_LONGEST_SUBJECT} characters")
    audiences, party = claims["aud"], claims.get("azp")
    if isinstance(audiences, list) and len(audiences) > 1 and party is None:
        raise invalid_token("it has several audiences, and does not say for which it was made")
    if party is not None and party != provider.client_id:
        raise invalid_token(f"it was made for {party!r:.100}")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(
        given.encode("utf-8", "replace"), nonce.encode("ascii")
    ):
        raise invalid_token("its nonce is another one")
    return claims
