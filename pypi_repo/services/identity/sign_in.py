"""Signs people in who have their account elsewhere (OpenID Connect, authorization code flow)."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pypi_repo.domain.accounts.errors import TooManyFailedLogins
from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.identity.claims import Claims
from pypi_repo.domain.identity.errors import (
    IdentityProviderFailed,
    InvalidToken,
    SignInFailed,
    UnknownIdentityProvider,
)
from pypi_repo.domain.identity.issuer import Discovery
from pypi_repo.domain.identity.provider import AccountKind, IdentityProvider, issuer_of
from pypi_repo.domain.text import printable
from pypi_repo.services.accounts.sessions import Session, Sessions
from pypi_repo.services.accounts.throttle import Throttle
from pypi_repo.services.identity.exchange import exchanged
from pypi_repo.services.identity.id_tokens import verify_id_token
from pypi_repo.services.identity.issuers import Issuers
from pypi_repo.services.identity.people import admit
from pypi_repo.services.identity.tokens import require_jwt
from pypi_repo.services.people.user_sessions import UserSessions
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.identity.issuers import IssuerRows
from pypi_repo.storage.identity.providers import ProviderRows

SIGN_IN_TIME = timedelta(minutes=10)
"""How long a person may take at the provider."""

_LONGEST_REFUSAL = 2000  # characters


_ERRORS = frozenset(
    {
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    }
)
"""RFC 6749, section 4.1.2.1, and OpenID Connect Core, section 3.1.2.6."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that was begun.

    url: where the browser is sent.
    secret: what the browser keeps until it comes back, and what nobody else may see.
    """

    url: str
    secret: str = field(repr=False)


class SignIn:
    """Sends people to identity providers, and lets in who comes back.

    Nothing is stored for a sign-in that was only begun. Of one that comes back, the digest of its
    state is stored for twenty minutes, and a refusal in place of the last one; failures are counted
    by address before the provider is asked, and soon refused. What the provider has to repeat
    (state and nonce) and what proves that the answer is ours (PKCE) follow from one secret that the
    browser keeps, and from the provider, so no answer of one provider passes for one of another.

    throttle: counts the failures by address.
    administrators: where sessions of administrators begin.
    users: where sessions of repository users begin.
    """

    def __init__(
        self,
        database: Database,
        issuers: Issuers,
        throttle: Throttle,
        administrators: Sessions,
        users: UserSessions,
    ) -> None:
        self._database = database
        self._issuers = issuers
        self._throttle = throttle
        self._administrators = administrators
        self._users = users

    def offered(self, accounts: AccountKind) -> list[IdentityProvider]:
        """Returns the providers with which people can sign in, sorted by name."""
        return [each for each in ProviderRows(self._database).all(accounts) if each.enabled]

    def begin(self, accounts: AccountKind, name: str, callback_url: str) -> Begun:
        """Begins a sign-in.

        accounts: the kind of account as which the person wants to sign in.
        name: the name of the provider.
        callback_url: the absolute URL to which the provider sends the browser back.

        Raises UnknownIdentityProvider, IdentityProviderFailed, and ConfigurationError if the
        library for signed tokens is not installed.
        """
        require_jwt()
        provider = self._offered(accounts, name)
        with self._noting_refusals(provider):
            endpoint = self._discovery(provider).authorization_endpoint
        secret = f"{int(_now().timestamp())}.{secrets.token_urlsafe(32)}"
        digest = hashlib.sha256(_derived("verifier", secret, provider).encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": callback_url,
            "scope": " ".join(provider.scopes),
            "state": _derived("state", secret, provider),
            "nonce": _derived("nonce", secret, provider),
            "code_challenge": _base64(digest),
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in endpoint else "?"
        return Begun(f"{endpoint}{separator}{urlencode(asked)}", secret)

    def finish(
        self,
        accounts: AccountKind,
        name: str,
        callback_url: str,
        secret: str,
        answer: Mapping[str, str],
        *,
        address: str,
        browser: str = "",
    ) -> tuple[Session, timedelta]:
        """Creates a session of the person with whom a browser came back.

        secret: what the browser has kept.
        answer: the parameters with which it came back.
        address: the address of the client.
        browser: what the browser says of itself (User-Agent).

        Returns the session, and how long it lasts.

        Raises SignInFailed, SignInRefused, UnknownIdentityProvider, IdentityProviderFailed,
        TooManyFailedLogins, UnknownAccount, LastAdministrator, and InvalidCredentials if the
        account is disabled.
        """
        provider = self._offered(accounts, name)
        state = _required_state(provider, secret, answer.get("state", ""))
        with self._counting_failures(provider, address), self._noting_refusals(provider) as about:
            self._use_once(state)
            claims = self._claims(provider, callback_url, secret, answer)
            about.update(claims)
            with self._database.begin() as connection:
                locked = ProviderRows(connection).lock(name)
                current = self._require_offered(locked, accounts, name)
                if (current.id, current.settings()) != (provider.id, provider.settings()):
                    raise SignInFailed(
                        f"{provider.title} was changed while you signed in; sign in again."
                    )
                admitted = admit(connection, provider, claims)
                if admitted.refusal is None:
                    session = self._begun(connection, provider, admitted.account, address, browser)
            if admitted.refusal is not None:
                raise admitted.refusal
        return session, provider.session_life

    def _begun(
        self,
        transaction: Executor,
        provider: IdentityProvider,
        account: str,
        address: str,
        browser: str,
    ) -> Session:
        life, provider_id = provider.session_life, provider.id
        if provider.accounts == "administrators":
            return self._administrators.begin(
                transaction, account, address, life=life, provider_id=provider_id
            )
        return self._users.begin(
            transaction, account, address, browser, life=life, provider_id=provider_id
        )

    def _offered(self, accounts: AccountKind, name: str) -> IdentityProvider:
        found = ProviderRows(self._database).provider(name)
        return self._require_offered(found, accounts, name)

    def _require_offered(
        self, found: IdentityProvider | None, accounts: AccountKind, name: str
    ) -> IdentityProvider:
        if found is None or not found.enabled or found.accounts != accounts:
            raise UnknownIdentityProvider(
                f"There is no identity provider {name[:80]!r} to sign in with; choose another way."
            )
        return found

    @contextmanager
    def _counting_failures(self, provider: IdentityProvider, address: str) -> Iterator[None]:
        """Anybody can make up a cookie and the state that belongs to it, and have us ask for more.

        An answer without them is not counted: any page can send the browsers of others here.
        """
        try:
            attempt = self._throttle.begin(f"sign-in at {provider.name}", address)
        except TooManyFailedLogins as error:
            raise TooManyFailedLogins(
                "Too many sign-ins from your address have failed; wait "
                f"{error.retry_after} seconds, and sign in again.",
                retry_after=error.retry_after,
            ) from error
        yield
        self._throttle.take_back(attempt)

    def _use_once(self, state: str) -> None:
        now, digest = _now(), hashlib.sha256(state.encode()).hexdigest()
        with self._database.begin() as connection:
            if not IssuerRows(connection).use_once(digest, now + 2 * SIGN_IN_TIME):
                raise SignInFailed("This sign-in was used already; sign in again.")

    def _claims(
        self, provider: IdentityProvider, callback_url: str, secret: str, answer: Mapping[str, str]
    ) -> Claims:
        discovery = self._discovery(provider)
        issuer = answer.get("iss")
        if issuer != provider.issuer and (issuer is not None or discovery.names_itself):
            raise SignInFailed(  # RFC 9207
                f"The answer is not one of {provider.title}; sign in again.",
                detail=f"the parameter iss is {issuer!r:.200}",
            )
        if "error" in answer:
            raise SignInFailed(
                f"{provider.title} did not sign you in, or you gave up; sign in again.",
                # Whoever began the sign-in can write the rest of it.
                detail=f"it says {_known_error(answer['error'])}",
            )
        fields = {
            "code": answer.get("code", ""),
            "redirect_uri": callback_url,
            "code_verifier": _derived("verifier", secret, provider),
        }
        token = exchanged(self._issuers.client, provider, discovery, fields)
        nonce = _derived("nonce", secret, provider)
        try:
            return verify_id_token(self._issuers, provider, token, nonce)
        except InvalidToken as error:
            raise SignInFailed(
                f"What {provider.title} says of you cannot be believed; sign in again, or tell an "
                "administrator.",
                detail=f"the ID token is refused: {error.detail}",
            ) from error

    def _discovery(self, provider: IdentityProvider) -> Discovery:
        discovery = self._issuers.discovery(issuer_of(provider))
        if not (discovery.authorization_endpoint and discovery.token_endpoint):
            raise IdentityProviderFailed(
                "The identity provider signs nobody in; check the URL of the issuer.",
                detail="it names no authorization_endpoint, or no token_endpoint",
            )
        return discovery

    @contextmanager
    def _noting_refusals(self, provider: IdentityProvider) -> Iterator[dict[str, Any]]:
        """Keeps the reason of a refusal, which people need first, for administrators to see.

        Yields a dictionary for what is known of the person.
        """
        about: dict[str, Any] = {}
        try:
            yield about
        except RegistryError as error:
            shown = [name for name in ("sub", provider.name_claim) if name in about]
            who = ", ".join(f"{name} {about[name]!r:.200}" for name in shown)
            reason = printable(f"{who}: {error.for_operator}" if who else error.for_operator)
            with self._database.begin() as connection:
                ProviderRows(connection).note_refusal(provider, _now(), reason[:_LONGEST_REFUSAL])
            raise


def _required_state(provider: IdentityProvider, secret: str, given: str) -> str:
    """Whoever made the browser come back must have sent it, not long ago."""
    begun, _dot, _random = secret.partition(".")
    age = _now().timestamp() - int(begun) if begun.isdecimal() and len(begun) < 20 else -1
    state = _derived("state", secret, provider)
    if not (
        0 <= age <= SIGN_IN_TIME.total_seconds()
        and hmac.compare_digest(state.encode(), given.encode("utf-8", "replace"))
    ):
        raise SignInFailed(
            "This sign-in was not begun in this browser, or too long ago; sign in again."
        )
    return state


def _known_error(code: str) -> str:
    return code if code in _ERRORS else "something unknown"


def _derived(purpose: str, secret: str, provider: IdentityProvider) -> str:
    """43 characters that reveal nothing about the secret."""
    message = f"{purpose} {provider.id} {provider.accounts}".encode()
    return _base64(hmac.digest(secret.encode("utf-8", "replace"), message, hashlib.sha256))


def _base64(content: bytes) -> str:
    return urlsafe_b64encode(content).decode("ascii").rstrip("=")


def _now() -> datetime:
    return datetime.now(UTC)
