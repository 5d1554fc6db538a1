"""Conditions that no job can meet are refused at once (T3)."""

import pytest

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.identity.ci_job import PublisherKind
from pypi_repo.domain.identity.possible import why_impossible
from pypi_repo.domain.identity.publisher import PublisherSettings


@pytest.mark.parametrize(
    ("kind", "claim", "pattern"),
    [
        ("github", "repository_owner_id", "acme"),
        ("gitlab", "project_id", "acme/demo"),
        ("github", "repository_owner", "acme/demo"),
        ("github", "repository", "demo"),
        ("github", "repository", "acme/acme/demo"),
        ("github", "repository", "https://github.com/acme/demo"),
        ("github", "job_workflow_ref", "release.yml@refs/*"),
        ("github", "job_workflow_ref", "acme/demo/.github/workflows/release.yml"),
        (
            "github",
            "workflow_ref",
            "acme/demo/.github/workflows/.github/workflows/release.yml@refs/*",
        ),
        ("gitlab", "project_path", "demo"),
        ("gitlab", "project_path", "/acme/demo"),
        ("gitlab", "ci_config_ref_uri", "https://gitlab.com/acme/demo//.gitlab-ci.yml@refs/*"),
        ("buildkite", "pipeline_slug", "acme/demo"),
    ],
)
def test_t3_what_no_job_says(kind: PublisherKind, claim: str, pattern: str) -> None:
    said = why_impossible(kind, "", {claim: pattern})
    assert said is not None
    assert claim in said
    with pytest.raises(InvalidSetting, match="No job would match"):
        PublisherSettings(kind=kind, claims={claim: pattern}, repository="main").in_form()


@pytest.mark.parametrize(
    ("kind", "claim", "pattern"),
    [
        ("github", "repository_owner_id", "4711"),
        ("github", "repository", "acme/demo"),
        ("github", "repository", "acme/*"),
        ("github", "repository", "*"),
        ("github", "job_workflow_ref", "acme/*"),
        ("github", "job_workflow_ref", "*/release.yml@refs/tags/*"),
        ("github", "job_workflow_ref", "acme/demo/.github/workflows/a@b.yml@refs/*"),
        ("gitlab", "project_path", "acme/backend/demo"),
        ("gitlab", "ci_config_ref_uri", "git.example.com/a/b//ci/release.yml@refs/*"),
        ("oidc", "repository", "demo"),
    ],
)
def test_t3_what_a_job_may_say(kind: PublisherKind, claim: str, pattern: str) -> None:
    assert why_impossible(kind, "", {claim: pattern}) is None


def test_t3_an_issuer_with_a_slash_too_many_is_refused_without_asking_it() -> None:
    settings = PublisherSettings(
        kind="gitlab",
        issuer="https://gitlab.example.com/",
        claims={"project_path": "acme/demo"},
        repository="main",
    )
    with pytest.raises(InvalidSetting, match="no slash at its end"):
        settings.in_form()
