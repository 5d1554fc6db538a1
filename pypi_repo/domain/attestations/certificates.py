"""CI jobs as the certificates of attestations name them (PEP 740, Sigstore)."""

from collections.abc import Mapping
from os.path import commonprefix
from typing import Any

from pypi_repo.domain.identity.ci_job import CIJob
from pypi_repo.domain.identity.jobs import file_without_ref, known_text, quoted
from pypi_repo.domain.identity.publisher import USUAL_ISSUERS

_FULCIO = "1.3.6.1.4.1.57264.1."
_ISSUER = _FULCIO + "8"
_SIGNER = _FULCIO + "9"
_REPOSITORY = _FULCIO + "12"
_REF = _FULCIO + "14"
_OWNER_ID = _FULCIO + "17"
_WORKFLOW = _FULCIO + "18"
_RUN = _FULCIO + "21"
"""Extensions of certificates; see https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md"""

_PUBLIC_HOSTS = {
    USUAL_ISSUERS["github"]: "https://github.com/",
    USUAL_ISSUERS["gitlab"]: "https://gitlab.com/",
}
_GITHUB_FOLDER = "/.github/workflows/"
_GITLAB_FOLDER = "//"


def certified_job(uploader: CIJob, claims: Mapping[str, str], url: str, email: str) -> CIJob:
    """Returns the CI job that a certificate names.

    uploader: the job whose token came with the upload, for its kind.
    claims: the values of the extensions of the certificate, by their OIDs.
    url: the URL that the certificate is for; empty if it has none.
    email: the address that it is for; empty if it has none.
    """
    return CIJob(
        kind=uploader.kind,
        issuer=known_text(claims.get(_ISSUER)),
        subject=known_text(url or email),
        repository=quoted(known_text(claims.get(_REPOSITORY))),
        workflow=_file(claims.get(_WORKFLOW)),
        ref=known_text(claims.get(_REF)),
        run_url=quoted(known_text(claims.get(_RUN))),
        owner_id=known_text(claims.get(_OWNER_ID)),
        email=known_text(email),
    )


def difference(certified: CIJob, uploader: CIJob, claims: Mapping[str, str]) -> str | None:
    """Returns why a job is not the one that uploads, as the end of a sentence; None if it is.

    A service account is told by its address, and other jobs by their repository, the file that
    describes them, and the number of the owner where both name it. Another run of the same job is
    the same: it may have built what this one uploads.

    certified: the job that a certificate names.
    uploader: the job whose token came with the upload.
    claims: the values of the extensions of the certificate, by their OIDs.
    """
    if certified.issuer != uploader.issuer:
        return _differs("issuer", certified.issuer, uploader.issuer)
    if uploader.email:
        is_same = certified.email == uploader.email
        return None if is_same else _differs("email", certified.email, uploader.email)
    if not (uploader.repository and uploader.workflow):
        return f"jobs of {uploader.issuer} do not say enough to be compared with its certificate"
    if certified.repository != uploader.repository:
        return _differs("repository", certified.repository, uploader.repository)
    if certified.owner_id and uploader.owner_id and certified.owner_id != uploader.owner_id:
        return _differs("owner id", certified.owner_id, uploader.owner_id)
    # A file can call one of another repository, which tokens of GitHub name in its place.
    if uploader.workflow in (certified.workflow, _file(claims.get(_SIGNER))):
        return None
    return _differs("workflow", certified.workflow, uploader.workflow)


def described_publisher(job: CIJob) -> dict[str, Any]:
    """Returns how a provenance names the CI job of its attestations (PEP 740).

    For jobs of GitHub, gitlab.com and Google it is what clients know from the public index. Those
    of other issuers must not be taken for them, so they have a kind of their own.
    """
    if job.kind == "google" and job.issuer == USUAL_ISSUERS["google"]:
        return {"kind": "Google", "email": job.email}
    host = _PUBLIC_HOSTS.get(job.issuer)
    slug = job.repository.removeprefix(host) if host else ""
    if job.kind == "github" and host and job.workflow.startswith(job.repository + _GITHUB_FOLDER):
        file = job.workflow.removeprefix(job.repository + _GITHUB_FOLDER)
        return {"kind": "GitHub", "repository": slug, "workflow": file, "environment": None}
    if job.kind == "gitlab" and host and job.workflow.startswith(job.repository + _GITLAB_FOLDER):
        file = job.workflow.removeprefix(job.repository + _GITLAB_FOLDER)
        return {
            "kind": "GitLab",
            "repository": slug,
            "workflow_filepath": file,
            "environment": None,
        }
    return {
        "kind": "OpenID Connect",
        "issuer": job.issuer,
        "repository": job.repository,
        "workflow": job.workflow,
    }


def _file(url: str | None) -> str:
    """Returns the URL of the file that describes a job, without the branch, tag or commit."""
    return quoted(file_without_ref(known_text(url)))


def _differs(what: str, found: str, expected: str) -> str:
    """What two URLs have in common is left out, as clients show only the beginning of a reason."""
    if not found:
        return f"its {what} is not there, and that of the upload is {expected[:200]!r}"
    # These are URLs, in which commonpath would lose a slash.
    same = commonprefix((found, expected)).rpartition("/")[0]  # noqa: RUF071
    if what == "workflow" and same:
        found, expected = (f"...{each.removeprefix(same)}" for each in (found, expected))
    return f"its {what} is {found[:200]!r}, and that of the upload is {expected[:200]!r}"
