"""Conditions for the claims of CI jobs, which say what jobs a publisher is for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pypi_repo.domain.identity.ci_job import PublisherKind
from pypi_repo.domain.identity.claims import Claims, values_of

SHOWN = 200
"""How many characters of a value are shown in a sentence."""

REACH = ("allow_http", "allow_private_network", "ca_file")
"""Settings that say how an issuer is reached, and are the same for all of its publishers."""

IDENTIFYING: Mapping[PublisherKind, frozenset[str]] = {
    # On GitHub anybody can take over the name of an account that was renamed or deleted.
    "github": frozenset({"repository_owner_id", "repository_id"}),
    "gitlab": frozenset({"project_path", "project_id", "namespace_path", "namespace_id"}),
    "google": frozenset({"sub", "email"}),
    "buildkite": frozenset({"organization_slug", "organization_id", "pipeline_id", "sub"}),
    "circleci": frozenset(
        {"oidc.circleci.com/project-id", "oidc.circleci.com/org-id", "sub"},
    ),
}
"""The claims that keep the jobs of strangers out, if a condition has their exact values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobConditions:
    """Which CI jobs are meant, and how their issuer is asked for its keys.

    kind: the provider of the CI jobs.
    issuer: the URL with which their tokens name their issuer, character by character; empty for the
        usual one of the provider.
    claims: from a claim to the pattern that one of its values must match, in which `*` stands for
        any characters. All of them must match, and one that tells jobs apart must have no `*`.
    allow_http, allow_private_network, ca_file: how the issuer may be asked for its keys, as for an
        `Issuer`.
    """

    kind: PublisherKind = "oidc"
    issuer: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)
    allow_http: bool = False
    allow_private_network: bool = False
    ca_file: str | None = None

    @property
    def identifying(self) -> frozenset[str]:
        """The claims whose exact values keep the jobs of strangers out."""
        exact = frozenset(name for name, pattern in self.claims.items() if "*" not in pattern)
        return exact & IDENTIFYING.get(self.kind, exact)

    def unmet(self, claims: Claims) -> tuple[str, ...]:
        """Returns the names of the claims that do not match, in the order of the conditions."""
        return tuple(
            name
            for name, pattern in self.claims.items()
            if not any(_matches(pattern, value) for value in values_of(claims, name))
        )

    def why_not(self, claims: Claims) -> str | None:
        """Returns a sentence about the first claim that does not match, for administrators."""
        for name in self.unmet(claims):
            values = sorted(values_of(claims, name))
            found = f"is {', '.join(map(repr, values))[:SHOWN]}" if values else "is not there"
            return f"The claim {name} must be {self.claims[name]!r}, and {found}."
        return None


def _matches(pattern: str, value: str) -> bool:
    """Whether a value matches a pattern in which `*` stands for any characters.

    Each part is looked for where the one before it has ended, so the time is bounded.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return value == pattern
    *middle, last = rest
    if not value.startswith(first):
        return False
    at = len(first)
    for part in middle:
        found = value.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return value.endswith(last) and len(value) - len(last) >= at
