"""A provider of CI jobs in a process of its own, which signs a token for whatever job is described.

`python -m tests.support.ci_issuer PORT` plays the part of GitHub Actions that gives jobs their
tokens, and signs those that GitLab and others put into the environment. It knows no jobs: who asks
describes the job in the token with which it asks, so that each test has jobs of its own.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from werkzeug.exceptions import HTTPException, NotFound, Unauthorized
from werkzeug.serving import run_simple
from werkzeug.wrappers import Request, Response

from tests.support.identity_provider import signing_key
from tests.support.processes import ServerProcess, free_port

GITHUB: Mapping[str, Any] = {
    "sub": "repo:acme/demo:environment:release",
    "repository": "acme/demo",
    "repository_id": "70000001",
    "repository_owner": "acme",
    "repository_owner_id": "90000001",
    "repository_visibility": "private",
    "actor": "dev",
    "actor_id": "40000001",
    "environment": "release",
    "event_name": "push",
    "ref": "refs/tags/v1.0",
    "ref_type": "tag",
    "ref_protected": "true",
    "sha": "0123456789012345678901234567890123456789",
    "run_id": "12345",
    "run_number": "7",
    "run_attempt": "1",
    "runner_environment": "github-hosted",
    "workflow": "Release",
    "workflow_ref": "acme/demo/.github/workflows/release.yml@refs/tags/v1.0",
    "job_workflow_ref": "acme/demo/.github/workflows/release.yml@refs/tags/v1.0",
}
"""What GitHub says of the job that publishes acme/demo."""

GITLAB: Mapping[str, Any] = {
    "sub": "project_path:acme/demo:ref_type:tag:ref:v1.0",
    "namespace_id": "72",
    "namespace_path": "acme",
    "project_id": "20",
    "project_path": "acme/demo",
    "user_id": "1",
    "user_login": "dev",
    "user_email": "dev@example.com",
    "pipeline_id": "574",
    "pipeline_source": "push",
    "job_id": "302",
    "ref": "v1.0",
    "ref_type": "tag",
    "ref_path": "refs/tags/v1.0",
    "ref_protected": "true",
    "environment": "release",
    "sha": "0123456789012345678901234567890123456789",
    "runner_id": 1,
    "runner_environment": "self-hosted",
    "ci_config_ref_uri": "gitlab.example.com/acme/demo//.gitlab-ci.yml@refs/tags/v1.0",
    "ci_config_sha": "0123456789012345678901234567890123456789",
}
"""What GitLab says of the job that publishes acme/demo."""

GOOGLE: Mapping[str, Any] = {
    "sub": "107517467455664443765",
    "azp": "107517467455664443765",
    "email": "publish@acme.iam.gserviceaccount.com",
    "email_verified": True,
    "jti": None,
    "nbf": None,
}
"""What Google says of a service account."""

JENKINS: Mapping[str, Any] = {
    "sub": "https://jenkins.example.com/job/demo/",
    "build_number": 12,
    "jti": None,
    "nbf": None,
}
"""What the OpenID Connect Provider plugin of Jenkins says of a build."""

AUDIENCE = "pypi-repo"
"""That of a registry without settings."""

_LIFE = 300  # seconds


class CiIssuer(ServerProcess):
    """The process; `url` is the issuer of its tokens."""

    def __init__(self) -> None:
        port = free_port()
        super().__init__([sys.executable, "-m", "tests.support.ci_issuer", str(port)], port)

    def token(self, claims: Mapping[str, Any], audience: str = AUDIENCE) -> str:
        """A new token of a job; a claim that is None is left out, whatever it is."""
        path = f"/token?{urlencode({'api-version': '2.0', 'audience': audience})}"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {_ticket(claims)}"})
            token: str = json.load(connection.getresponse())["value"]
        finally:
            connection.close()
        return token

    def github(self, **changed: Any) -> dict[str, str]:
        """The environment of a job of GitHub Actions that has the permission `id-token: write`.

        changed: what differs from the claims of `GITHUB`.
        """
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": _ticket({**GITHUB, **changed}),
        }

    def gitlab(self, audience: str = AUDIENCE, **changed: Any) -> dict[str, str]:
        """The environment of a job of GitLab whose `id_tokens` have one for an audience.

        changed: what differs from the claims of `GITLAB`.
        """
        name = "".join(each.upper() if each.isalnum() else "_" for each in audience)
        token = self.token({**GITLAB, **changed}, audience)
        return {"GITLAB_CI": "true", f"{name}_ID_TOKEN": token}


def _ticket(claims: Mapping[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(dict(claims)).encode()).decode().rstrip("=")


def _claims(ticket: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(ticket + "=" * (-len(ticket) % 4)))
    return claims


def _serve(port: int) -> None:
    key, issuer = signing_key(), f"http://127.0.0.1:{port}"

    @Request.application
    def app(request: Request) -> Response | HTTPException:
        match request.path:
            case "/.well-known/openid-configuration":
                jwks = f"{issuer}/.well-known/jwks"
                return _json({"issuer": issuer, "jwks_uri": jwks})
            case "/.well-known/jwks":
                return _json({"keys": [key.jwk]})
            case "/token":
                scheme, _space, ticket = request.headers.get("Authorization", "").partition(" ")
                if scheme.lower() != "bearer":
                    return Unauthorized()
                audience = request.args["audience"]
                return _json({"value": key.sign(_of_a_token(issuer, audience, _claims(ticket)))})
        return NotFound()

    run_simple("127.0.0.1", port, app, threaded=True)


def _of_a_token(issuer: str, audience: str, job: Mapping[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + _LIFE}
    claims = {"iss": issuer, "aud": audience, "jti": str(uuid.uuid4()), **times, **job}
    return {name: value for name, value in claims.items() if value is not None}


def _json(document: object) -> Response:
    return Response(json.dumps(document), content_type="application/json")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
