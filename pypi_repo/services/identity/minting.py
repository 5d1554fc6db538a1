"""Trusted publishing: CI jobs get tokens for the signed tokens of their providers."""

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.accounts.access import Actor, ActorKind
from pypi_repo.domain.accounts.accounts import JOB_TOKEN_PREFIX, token_digest
from pypi_repo.domain.accounts.errors import InvalidCredentials, TooManyFailedLogins
from pypi_repo.domain.accounts.grants import Grants
from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.domain.identity.ci_job import CIJob
from pypi_repo.domain.identity.claims import Claims
from pypi_repo.domain.identity.errors import (
    InvalidToken,
    NotEnabled,
    TokenReused,
    UnknownJob,
    invalid_token,
)
from pypi_repo.domain.identity.jobs import ci_job_of
from pypi_repo.domain.identity.publisher import (
    JobToken,
    ListedPublisher,
    Publisher,
    issuer_of,
    names_together,
)
from pypi_repo.services.accounts.throttle import Throttle
from pypi_repo.services.identity.issuers import Issuers
from pypi_repo.services.identity.last_job import note_refusal, note_success
from pypi_repo.services.identity.tokens import LEEWAY, issuer_in, require_jwt, subject_in
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.identity.issuers import IssuerRows
from pypi_repo.storage.identity.publishers import PublisherRows, PublisherTokens

_log = logging.getLogger(__name__)

REMEMBERED = timedelta(hours=6)
"""For how long a signed token at most is not verified again."""

_NOBODYS = "nobody's"  # under which refusals are counted of what names no job
_LONGEST_AUDIENCE = 255  # characters
_LAST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())

