"""Publishers: CI jobs that may upload or read without a password (trusted publishing)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Self, TypedDict

from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.identity.ci_job import PUBLISHER_KINDS, CIJob, PublisherKind
from pypi_repo.domain.identity.conditions import IDENTIFYING, JobConditions
from pypi_repo.domain.identity.issuer import Issuer
from pypi_repo.domain.identity.possible import why_impossible
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.patterns import matches, name_patterns
from pypi_repo.domain.text import require_storable

May = Literal["upload", "read"]
"""What a publisher gives: to upload, which includes to read, or to read alone."""

DEFAULT_MINUTES = 15
LONGEST_MINUTES = 6 * 60

USUAL_ISSUERS: Mapping[PublisherKind, str] = {
    "github": "https://token.actions.githubusercontent.com",
    "gitlab": "https://gitlab.com",
    "google": "https://accounts.google.com",
    "buildkite": "https://agent.buildkite.com",
    "circleci": "https://oidc.circleci.com",  # as uv and pdm ask for tokens
}
"""The issuers that are most likely meant. All customers of a provider share its issuer."""

DEFAULT_ISSUERS: Mapping[PublisherKind, str] = {
    kind: issuer for kind, issuer in USUAL_ISSUERS.items() if kind != "circleci"
}
"""The issuer of a provider, if no setting says another one. CircleCI also has one for each
organization, so its issuer is always named.
"""

_KINDS = {issuer: kind for kind, issuer in USUAL_ISSUERS.items()}

_BETWEEN_NAMES = ", "  # no name of a publisher has it
_MOST_CLAIMS = 20
_LONGEST = 1000  # characters
_OF_THE_TOKEN = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti"})
"""Claims about the token and not about the job, so no condition can be about them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherSettings(JobConditions):
    """The settings of a publisher: which jobs it is for, and what it gives to them.

    repository: the name of the repository.
    projects: patterns for the names of projects, which need not exist yet; empty for all.
    may: what the jobs may do.
    minutes: for how long a token is valid that a job gets.
    """

    repository: str = ""
    projects: tuple[str, ...] = ()
    may: May = "upload"
    minutes: int = DEFAULT_MINUTES

    def in_form(self) -> Self:
        """Returns the settings as they are stored.

        They have the usual issuer if none is given. An e-mail address of Google must be verified,
        as anybody can write that of somebody else into an account.

        Raises InvalidSetting for an invalid value.
        """
        issuer = self.issuer_or_usual
        claims = dict(self.claims)
        if self.kind == "google" and "email" in claims:
            claims.setdefault("email_verified", "true")
        projects = name_patterns(self.projects)
        settings = replace(self, issuer=issuer, claims=claims, projects=projects)
        settings.check()
        return settings

    @property
    def issuer_or_usual(self) -> str:
        """The issuer, or the usual one of the provider if none is given; empty if it has none."""
        return self.issuer or DEFAULT_ISSUERS.get(self.kind, "")

    def check(self) -> None:
        """Raises InvalidSetting for an invalid value."""
        if self.kind not in PUBLISHER_KINDS:
            raise InvalidSetting(f"A publisher is for one of {', '.join(PUBLISHER_KINDS)}.")
        if not self.issuer:
            raise InvalidSetting(
                f"A publisher for {self.kind} needs the URL of its issuer; it is the claim iss of "
                "the tokens that the jobs get."
            )
        issuer_of(self).check()
        if _KINDS.get(self.issuer, self.kind) != self.kind:
            raise InvalidSetting(
                f"This is the issuer of {_KINDS[self.issuer]}; make the publisher for that, so "
                "that it is known which claims keep strangers out."
            )
        if self.kind == "google" and self.issuer != DEFAULT_ISSUERS["google"]:
            raise InvalidSetting(
                f"The issuer of google is {DEFAULT_ISSUERS['google']} and no other; leave it out, "
                "or make the publisher for oidc."
            )
        if self.may not in ("upload", "read"):
            raise InvalidSetting("A publisher may either upload or read.")
        if not DEFAULT_MINUTES <= self.minutes <= LONGEST_MINUTES:  # PEP 807
            raise InvalidSetting(
                f"The token of a publisher is valid for {DEFAULT_MINUTES} to {LONGEST_MINUTES} "
                "minutes."
            )
        name_patterns(self.projects)
        self._check_claims()
        require_storable(self.ca_file or "")

    def _check_claims(self) -> None:
        if len(self.claims) > _MOST_CLAIMS:
            raise InvalidSetting(f"A publisher has conditions for at most {_MOST_CLAIMS} claims.")
        for name, pattern in self.claims.items():
            require_storable(name)
            require_storable(pattern)
            if not name.strip() or not pattern.strip() or len(name) + len(pattern) > _LONGEST:
                raise InvalidSetting(
                    f"A claim and its value have 1 to {_LONGEST} characters; check {name[:80]!r}."
                )
            if name != name.strip() or pattern != pattern.strip():
                raise InvalidSetting(
                    f"The claim {name[:80]!r} or its value begins or ends with a space, so no job "
                    "would match; take the space away."
                )
            if name in _OF_THE_TOKEN:
                raise InvalidSetting(
                    f"The claim {name} says nothing about a job; choose another one."
                )
        if_missing = "" if "email" in self.claims else "true"
        if self.kind == "google" and self.claims.get("email_verified", if_missing) != "true":
            raise InvalidSetting(
                "Google must have verified an e-mail address, or anybody can write that of "
                "somebody else into an account; demand email_verified with the value true."
            )
        impossible = why_impossible(self.kind, self.issuer, self.claims)
        if impossible is not None:
            raise InvalidSetting(impossible)
        if not self.identifying:
            possible = IDENTIFYING.get(self.kind)
            if possible is None:
                raise InvalidSetting(
                    "A publisher needs a claim with an exact value, or jobs of strangers match it; "
                    "add one without *, such as sub."
                )
            raise InvalidSetting(
                "A publisher needs the exact value of a claim that nobody else's jobs can have; "
                f"add one of {', '.join(sorted(possible))}."
            )

    @property
    def grants(self) -> Grants:
        """What the jobs may do."""
        access = Access.WRITE if self.may == "upload" else Access.READ
        if not self.projects:
            return Grants(named={self.repository: access})
        return Grants(patterns={(self.repository, pattern): access for pattern in self.projects})

    @property
    def can_attest(self) -> bool:
        """Whether jobs say enough to be compared with the certificate of an attestation."""
        return self.kind in ("github", "gitlab", "google")

    def may_reach(self, pattern: str) -> bool:
        """Returns whether jobs may upload to some project that a pattern matches, probably."""
        return self.may == "upload" and (
            not self.projects
            or any(
                matches(one, NormalizedName(other))
                for each in self.projects
                for one, other in ((each, pattern), (pattern, each))
            )
        )

    @property
    def token_life(self) -> timedelta:
        """For how long a token is valid that a job gets."""
        return timedelta(minutes=self.minutes)

    def settings(self) -> dict[str, Any]:
        """Returns the values by their names, without the other fields of a publisher."""
        return {name: getattr(self, name) for name in PUBLISHER_SETTINGS}


