"""Finds conditions that no job can meet, as what people paste is not what a token says."""

import re
from collections.abc import Mapping

from pypi_repo.domain.identity.ci_job import PublisherKind
from pypi_repo.domain.identity.conditions import SHOWN

_NUMBERS: Mapping[PublisherKind, frozenset[str]] = {
    "github": frozenset({"repository_owner_id", "repository_id"}),
    "gitlab": frozenset({"project_id", "namespace_id"}),
}
_NAMES: Mapping[PublisherKind, frozenset[str]] = {
    "github": frozenset({"repository_owner"}),
    "buildkite": frozenset({"organization_slug", "pipeline_slug"}),
}
_FILES: Mapping[PublisherKind, Mapping[str, str]] = {
    "github": dict.fromkeys(
        ("workflow_ref", "job_workflow_ref"), "acme/demo/.github/workflows/release.yml@refs/*"
    ),
    "gitlab": {"ci_config_ref_uri": "gitlab.com/acme/demo//.gitlab-ci.yml@refs/*"},
}
"""Claims that name a file and its ref, with an example."""

_WITH_A_REF = frozenset(name for names in _FILES.values() for name in names)


def why_impossible(kind: PublisherKind, issuer: str, claims: Mapping[str, str]) -> str | None:
    """Returns a sentence about a condition that no job of a provider can meet; None without one.

    A file must be told from others at the same ref, too.
    """
    if kind != "oidc" and issuer.endswith("/"):
        return f"The issuer of {kind} has no slash at its end; take it away, or no job matches."
    for name, pattern in claims.items():
        if name in _WITH_A_REF and pattern.endswith("@*"):
            return (
                f"The claim {name} is a file, an @ and a ref, and the name of a file may have "
                "an @, too; end it with @refs/*, or other files match as well."
            )
        should_be = _should_be(kind, name, pattern)
        if should_be is not None:
            return (
                f"No job would match the claim {name} with the value {pattern[:SHOWN]!r}; "
                f"{should_be}."
            )
    return None


def _should_be(kind: PublisherKind, name: str, pattern: str) -> str | None:
    if name in _NUMBERS.get(kind, ()) and not re.fullmatch("[0-9*]+", pattern, re.ASCII):
        where = {"github": ", which https://api.github.com/users/OWNER says for an owner"}
        return f"it is a number{where.get(kind, '')}"
    if name in _NAMES.get(kind, ()) and "/" in pattern:
        return "it is a name without slashes, like acme"
    if kind == "github" and name == "repository" and not _has_parts(pattern, most=2):
        return "it is the owner, a slash and the name, like acme/demo"
    if kind == "gitlab" and name == "project_path" and not _has_parts(pattern):
        return "it is the namespace, a slash and the name, like acme/demo"
    example = _FILES.get(kind, {}).get(name)
    if example is not None and not _is_file_at_ref(pattern):
        return f"it is the whole path of a file and its ref, like {example}"
    return None


def _has_parts(pattern: str, most: int = 100) -> bool:
    """Whether a path of two parts or more can match a pattern."""
    parts = pattern.split("/")
    return "" not in parts and len(parts) <= most and (len(parts) > 1 or "*" in pattern)


def _is_file_at_ref(pattern: str) -> bool:
    file, at, _ref = pattern.rpartition("@")
    if not at:
        return "*" in pattern
    folders = file.count(".github/workflows/")
    return "://" not in file and folders < 2 and ("*" in file or file.count("/") > 2)
