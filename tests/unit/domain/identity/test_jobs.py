"""What the tokens of each provider say of a job (T4)."""

from typing import Any

import pytest

from pypi_repo.domain.attestations.certificates import difference
from pypi_repo.domain.identity.ci_job import PUBLISHER_KINDS, CIJob, PublisherKind
from pypi_repo.domain.identity.jobs import ci_job_of
from pypi_repo.domain.identity.publisher import PublisherSettings

GITHUB = "https://token.actions.githubusercontent.com"
OF_GITHUB = {
    "repository": "acme/rocket",
    "repository_owner_id": 65,
    "workflow_ref": "acme/rocket/.github/workflows/release.yml@refs/tags/v1.0",
    "ref": "refs/tags/v1.0",
    "run_id": "30433642",
    "run_attempt": "2",
}
OF_GITLAB = {
    "project_path": "acme/tools/rocket",
    "namespace_id": "72",
    "ci_config_ref_uri": "gitlab.com/acme/tools/rocket//.gitlab-ci.yml@refs/heads/main",
    "ref": "main",
    "ref_type": "branch",
    "pipeline_id": "5600",
    "job_id": "302",
}


def told(kind: PublisherKind, issuer: str, **claims: Any) -> dict[str, str]:
    """What is known beside kind, issuer and subject."""
    texts = ci_job_of(kind, {"iss": issuer, "sub": "x", **claims}).as_texts()
    usual = {name: texts.pop(name) for name in ("kind", "issuer", "subject")}
    assert usual == {"kind": kind, "issuer": issuer, "subject": "x"}
    return texts


@pytest.mark.parametrize(
    ("issuer", "server"),
    [
        (GITHUB, "https://github.com"),
        (f"{GITHUB}/acme", "https://github.com"),  # an issuer of an enterprise's own
        ("https://token.actions.acme.ghe.com", "https://acme.ghe.com"),
        ("https://git.example.com/_services/token", "https://git.example.com"),
    ],
)
def test_t4_github(issuer: str, server: str) -> None:
    assert told("github", issuer, **OF_GITHUB) == {
        "repository": f"{server}/acme/rocket",
        "workflow": f"{server}/acme/rocket/.github/workflows/release.yml",
        "ref": "refs/tags/v1.0",
        "run_url": f"{server}/acme/rocket/actions/runs/30433642/attempts/2",
        "owner_id": "65",
    }


def test_t4_a_reusable_workflow_is_the_file_that_describes_the_job() -> None:
    shared = "acme/shared/.github/workflows/publish.yml@refs/heads/main"
    texts = told("github", GITHUB, **OF_GITHUB, job_workflow_ref=shared)
    assert texts["workflow"] == "https://github.com/acme/shared/.github/workflows/publish.yml"
    assert texts["repository"] == "https://github.com/acme/rocket"


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("release.yml@refs/tags/pkg@1.0", "release.yml"),
        ("release.yml@evil.yml@refs/heads/main", "release.yml@evil.yml"),
        ("release.yml@refs@refs/heads/main", "release.yml@refs"),
        (f"release.yml@{'a' * 40}@refs/heads/main", f"release.yml@{'a' * 40}"),
        (f"release.yml@evil.yml@{'a' * 40}", "release.yml@evil.yml"),
        ("release.yml@evil.yml", ""),
        ("release.yml", ""),
    ],
)
def test_t4_a_file_with_an_at_sign_is_not_taken_for_another_one(text: str, file: str) -> None:
    folder = "acme/rocket/.github/workflows/"
    told_of = told("github", GITHUB, **{**OF_GITHUB, "workflow_ref": folder + text})
    assert told_of.get("workflow", "") == (file and f"https://github.com/{folder}{file}")


def test_t4_gitlab() -> None:
    assert told("gitlab", "https://gitlab.com", **OF_GITLAB) == {
        "repository": "https://gitlab.com/acme/tools/rocket",
        "workflow": "https://gitlab.com/acme/tools/rocket//.gitlab-ci.yml",
        "ref": "refs/heads/main",
        "run_url": "https://gitlab.com/acme/tools/rocket/-/jobs/302",
        "owner_id": "72",
    }