_UNKNOWN = "The token of the job is wrong, or has expired; get a new one."
_NOBODY = (
    "The signed token is valid, but no publisher is for such jobs; ask an administrator, who sees "
    "what was received."
)
_REUSED = "This signed token was exchanged before; get a new one for each exchange."


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token of a CI job.

    secret: what the job uses as the password of `__token__`.
    expires_at: when the last publisher that gives it something does not any more.
    """

    secret: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Proved:
    """What a verified token of an issuer says, and the publishers that are for such jobs."""

    token: str = field(repr=False)
    claims: Claims
    publishers: Sequence[ListedPublisher]

    @property
    def expires_at(self) -> datetime:
        """When no clock here takes it for valid any more."""
        return datetime.fromtimestamp(min(int(self.claims["exp"]) + LEEWAY, _LAST_SECOND), UTC)

    @property
    def workload(self) -> CIJob:
        """The job. A publisher for its own provider understands more than one for any."""
        kinds = sorted((each.kind for each in self.publishers), key=lambda kind: kind == "oidc")
        return ci_job_of(kinds[0], self.claims)

    @property
    def used_once(self) -> str:
        """What is the same for each copy of this token, and for no other token.

        Without `jti`, it is what was signed: some signatures can be changed and stay valid.
        """
        given = self.claims.get("jti")
        told = given if isinstance(given, str) and given else self.token.rpartition(".")[0]
        text = f"jti {self.claims['iss']} {told}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class TrustedPublishing:
    """Gives CI jobs what publishers say, for the tokens with which their providers vouch for them.

    throttle: counts the refusals by job and address, so one for nothing else.
    audience: for whom the tokens of the providers must be made.

    Raises ConfigurationError for an audience that no token can have.
    """

    def __init__(
        self, database: Database, issuers: Issuers, throttle: Throttle, audience: str
    ) -> None:
        if not (0 < len(audience) <= _LONGEST_AUDIENCE and audience.isprintable()):
            raise ConfigurationError(
                f"{audience[:80]!r} cannot be the audience of tokens; choose a short word or a URL."
            )
        self._database = database
        self._issuers = issuers
        self._throttle = throttle
        self.audience = audience

    def require_enabled(self) -> None:
        """Raises NotEnabled if this server cannot verify signed tokens."""
        try:
            require_jwt()
        except ConfigurationError as error:
            raise NotEnabled(
                "Trusted publishing is not enabled on this server; ask an administrator."
            ) from error

    def mint(self, token: str, address: str) -> MintedToken:
        """Exchanges the signed token of a CI job, once, for a token that acts in repositories.

        All publishers that are for such jobs give their part, each for its own time.

        address: the address of the client, for which refusals are counted.

        Raises InvalidToken, UnknownJob, TokenReused, TooManyFailedLogins, NotEnabled and
        IdentityProviderFailed.
        """
        self.require_enabled()
        secret = JOB_TOKEN_PREFIX + secrets.token_urlsafe(32)
        with self._counting_refusals(token, address):
            proved, now = self._proved(token), _now()
            given = self._admit(proved, secret, lambda each: now + each.token_life, once=True)
        return MintedToken(secret, max(each.expires_at for each in given))

    def burn(self, secret: str) -> None:
        """Ends a token that was minted here, before its time: its job does not need it any more.

        Nothing happens if there is no such token.
        """
        digest = token_digest(secret)
        if secret.startswith(JOB_TOKEN_PREFIX) and PublisherTokens(self._database).given(digest):
            with self._database.begin() as connection:
                PublisherTokens(connection).end(digest)

    def actor_of(self, secret: str, address: str) -> Actor:
        """Returns the CI job to which a token belongs.

        secret: a token that was minted here, or the signed token of the job itself, which is
            verified once and then remembered until it expires.
        address: as for `mint`.

        Raises InvalidCredentials, TooManyFailedLogins and IdentityProviderFailed.
        """
        # A plain hash does for signed tokens, too: nobody can guess their signatures.
        found, now = PublisherTokens(self._database).given(token_digest(secret)), _now()
        live = [each for each in found if each.expires_at > now]
        if live:
            return _actor_of(live)
        if secret.startswith(JOB_TOKEN_PREFIX):
            raise InvalidCredentials(_UNKNOWN)
        try:
            require_jwt()
        except ConfigurationError as error:
            raise invalid_token(error.message) from error
        with self._counting_refusals(secret, address):
            proved = self._proved(secret)
            until = min(proved.expires_at, _now() + REMEMBERED)
            return _actor_of(self._admit(proved, secret, lambda _each: until, once=False))

    def _proved(self, token: str) -> _Proved:
        """Only who is the issuer of a publisher is ever asked for keys."""
        issuer = issuer_in(token)
        publishers = PublisherRows(self._database).of_issuer(issuer)
        if not publishers:
            raise invalid_token(f"nobody is a publisher with the issuer {issuer!r:.200}")
        claims = self._issuers.verify(issuer_of(publishers[0]), token, self.audience)
        matching = [each for each in publishers if not each.unmet(claims)]
        if not matching:
            note_refusal(self._database, publishers, claims, _now())
            raise _unknown_job(claims)
        return _Proved(token, claims, matching)

    def _admit(
        self, proved: _Proved, secret: str, until: Callable[[Publisher], datetime], *, once: bool
    ) -> Sequence[JobToken]:
        """Keeps a token for what publishers give to a job, and returns what that is.

        Somebody may have changed or deleted them while the issuer was asked, so they are locked.
        Jobs of the same publishers, which would wait for each other, share a transaction.

        once: whether the signed token is used up.
        """
        workload = proved.workload

        def admit(connection: Executor) -> Sequence[JobToken]:
            now = _now()
            publishers = [
                each
                for each in PublisherRows(connection).lock_those(proved.publishers)
                if each.issuer == proved.claims["iss"] and not each.unmet(proved.claims)
            ]
            if not publishers:
                raise _unknown_job(proved.claims)
            # A while longer than it is valid: the clocks of other machines may be slow.
            used_until = proved.expires_at + timedelta(seconds=LEEWAY)
            if once and not IssuerRows(connection).use_once(proved.used_once, used_until):
                raise TokenReused(_REUSED)
            note_success(connection, publishers, proved.claims, now)
            ends = {each.id: until(each) for each in publishers}
            PublisherTokens(connection).add(
                token_digest(secret), publishers, workload, now, ends, is_signed=not once
            )
            return [
                JobToken(
                    publisher=each.name,
                    grants=each.grants,
                    workload=workload,
                    expires_at=ends[each.id],
                )
                for each in publishers
            ]

        ids = sorted(each.id for each in proved.publishers)
        return self._database.together(f"publishers {ids}", admit)

    @contextmanager
    def _counting_refusals(self, token: str, address: str) -> Iterator[None]:
        """Anybody can send what has to be verified, and claims that have to be noted.

        They are counted when they were refused, as nobody can guess a signature: many jobs behind
        one address may come at once. They hinder the job alone that the token names, since one
        mistake must not stop all the jobs of a company.
        """
        job = _said_to_be_of(token)
        try:
            self._throttle.require_allowed(job, address)
        except TooManyFailedLogins as error:
            raise TooManyFailedLogins(
                "Too many tokens of jobs from your address were refused; wait "
                f"{error.retry_after} seconds, and try again.",
                retry_after=error.retry_after,
            ) from error
        try:
            yield
        except InvalidCredentials as error:
            self._throttle.count_failure(job, address)
            # Whoever has sent it does not learn why.
            _log.warning("The signed token of a CI job was refused: %s", error.for_operator)
            raise


def _unknown_job(claims: Claims) -> UnknownJob:
    told = f"the job {claims['sub']!r:.200} of the issuer {claims['iss']!r:.200}"
    return UnknownJob(_NOBODY, detail=told)


def _said_to_be_of(token: str) -> str:
    """The job of which a token says it is."""
    try:
        return subject_in(token)
    except InvalidToken:
        return _NOBODYS


def _actor_of(tokens: Sequence[JobToken]) -> Actor:
    """A job that may upload is named by the publishers that let it, and not by those to read."""
    named = [each for each in tokens if each.may_upload] or tokens
    return Actor(
        names_together(each.publisher for each in named),
        grants=Grants.widest(each.grants for each in tokens),
        kind=ActorKind.PUBLISHER,
        workload=tokens[0].workload,
    )


def _now() -> datetime:
    return datetime.now(UTC)
