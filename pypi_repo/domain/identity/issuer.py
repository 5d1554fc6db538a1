"""Issuers of signed tokens, and what each says of itself."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from pypi_repo.domain.errors import InvalidSetting, UpstreamRefused
from pypi_repo.domain.identity.errors import IdentityProviderFailed
from pypi_repo.domain.values.target import BasicCredentials, Target
from pypi_repo.domain.values.urls import parse_url

WELL_KNOWN = "/.well-known/openid-configuration"

ClientAuthentication = Literal["client_secret_post", "client_secret_basic"]

_LONGEST_URL = 2000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who signs tokens, and how it may be asked for its keys.

    url: its name, which is compared character by character; also the URL below which it describes
        itself (OpenID Connect Discovery 1.0).
    allow_http, allow_private_network, ca_file, called: as for a `Target`.
    """

    url: str
    allow_http: bool = False
    allow_private_network: bool = False
    ca_file: str | None = None
    called: str = "issuer"

    def check(self) -> None:
        """Raises InvalidSetting unless an issuer can have this URL."""
        try:
            scheme = parse_url(self.url).scheme if len(self.url) <= _LONGEST_URL else ""
        except UpstreamRefused:
            scheme = ""
        if not scheme or "?" in self.url or "#" in self.url:
            raise InvalidSetting(
                "The URL of an issuer begins with https:// and has a host, but neither ? nor #; "
                "copy it from the provider as it is."
            )
        if scheme == "http" and not self.allow_http:
            raise InvalidSetting(
                "The URL of the issuer is not encrypted; use https://, or allow HTTP for the "
                f"{self.called}.",
                setting="allow_http",
            )

    @property
    def discovery_url(self) -> str:
        """The URL at which it describes itself."""
        return self.url.removesuffix("/") + WELL_KNOWN

    def target(self, url: str, credentials: BasicCredentials | None = None) -> Target:
        """Returns what may be asked of it at one URL, and at the host of this URL."""
        return Target(
            url=url,
            credentials=credentials,
            allow_http=self.allow_http,
            allow_private_network=self.allow_private_network,
            ca_file=self.ca_file,
            called=self.called,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What an issuer says of itself.

    authorization_endpoint: where browsers are sent to sign in.
    token_endpoint: where a code is exchanged for tokens.
    jwks_uri: where its keys are.
    client_authentication: how a client with a secret proves itself to the token endpoint.
    names_itself: whether its answers through the browser always name it (RFC 9207).
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    client_authentication: ClientAuthentication
    names_itself: bool


class _Document(msgspec.Struct):
    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    token_endpoint_auth_methods_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool = False


def read_discovery(content: bytes | str, issuer: Issuer) -> Discovery:
    """Reads the document in which an issuer describes itself.

    Raises IdentityProviderFailed if it is none, describes another issuer, or names URLs that may
    not be asked.
    """
    try:
        document = msgspec.json.decode(content, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IdentityProviderFailed(
            f"The {issuer.called} does not describe itself as OpenID Connect wants it; check the "
            "URL of the issuer.",
            detail=str(error)[:300],
        ) from error
    if document.issuer != issuer.url:
        raise IdentityProviderFailed(
            f"The {issuer.called} calls itself by another URL than the one that is set here; "
            "copy its own, character by character.",
            detail=f"it says {document.issuer[:300]!r}, and here is {issuer.url!r}",
        )
    for url in (document.authorization_endpoint, document.token_endpoint, document.jwks_uri):
        _require_allowed(issuer, url)
    return Discovery(
        authorization_endpoint=document.authorization_endpoint,
        token_endpoint=document.token_endpoint,
        jwks_uri=document.jwks_uri,
        client_authentication=_authentication(document.token_endpoint_auth_methods_supported),
        names_itself=document.authorization_response_iss_parameter_supported,
    )


def _require_allowed(issuer: Issuer, url: str) -> None:
    """An issuer that only signs tokens has no endpoints for browsers."""
    if not url:
        return
    try:
        issuer.target(url).require_allowed(parse_url(url))
    except UpstreamRefused as error:
        raise IdentityProviderFailed(
            f"The {issuer.called} names a URL that may not be asked; it must begin with https://, "
            f"or http must be allowed for the {issuer.called}.",
            detail=error.detail,
        ) from error


def _authentication(supported: list[str] | None) -> ClientAuthentication:
    """In the form there is no question of how special characters are written (RFC 6749, 2.3.1)."""
    if supported is not None and "client_secret_post" in supported:
        return "client_secret_post"
    return "client_secret_basic"  # what is meant if nothing is said


def json_object(content: bytes | str) -> dict[str, Any] | None:
    """Returns a JSON object; None for anything else."""
    try:
        decoded = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None