def test_t4_gitlab_of_older_versions() -> None:
    changed = {"ref": "v1.0", "ref_type": "tag", "job_id": None, "ci_config_ref_uri": None}
    texts = told("gitlab", "https://git.example.com/gitlab", **{**OF_GITLAB, **changed})
    assert texts["run_url"] == "https://git.example.com/gitlab/acme/tools/rocket/-/pipelines/5600"
    assert texts["ref"] == "refs/tags/v1.0"
    assert "workflow" not in texts


def test_t4_google() -> None:
    texts = told("google", "https://accounts.google.com", email="ci@acme.iam.gserviceaccount.com")
    assert texts == {"email": "ci@acme.iam.gserviceaccount.com"}


def test_t4_buildkite() -> None:
    texts = told(
        "buildkite",
        "https://agent.buildkite.com",
        organization_slug="acme",
        organization_id="0184990a",
        pipeline_slug="rocket",
        build_number=7,
        build_branch="main",
        build_tag="",
    )
    assert texts == {
        "ref": "refs/heads/main",
        "run_url": "https://buildkite.com/acme/rocket/builds/7",
        "owner_id": "0184990a",
    }


def test_t4_circleci() -> None:
    texts = told(
        "circleci",
        "https://oidc.circleci.com/org/9be2",
        **{
            "oidc.circleci.com/vcs-origin": "github.com/acme/rocket",
            "oidc.circleci.com/vcs-ref": "refs/heads/main",
            "oidc.circleci.com/workflow-id": "76f2",
            "oidc.circleci.com/org-id": "9be2",
        },
    )
    assert texts == {
        "repository": "https://github.com/acme/rocket",
        "ref": "refs/heads/main",
        "run_url": "https://app.circleci.com/pipelines/workflows/76f2",
        "owner_id": "9be2",
    }


@pytest.mark.parametrize("kind", PUBLISHER_KINDS)
def test_t4_whatever_is_missing_or_strange_is_left_out(kind: PublisherKind) -> None:
    for value in (None, [], {}, True, 1.5, "", "a\nb", "\u202e", "\ud800", "a\0", "x" * 1001):
        names = [*OF_GITHUB, *OF_GITLAB, "email", "organization_slug", "pipeline_slug"]
        assert told(kind, "https://ci.example.com", **dict.fromkeys(names, value)) == {}
    assert told(kind, "https://ci.example.com") == {}


@pytest.mark.parametrize("kind", PUBLISHER_KINDS)
def test_t9_who_can_attest_says_enough_to_be_compared(kind: PublisherKind) -> None:
    """And nobody else, whatever a job says."""
    said = {**OF_GITHUB, **OF_GITLAB, "email": "ci@acme.example", "organization_slug": "acme"}
    said |= {"pipeline_slug": "demo", "oidc.circleci.com/vcs-origin": "github.com/acme/rocket"}
    job = ci_job_of(kind, {"iss": GITHUB, "sub": "x", **said})
    publisher = PublisherSettings(kind=kind, issuer=GITHUB, claims={"sub": "x"}, repository="main")
    assert publisher.can_attest == (difference(job, job, {}) is None)


def test_t4_names_do_not_lead_elsewhere() -> None:
    texts = told("github", GITHUB, **{**OF_GITHUB, "repository": 'a"><b?x=1#y', "run_id": "1?x"})
    assert texts["repository"] == "https://github.com/a%22%3E%3Cb%3Fx%3D1%23y"
    assert texts["run_url"].endswith("/actions/runs/1%3Fx/attempts/2")


def test_t4_what_a_newer_version_has_added_is_left_out() -> None:
    """As processes of both versions run during an upgrade."""
    workload = ci_job_of("github", {"iss": GITHUB, "sub": "x", **OF_GITHUB})
    assert CIJob.of_texts({**workload.as_texts(), "runner": "r1"}) == workload


def test_t4_it_comes_back_from_what_is_kept() -> None:
    workload = ci_job_of("github", {"iss": GITHUB, "sub": "x", **OF_GITHUB})
    assert CIJob.of_texts(workload.as_texts()) == workload
