"""CI jobs as provenance and certificates name them (T9)."""

import pytest

from pypi_repo.domain.attestations.certificates import (
    certified_job,
    described_publisher,
    difference,
)
from pypi_repo.domain.identity.ci_job import CIJob

REPOSITORY = "https://github.com/acme/rocket"
WORKFLOW = f"{REPOSITORY}/.github/workflows/release.yml"
UPLOADER = CIJob(kind="github", issuer="https://token.actions.githubusercontent.com", subject="x")


def test_t9_an_account_of_google_is_one_of_google_itself() -> None:
    """Whoever runs another issuer can write any address into a token."""
    account = "ci@acme.iam.gserviceaccount.com"
    of_google = CIJob(
        kind="google", issuer="https://accounts.google.com", subject=account, email=account
    )
    assert described_publisher(of_google) == {"kind": "Google", "email": account}
    for issuer in ("https://idp.example.com", "https://oauth2.sigstore.dev/auth"):
        other = CIJob(kind="google", issuer=issuer, subject=account, email=account)
        described = described_publisher(other)
        assert described["kind"] == "OpenID Connect"
        assert described["issuer"] == issuer


@pytest.mark.parametrize(
    ("ref", "workflow"),
    [
        ("@refs/heads/main", WORKFLOW),
        ("@evil.yml@refs/heads/main", f"{WORKFLOW}@evil.yml"),
        ("@evil.yml", ""),
    ],
)
def test_t9_a_file_with_an_at_sign_is_not_taken_for_another_one(ref: str, workflow: str) -> None:
    claims = {"1.3.6.1.4.1.57264.1.18": WORKFLOW + ref}
    assert certified_job(UPLOADER, claims, WORKFLOW + ref, "").workflow == workflow


def test_t9_the_difference_of_workflows_is_at_the_beginning() -> None:
    """Clients show the beginning of a reason, and the URLs are alike but for their ends."""
    job = {"kind": "github", "issuer": UPLOADER.issuer, "subject": "x", "repository": REPOSITORY}
    uploader = CIJob(**job, workflow=WORKFLOW)  # type: ignore[arg-type]
    other = CIJob(**job, workflow=WORKFLOW.replace("release", "other"))  # type: ignore[arg-type]
    said = difference(other, uploader, {})
    assert said == "its workflow is '.../other.yml', and that of the upload is '.../release.yml'"
