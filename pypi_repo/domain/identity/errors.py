"""The errors about sign-in elsewhere and CI jobs, of the hierarchy in `pypi_repo.domain.errors`."""

from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.domain.errors import Invalid, NotFound, PermissionDenied, UpstreamFailed


class UnknownIdentityProvider(NotFound):
    """There is no identity provider with this name, or it is switched off."""

    code = "unknown-identity-provider"


class UnknownIdentity(NotFound):
    """Nobody is linked to this subject of the identity provider."""

    code = "unknown-identity"


class UnknownPublisher(NotFound):
    """There is no publisher with this name."""

    code = "unknown-publisher"


class IdentityProviderFailed(UpstreamFailed):
    """An identity provider gave no answer, or one that breaks the rules of OpenID Connect."""

    code = "identity-provider-failed"


class InvalidToken(InvalidCredentials):
    """A signed token (JWT) is forged, expired, or meant for somebody else."""

    code = "invalid-token"


class UnknownKey(InvalidToken):
    """The token was signed with a key that is not among the known keys of its issuer."""


class InvalidPayload(Invalid):
    """What came in the place of a request for a token is none."""

    code = "invalid-payload"


class UnknownJob(InvalidCredentials):
    """The signed token of a CI job is valid, and no publisher is for such jobs."""

    code = "invalid-publisher"


class TokenReused(InvalidCredentials):
    """The signed token of a CI job was exchanged for another token before."""

    code = "invalid-reuse-token"


class NotEnabled(NotFound):
    """This server cannot verify signed tokens, because a library is missing."""

    code = "not-enabled"


class SignInFailed(InvalidCredentials):
    """A sign-in elsewhere did not come back as it was begun, or was given up."""

    code = "sign-in-failed"


class SignInRefused(PermissionDenied):
    """A person is who they say they are, but may not sign in here."""

    code = "sign-in-refused"


class TrustedPublishingRequired(PermissionDenied):
    """The repository wants files of the project from CI jobs that need no password."""

    code = "trusted-publishing-required"


class AttestationRequired(Invalid):
    """The repository wants files of the project with attestations that verify."""

    code = "attestation-required"


_NOT_VALID = "The signed token is not valid here; get a new one."


def invalid_token(detail: str) -> InvalidToken:
    """Returns the error for a signed token, whose sender does not learn what is wrong with it.

    detail: what is wrong with it, for the operator.
    """
    return InvalidToken(_NOT_VALID, detail=detail)


def unknown_key(detail: str) -> UnknownKey:
    """Returns the error for a token that was signed with an unknown key, as `invalid_token`."""
    return UnknownKey(_NOT_VALID, detail=detail)
