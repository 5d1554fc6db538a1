"""CI jobs and the publishers for them, with a provider of this process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.identity.publisher import Publisher
from pypi_repo.settings import OIDC_AUDIENCE
from tests.support.identity_provider import ScriptedProvider

OF_GITHUB: Mapping[str, Any] = {
    "sub": "repo:acme/rocket:environment:release",
    "repository": "acme/rocket",
    "repository_id": "74",
    "repository_owner": "acme",
    "repository_owner_id": "65",
    "workflow_ref": "acme/rocket/.github/workflows/release.yml@refs/tags/v1.0",
    "job_workflow_ref": "acme/rocket/.github/workflows/release.yml@refs/tags/v1.0",
    "ref": "refs/tags/v1.0",
    "environment": "release",
    "run_id": "30433642",
    "run_attempt": "2",
}
"""What GitHub says of a job, beside who says it and until when."""

CONDITIONS: Mapping[str, str] = {
    "repository_owner_id": "65",
    "repository": "acme/rocket",
    "job_workflow_ref": "acme/rocket/.github/workflows/release.yml@refs/*",
    "environment": "release",
}


def job_token(provider: ScriptedProvider, **changed: Any) -> str:
    """The signed token of a job; None leaves a claim out."""
    return provider.keys[0].sign(job_claims(provider, **changed))


def job_claims(provider: ScriptedProvider, **changed: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": provider.url,
        "aud": OIDC_AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "jti": str(uuid4()),
        **OF_GITHUB,
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}


def create_publisher(
    registry: Registry, issuer: str, name: str = "rocket", **settings: Any
) -> Publisher:
    """A publisher for the jobs of OF_GITHUB, which upload `rocket` to `main`."""
    given: dict[str, Any] = {
        "kind": "github",
        "issuer": issuer,
        "claims": CONDITIONS,
        "repository": "main",
        "projects": ("rocket",),
        "allow_http": True,
        "allow_private_network": True,
    }
    return registry.acting_as(OPERATOR).publishers.create(name, **{**given, **settings})


def publisher(registry: Registry, name: str = "rocket") -> Publisher:
    return registry.acting_as(OPERATOR).publishers.get(name)
