"""T4, T7 and T9 over HTTP: what is refused, and what is shown of CI jobs."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from pypi_repo import OPERATOR, Registry, UploadApp
from pypi_repo.domain.events.bodies import body_of
from pypi_repo.domain.events.event import Event
from pypi_repo.domain.identity.ci_job import CIJob
from tests.conftest import ADMINISTRATOR, PASSWORD, USER
from tests.support.api import ApiClient
from tests.support.distributions import multipart, upload_form, wheel
from tests.support.http import basic
from tests.support.jobs import JOB, WORKLOAD, mark_attested
from tests.support.portal import PortalClient, text_of
from tests.support.uploads import filenames, upload

WHEEL = wheel("demo", "1.0")
FORM, FORM_TYPE = multipart(upload_form(WHEEL), [("content", WHEEL.filename, WHEEL.content, None)])


def demand(registry: Registry, **patterns: tuple[str, ...]) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", **patterns)  # type: ignore[misc]


def post(registry: Registry, headers: dict[str, str], body: bytes = FORM) -> TestResponse:
    return Client(registry.wsgi_app()).post(
        "/repositories/main/",
        data=body,
        content_type=FORM_TYPE,
        headers={**headers, "Accept": "application/json"},
    )


@pytest.fixture
def credentials(registry: Registry) -> dict[str, dict[str, str]]:
    accounts = registry.acting_as(OPERATOR).accounts
    _token, secret = accounts.create_token(USER, name="ci")
    return {"password": basic(USER, PASSWORD), "token": basic("__token__", secret)}


@pytest.mark.parametrize("way", ["password", "token"])
def test_passwords_and_tokens_are_refused(
    way: str, registry: Registry, credentials: dict[str, dict[str, str]]
) -> None:
    """T7: with the sentence that uv shows of the body, and twine of the reason phrase."""
    demand(registry, trusted_publishing_only=("demo",))
    answer = post(registry, credentials[way])
    assert (answer.status_code, answer.get_json()["error"]) == (403, "trusted-publishing-required")
    assert "passwords and tokens are not accepted" in answer.status
    demand(registry, trusted_publishing_only=(), attestations_required=("demo",))
    answer = post(registry, credentials[way])
    assert (answer.status_code, answer.get_json()["error"]) == (400, "attestation-required")
    demand(registry, attestations_required=())
    assert post(registry, credentials[way]).status_code == 200


@pytest.mark.parametrize("way", ["password", "token"])
def test_a_body_is_not_looked_at_where_all_projects_demand_it(
    way: str, registry: Registry, credentials: dict[str, dict[str, str]]
) -> None:
    """T7: this is no form, for which the answer would be another one."""
    assert post(registry, credentials[way], b"no form").get_json()["error"] == "invalid-form"
    demand(registry, trusted_publishing_only=("*",))
    answer = post(registry, credentials[way], b"no form")
    assert answer.get_json()["error"] == "trusted-publishing-required"
    demand(registry, trusted_publishing_only=(), attestations_required=("*",))
    answer = post(registry, credentials[way], b"no form")
    assert answer.get_json()["error"] == "attestation-required"


def test_a_job_uploads(registry: Registry) -> None:
    demand(registry, trusted_publishing_only=("*",))
    app = UploadApp(registry.repository("main"), authenticate=lambda _environ: JOB)
    answer = Client(app).post("/", data=FORM, content_type=FORM_TYPE)
    assert answer.status_code == 200
    assert filenames(registry) == [WHEEL.filename]


@pytest.mark.parametrize("pattern", ["*", "demo"])
@pytest.mark.parametrize("setting", ["trusted_publishing_only", "attestations_required"])
def test_the_portal_uploads_nothing_either(setting: str, pattern: str, registry: Registry) -> None:
    """T7."""
    demand(registry, **{setting: (pattern,)})
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    answer = portal.upload(WHEEL, headers={"Accept": "application/json"})
    (result,) = json.loads(answer.text)
    assert (result["outcome"], result["status"]) == (
        "Refused",
        403 if setting == "trusted_publishing_only" else 400,
    )
    assert "from a CI job that has a publisher" in result["message"]
    assert registry.acting_as(OPERATOR).projects.all("main") == []


# What is shown


def files_pages(registry: Registry) -> dict[str, TestResponse]:
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    headers = {"Accept": "text/html", **basic(USER, PASSWORD)}
    readers = Client(registry.wsgi_app())
    return {
        "readers": readers.get("/repositories/main/project/demo/files", headers=headers),
        "administrators": portal.get("repositories/main/projects/demo/files"),
    }


@pytest.mark.parametrize("whose", ["readers", "administrators"])
def test_the_page_of_a_file_tells_its_job(whose: str, registry: Registry) -> None:
    """T4: issuer, subject, run."""
    upload(registry, WHEEL, actor=JOB)
    page = files_pages(registry)[whose]
    told = text_of(page)
    assert "Uploaded by github.com/acme/demo , workflow release.yml , at refs/tags/v1.0" in told
    assert f"subject {WORKLOAD.subject}, issuer {WORKLOAD.issuer}" in told
    for url in (WORKLOAD.repository, WORKLOAD.workflow, WORKLOAD.run_url):
        assert f'<a href="{url}" rel="noopener noreferrer nofollow"' in page.text
    assert "attestation verified" not in told
    mark_attested(registry)
    told = text_of(files_pages(registry)[whose])
    assert "attestation verified names github.com/acme/demo , workflow release.yml" in told


@pytest.mark.parametrize("whose", ["readers", "administrators"])
def test_the_page_of_another_file_tells_no_job(whose: str, registry: Registry) -> None:
    upload(registry, WHEEL)
    told = text_of(files_pages(registry)[whose])
    assert "Uploaded by" not in told
    assert "attestation" not in told


@pytest.mark.parametrize("whose", ["readers", "administrators"])
def test_what_a_job_says_does_no_harm(whose: str, registry: Registry) -> None:
    """X54: an issuer says what it likes."""
    evil = CIJob(
        kind="oidc",
        issuer="https://ci.example.com/<b>",
        subject="<script>alert(1)</script>",
        repository="javascript:alert(2)",
        workflow='https://x"onmouseover="alert(3)',
        ref="<img src=x>",
        run_url="http://plain.example.com/run",
    )
    upload(registry, WHEEL, actor=replace(JOB, workload=evil))
    page = files_pages(registry)[whose]
    assert page.status_code == 200
    for harm in ("<script>alert", 'href="javascript', '"onmouseover', "<img src=x", "<b>"):
        assert harm not in page.text
    assert 'href="http://plain' not in page.text
    assert "alert(2)" in text_of(page)


def test_a_job_of_which_little_is_known(registry: Registry) -> None:
    known = CIJob(kind="google", issuer="https://accounts.google.com", subject="1107")
    upload(registry, WHEEL, actor=replace(JOB, workload=known))
    for page in files_pages(registry).values():
        told = "Uploaded by 1107 (subject 1107, issuer https://accounts.google.com)"
        assert told in text_of(page)


def test_the_management_api_tells_the_job(registry: Registry) -> None:
    api = ApiClient(registry, ADMINISTRATOR)
    upload(registry, WHEEL, actor=JOB)
    upload(registry, wheel("demo", "2.0"))

    def shown() -> list[dict[str, Any]]:
        document = api.get("repositories/main/projects/demo").get_json()
        return [file for release in document["releases"] for file in release["files"]]

    newer, older = shown()
    assert (older["workload"], older["attested"]) == (asdict(WORKLOAD), None)
    assert (newer["workload"], newer["attested"]) == (None, None)
    mark_attested(registry)
    assert shown()[1]["attested"] == asdict(WORKLOAD)


def test_webhooks_are_told_the_job(registry: Registry) -> None:
    events: list[Event] = []
    registry.subscribe(events.append)
    upload(registry, WHEEL, actor=JOB)
    (event,) = [each for each in events if each.type == "file.uploaded"]
    body = json.loads(body_of(event, "json"))
    assert (body["actor"], body["actor_kind"]) == (JOB.name, "publisher")
    assert body["repository"] == "main"
    assert body["detail"] == {
        "sha256": WHEEL.sha256,
        "issuer": WORKLOAD.issuer,
        "subject": WORKLOAD.subject,
        "repository": WORKLOAD.repository,
        "run": WORKLOAD.run_url,
    }
