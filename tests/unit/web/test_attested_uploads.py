"""Uploads by CI jobs with attestations, as clients, readers and administrators see them (T9)."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from pypi_attestations import Provenance
from werkzeug.test import Client, TestResponse

from pypi_repo import OPERATOR, Access, Actor, ActorKind, Grants, Registry
from pypi_repo.domain.records import DistributionFile
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.attestations import attestation as of_nobody
from tests.support.distributions import Distribution, wheel
from tests.support.http import Site
from tests.support.journal import journal_of
from tests.support.portal import PortalClient, text_of
from tests.support.sigstore_instance import GITHUB, GITLAB, SigstoreInstance
from tests.support.sql import count_statements
from tests.support.uploads import publish

WHEEL = wheel()
URL = f"/repositories/main/integrity/demo/1.0/{WHEEL.filename}/provenance"
JOB = Actor("release", kind=ActorKind.PUBLISHER, grants=Grants(Access.WRITE), workload=GITHUB)
INSTANCE = SigstoreInstance()


@pytest.fixture
def jobs(registry: Registry) -> Site:
    """The site, with CI jobs as its only clients."""
    registry.acting_as(OPERATOR).trust_roots.replace(json.dumps(INSTANCE.trusted_root()))
    app = registry.wsgi_app(authenticate=lambda _environ: JOB)
    urls = [f"/repositories/main/{place}" for place in ("", "simple/", "files/")]
    return Site(Client(app), *urls)


def uploaded(site: Site, *attestations: Any, dist: Distribution = WHEEL) -> TestResponse:
    return site.upload(dist, attestations=json.dumps(attestations))


def only_file(registry: Registry, project: str = "demo") -> DistributionFile:
    (file,) = registry.acting_as(OPERATOR).projects.get("main", project)[1]
    return file


def test_a_verified_upload_names_its_publisher(registry: Registry, jobs: Site) -> None:
    """T9, U90: in the provenance, in the file and in the journal."""
    response = uploaded(jobs, INSTANCE.attestation(WHEEL, GITHUB))
    assert (response.status_code, response.text) == (200, "")
    (bundle,) = Provenance.model_validate_json(jobs.get(URL).data).attestation_bundles
    assert bundle.publisher.model_dump() == {
        "kind": "GitHub",
        "repository": "acme/widgets",
        "workflow": "release.yml",
        "environment": None,
    }
    attested = only_file(registry).attested
    assert attested is not None
    assert (attested.repository, attested.run_url) == (GITHUB.repository, GITHUB.run_url)
    detail = journal_of(registry)[-1].detail
    assert {key: detail[key] for key in detail if key.startswith("attested")} == {
        "attested_issuer": GITHUB.issuer,
        "attested_repository": GITHUB.repository,
        "attested_workflow": GITHUB.workflow,
        "attested_run": GITHUB.run_url,
    }


def test_an_unverified_upload_says_why(registry: Registry, jobs: Site) -> None:
    """T9: kept as before, with a warning for the job and in the journal."""
    response = uploaded(jobs, INSTANCE.attestation(WHEEL, GITLAB))
    assert response.status_code == 200
    assert response.text.startswith("Warning: The attestation is not verified: its issuer is ")
    (bundle,) = jobs.get(URL).get_json(force=True)["attestation_bundles"]
    assert bundle["publisher"]["kind"] == "unverified"
    assert only_file(registry).attested is None
    detail = journal_of(registry)[-1].detail
    assert "its issuer is" in detail["warnings"]
    assert not any(key.startswith("attested") for key in detail)
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    project = only_file(registry).project
    shown = text_of(portal.get(f"repositories/main/projects/{project}/files"))
    assert "attestation not verified" in shown


def test_a_refusal_says_why(registry: Registry, jobs: Site) -> None:
    """T9: and nothing is left of the upload."""
    registry.acting_as(OPERATOR).repositories.change("main", attestations_required=("*",))
    response = uploaded(jobs, INSTANCE.attestation(WHEEL, GITLAB))
    assert response.status_code == 400
    assert "its issuer is 'https://gitlab.com'" in response.text
    assert jobs.project_names() == []
    assert uploaded(jobs, INSTANCE.attestation(WHEEL, GITHUB)).status_code == 200


def test_files_that_are_refused_anyway_are_not_verified(jobs: Site) -> None:
    """U54: the same file again changes nothing, whatever comes with it."""
    assert uploaded(jobs, INSTANCE.attestation(WHEEL, GITHUB)).status_code == 200
    before = jobs.get(URL).data
    assert uploaded(jobs, of_nobody(WHEEL)).text == ""
    assert jobs.get(URL).data == before


def test_the_trust_root_is_only_asked_for_when_something_is_verified(
    registry: Registry, jobs: Site
) -> None:
    """T9: for uploads of jobs that come with attestations."""
    assert uploaded(jobs, INSTANCE.attestation(WHEEL, GITHUB)).status_code == 200

    def asked(version: str, actor: Actor, **given: str) -> int:
        with count_statements(registry._database) as statements:
            publish(registry, wheel(version=version), actor=actor, **given)
        return sum("trust_roots" in statement for statement in statements)

    def attestations(version: str) -> str:
        return json.dumps([INSTANCE.attestation(wheel(version=version), GITHUB)])

    user = Actor("user@example.com", grants=Grants(Access.WRITE))
    assert asked("1.1", JOB) == 0
    assert asked("1.2", JOB, attestations=attestations("1.2")) == 1
    assert asked("1.3", user, attestations=attestations("1.3")) == 0


_WITHOUT = """
import sys
from pypi_repo import OPERATOR, Registry, Settings
with Registry(Settings(database="sqlite://", blobs="memory://")) as registry:
    registry.acting_as(OPERATOR).repositories.create("main")
    registry.acting_as(OPERATOR).add_file("main", sys.argv[1])
    registry.wsgi_app()
    print(sorted({"sigstore", "pypi_attestations", "cryptography"} & set(sys.modules)))
"""


def test_nothing_is_loaded_for_uploads_without_attestations(tmp_path: Any) -> None:
    """T9: the library takes seconds to load."""
    path = tmp_path / WHEEL.filename
    path.write_bytes(WHEEL.content)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    printed = subprocess.run(
        [sys.executable, "-c", _WITHOUT, str(path)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert printed.stdout.strip() == "[]"