def issuer_of(settings: JobConditions) -> Issuer:
    """Returns the issuer of the tokens of the jobs."""
    return Issuer(
        url=settings.issuer,
        allow_http=settings.allow_http,
        allow_private_network=settings.allow_private_network,
        ca_file=settings.ca_file,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher(PublisherSettings):
    """CI jobs that may upload or read without a password.

    created_by: the name of the actor that has created the publisher.
    last_used_at: when a job got or used a token last; None if none did.
    received: the claims that came last from a job of the issuer that could have been meant (JSON);
        None if none did.
    received_at: when they came.
    refusal: which of them did not match; None if all of them did.
    """

    id: int
    name: str
    created_at: datetime
    created_by: str
    last_used_at: datetime | None = None
    received: str | None = None
    received_at: datetime | None = None
    refusal: str | None = None

    @property
    def last_got_in(self) -> bool:
        """Whether the job whose claims came last got in, whatever the settings are now."""
        if self.last_used_at is None or self.received_at is None:
            return False
        return self.last_used_at >= self.received_at


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPublisher(JobConditions):
    """As much of a publisher as is read of all with one issuer, to find those that a job meets.

    last_used_at: as for a `Publisher`.
    """

    id: int
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobToken:
    """What a token of a CI job gives by one publisher.

    publisher: the name of the publisher.
    grants: what the job may do.
    expires_at: when the token ends for this publisher.
    """

    publisher: str
    grants: Grants
    workload: CIJob
    expires_at: datetime

    @property
    def may_upload(self) -> bool:
        """Whether the job may upload to some project at least."""
        return Access.WRITE in (*self.grants.named.values(), *self.grants.patterns.values())


def names_together(names: Iterable[str]) -> str:
    """Returns the name of an actor that has what several publishers give."""
    return _BETWEEN_NAMES.join(sorted(names))


def names_apart(name: str) -> frozenset[str]:
    """Returns the names of the publishers that `names_together` has joined."""
    return frozenset(name.split(_BETWEEN_NAMES))


class GivenPublisherSettings(TypedDict, total=False):
    """Settings of which each may be left out; PublisherSettings describes them."""

    kind: PublisherKind
    issuer: str
    claims: Mapping[str, str]
    repository: str
    projects: tuple[str, ...]
    may: May
    minutes: int
    allow_http: bool
    allow_private_network: bool
    ca_file: str | None


PUBLISHER_SETTINGS: Mapping[str, Any] = {each.name: each.type for each in fields(PublisherSettings)}
"""Name -> type."""
