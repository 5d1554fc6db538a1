"""What the token of a CI job says of the job, by the provider of the job."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from pypi_repo.domain.identity.ci_job import CIJob, PublisherKind
from pypi_repo.domain.identity.claims import Claims

_LONGEST = 1000  # characters
_GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
_OF_CIRCLECI = "oidc.circleci.com/"
_FILE_AT_REF = re.compile(r"(?P<file>.+?)@(?:refs/.+|[0-9a-f]{40}|[0-9a-f]{64})", re.ASCII)


def ci_job_of(kind: PublisherKind, claims: Claims) -> CIJob:
    """Returns the CI job that a token describes.

    claims: those of a token that was verified, so that they are what the provider says. What is
        missing, too long or not printable is left empty.
    """
    found = _READERS.get(kind, _nothing)(claims)
    return CIJob(kind=kind, issuer=claims["iss"], subject=claims["sub"], **found)


def known_text(value: Any) -> str:
    """Returns what a provider says; empty if that is missing, too long or not printable."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if len(text) <= _LONGEST and text.isprintable() else ""


def file_without_ref(text: str) -> str:
    """Returns the name of the file that describes a job, of a text that also has its ref.

    text: the name, `@`, and a branch, tag or commit. A file may have `@` in its name, and so may a
        branch or tag in its own.

    Returns an empty text if there is no ref, as it is not known then where the name ends.
    """
    found = _FILE_AT_REF.fullmatch(text)
    return found["file"] if found else ""


def quoted(path: str) -> str:
    """Returns a path, or a whole URL, as it stands in the URLs of a job."""
    return quote(path, safe="/@:+~")


def _github(claims: Claims) -> dict[str, str]:
    repository = _url(_github_server(claims["iss"]), _text(claims, "repository"))
    file = _text(claims, "job_workflow_ref") or _text(claims, "workflow_ref")
    run, attempt = _text(claims, "run_id"), _text(claims, "run_attempt")
    run_url = _url(repository, run and f"actions/runs/{run}")
    return {
        "repository": repository,
        "workflow": _url(_github_server(claims["iss"]), file_without_ref(file)),
        "ref": _text(claims, "ref"),
        "run_url": _url(run_url, attempt and f"attempts/{attempt}") or run_url,
        "owner_id": _text(claims, "repository_owner_id"),
    }


def _github_server(issuer: str) -> str:
    """GitHub, its data residency (token.actions.ACME.ghe.com), or an Enterprise Server."""
    if issuer == _GITHUB_ISSUER or issuer.startswith(f"{_GITHUB_ISSUER}/"):
        return "https://github.com"
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc.removeprefix('token.actions.')}"


def _gitlab(claims: Claims) -> dict[str, str]:
    repository = _url(claims["iss"], _text(claims, "project_path"))
    job, pipeline = _text(claims, "job_id"), _text(claims, "pipeline_id")
    # The claim names the host and not the scheme.
    host, _, file = file_without_ref(_text(claims, "ci_config_ref_uri")).partition("/")
    ref, is_tag = _text(claims, "ref"), claims.get("ref_type") == "tag"
    return {
        "repository": repository,
        "workflow": _url(f"{urlsplit(claims['iss']).scheme}://{host}", file),
        "ref": _text(claims, "ref_path") or _ref(*((ref, "") if is_tag else ("", ref))),
        "run_url": _url(repository, job and f"-/jobs/{job}")
        or _url(repository, pipeline and f"-/pipelines/{pipeline}"),
        "owner_id": _text(claims, "namespace_id"),
    }


def _google(claims: Claims) -> dict[str, str]:
    return {"email": _text(claims, "email")}


def _buildkite(claims: Claims) -> dict[str, str]:
    organization, pipeline = _text(claims, "organization_slug"), _text(claims, "pipeline_slug")
    build = _text(claims, "build_number")
    place = f"{organization}/{pipeline}/builds/{build}" if organization and pipeline else ""
    return {
        "ref": _ref(_text(claims, "build_tag"), _text(claims, "build_branch")),
        "run_url": _url("https://buildkite.com", build and place),
        "owner_id": _text(claims, "organization_id"),
    }


def _circleci(claims: Claims) -> dict[str, str]:
    host, _, path = _text(claims, f"{_OF_CIRCLECI}vcs-origin").partition("/")
    workflow = _text(claims, f"{_OF_CIRCLECI}workflow-id")
    return {
        "repository": _url(f"https://{host}", path),
        "ref": _text(claims, f"{_OF_CIRCLECI}vcs-ref"),
        "run_url": _url("https://app.circleci.com/pipelines/workflows", workflow),
        "owner_id": _text(claims, f"{_OF_CIRCLECI}org-id"),
    }


def _nothing(_claims: Claims) -> dict[str, str]:
    return {}


_READERS: Mapping[str, Callable[[Claims], dict[str, str]]] = {
    "github": _github,
    "gitlab": _gitlab,
    "google": _google,
    "buildkite": _buildkite,
    "circleci": _circleci,
}


def _text(claims: Claims, name: str) -> str:
    return known_text(claims.get(name))


def _ref(tag: str, branch: str) -> str:
    if tag:
        return f"refs/tags/{tag}"
    return f"refs/heads/{branch}" if branch else ""


def _url(base: str, path: str) -> str:
    """Returns a URL below another one; empty if either is not known."""
    return f"{base.rstrip('/')}/{quoted(path)}" if base and path else ""
