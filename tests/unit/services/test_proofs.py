"""T7 and T9: repositories that want more of uploads than the right to upload."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pypi_repo import EVERY_AREA, OPERATOR, Actor, ActorKind, Registry
from pypi_repo.domain.errors import Conflict, RegistryError
from pypi_repo.domain.identity.errors import AttestationRequired, TrustedPublishingRequired
from pypi_repo.domain.records import DistributionFile
from tests.support.attestations import attestation
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.jobs import JOB, WORKLOAD, mark_attested
from tests.support.journal import journal_of
from tests.support.sql import count_statements
from tests.support.uploads import UPLOADER, filenames, page, publish, stage, upload

ADMINISTRATOR = Actor("boss", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)
PEOPLE = [UPLOADER, ADMINISTRATOR, OPERATOR]
WHEEL, SDIST, OTHER = wheel("acme-demo", "1.0"), sdist("acme-demo", "1.0"), wheel("other", "1.0")
ATTESTATIONS = json.dumps([attestation(WHEEL)])


def demand(registry: Registry, *patterns: str, repository: str = "main") -> None:
    registry.acting_as(OPERATOR).repositories.change(repository, trusted_publishing_only=patterns)


def demand_attestations(registry: Registry, *patterns: str, repository: str = "main") -> None:
    registry.acting_as(OPERATOR).repositories.change(repository, attestations_required=patterns)


def only_file(registry: Registry, repository: str = "main") -> DistributionFile:
    (file,) = registry.acting_as(OPERATOR).projects.get(repository, "acme-demo")[1]
    return file


def nothing(registry: Registry, repository: str = "main") -> bool:
    return registry.acting_as(OPERATOR).projects.all(repository) == []


def named(actor: Actor) -> str:
    return actor.kind.value


@pytest.fixture
def both(both: Registry) -> Registry:
    both.acting_as(OPERATOR).repositories.create("releases")
    return both


# Uploads


@pytest.mark.parametrize("pattern", ["*", "acme-*", "acme-demo"])
@pytest.mark.parametrize("actor", PEOPLE, ids=named)
def test_people_cannot_upload_what_only_jobs_may(
    actor: Actor, pattern: str, both: Registry
) -> None:
    """T7: whoever they are, and however they upload."""
    demand(both, pattern)
    uploads = both.repository("main").uploads
    ways: list[Callable[[], Any]] = [
        lambda: publish(both, WHEEL, actor=actor),
        lambda: uploads.add(actor, WHEEL.filename, io.BytesIO(WHEEL.content)),
    ]
    for way in ways:
        with pytest.raises(TrustedPublishingRequired) as refused:
            way()
        assert refused.value.code == "trusted-publishing-required"
        assert "passwords and tokens are not accepted" in refused.value.message
    assert nothing(both)


def test_a_job_uploads_and_leaves_its_trace(both: Registry) -> None:
    """T4, T7."""
    demand(both, "acme-*")
    upload(both, WHEEL, actor=JOB)
    upload(both, OTHER)
    file = only_file(both)
    assert (file.workload, file.uploaded_by, file.uploaded_by_user) == (WORKLOAD, JOB.name, False)
    (_project, (other,)) = both.acting_as(OPERATOR).projects.get("main", "other")
    assert other.workload is None
    entry, of_other = [each for each in journal_of(both, "main") if each.action == "upload file"]
    assert (entry.actor, entry.actor_kind) == (JOB.name, "publisher")
    assert entry.detail == {
        "sha256": WHEEL.sha256,
        "issuer": WORKLOAD.issuer,
        "subject": WORKLOAD.subject,
        "repository": WORKLOAD.repository,
        "run": WORKLOAD.run_url,
    }
    assert of_other.detail == {"sha256": OTHER.sha256}


def test_the_job_of_many_files_is_made_once(both: Registry) -> None:
    """An index page has all files of a project, and shows none of their jobs."""
    for file in (WHEEL, SDIST):
        upload(both, file, actor=JOB)
    mark_attested(both)
    first, second = page(both, project="acme-demo").files
    assert first.workload == first.attested == WORKLOAD
    assert first.workload is second.workload is first.attested is second.attested


def test_a_job_without_a_known_run_tells_what_it_knows(both: Registry) -> None:
    generic = Actor(
        "jenkins",
        kind=ActorKind.PUBLISHER,
        grants=JOB.grants,
        workload=type(WORKLOAD)(kind="oidc", issuer="https://ci.example.com", subject="job 1"),
    )
    upload(both, WHEEL, actor=generic)
    (entry,) = [each for each in journal_of(both, "main") if each.action == "upload file"]
    assert entry.detail == {
        "sha256": WHEEL.sha256,
        "issuer": "https://ci.example.com",
        "subject": "job 1",
    }


def test_refusals_come_before_the_content_is_read(both: Registry) -> None:
    """T7: before the stream where it is all projects, and before the archive otherwise."""
    broken = io.BytesIO(b"no archive")
    uploads = both.repository("main").uploads
    demand(both, "*")
    with pytest.raises(TrustedPublishingRequired):
        uploads.add(UPLOADER, WHEEL.filename, broken)
    assert broken.tell() == 0
    demand(both, "acme-*")
    with pytest.raises(TrustedPublishingRequired):
        uploads.add(UPLOADER, WHEEL.filename, broken)


def test_who_has_no_rights_learns_no_rules(both: Registry) -> None:
    demand(both, "*")
    demand_attestations(both, "*")
    for actor, code in (
        (Actor("stranger"), "permission-denied"),
        (Actor("?", kind=ActorKind.ANONYMOUS), "authentication-required"),
    ):
        with pytest.raises(RegistryError) as refused:
            both.repository("main").uploads.admit(actor)
        assert refused.value.code == code


def test_uploads_cost_no_statement_more(both: Registry) -> None:
    costs = []
    for number, (patterns, actor) in enumerate([((), UPLOADER), (("acme-*", "x"), JOB)]):
        demand(both, *patterns)
        publish(both, wheel("acme-demo", f"0.{number}"), actor=actor)
        with count_statements(both._database) as statements:
            publish(both, wheel("acme-demo", f"1.{number}"), actor=actor)
        costs.append(len(statements))
    assert costs[0] == costs[1]


def test_a_setting_that_comes_during_an_upload_counts(
    both: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction that publishes the file asks again."""
    uploads = both.repository("main").uploads
    put = type(uploads._publishing._blobs).put

    def demanding(*arguments: Any) -> Any:
        demand(both, "acme-*")
        return put(*arguments)

    monkeypatch.setattr(type(uploads._publishing._blobs), "put", demanding)
    with pytest.raises(TrustedPublishingRequired, match="was not uploaded by trusted publishing"):
        publish(both, WHEEL)
    assert nothing(both)


# Attestations


@pytest.mark.parametrize("pattern", ["*", "acme-*"])
@pytest.mark.parametrize("actor", PEOPLE, ids=named)
def test_people_cannot_upload_where_attestations_must_verify(
    actor: Actor, pattern: str, both: Registry
) -> None:
    """T9: nothing of theirs can be verified, also if they send attestations."""
    demand_attestations(both, pattern)
    with pytest.raises(AttestationRequired) as refused:
        publish(both, WHEEL, actor=actor, attestations=ATTESTATIONS)
    assert refused.value.code == "attestation-required"
    assert nothing(both)


def test_a_job_without_attestations_is_refused_before_its_archive_is_read(both: Registry) -> None:
    """T9."""
    demand_attestations(both, "*")
    uploads = both.repository("main").uploads
    with pytest.raises(AttestationRequired, match="with attestations"):
        uploads.add(JOB, WHEEL.filename, io.BytesIO(b"no archive"))
    upload(both, WHEEL, "releases", actor=JOB)


def test_attestations_that_do_not_verify_are_refused(both: Registry) -> None:
    """T9: this one is signed by nobody."""
    demand_attestations(both, "acme-demo")
    with pytest.raises(AttestationRequired) as refused:
        publish(both, WHEEL, actor=JOB, attestations=ATTESTATIONS)
    assert refused.value.message.startswith("The attestation is not verified: ")
    assert nothing(both)
    publish(both, WHEEL, "releases", actor=JOB, attestations=ATTESTATIONS)


# Stages


def test_a_stage_is_published_by_what_its_files_are(both: Registry) -> None:
    """T7: by whom each was uploaded, and not by who publishes them."""
    demand(both, "acme-*")
    opened = both.acting_as(OPERATOR).stages.open("main").id
    for actor in PEOPLE:
        with pytest.raises(TrustedPublishingRequired):
            stage(both, opened, WHEEL, actor=actor)
    stage(both, opened, WHEEL, actor=JOB)
    both.acting_as(OPERATOR).stages.publish("main", opened)
    assert only_file(both).workload == WORKLOAD
    entries = [entry for entry in journal_of(both, "main") if entry.action == "upload file"]
    assert [(entry.detail or {})["run"] for entry in entries] == [WORKLOAD.run_url]


def test_a_user_publishes_what_a_job_has_staged(both: Registry) -> None:
    demand(both, "*")
    opened = both.acting_as(OPERATOR).stages.open("main").id
    stage(both, opened, WHEEL, actor=JOB)
    both.acting_as(ADMINISTRATOR).stages.publish("main", opened)
    assert only_file(both).workload == WORKLOAD


@pytest.mark.parametrize("publisher", [JOB, OPERATOR, UPLOADER], ids=named)
def test_what_a_user_has_staged_before_is_not_published(publisher: Actor, both: Registry) -> None:
    opened = both.acting_as(publisher).stages.open("main").id
    stage(both, opened, WHEEL, actor=UPLOADER)
    stage(both, opened, OTHER, actor=UPLOADER)
    demand(both, "acme-*")
    with pytest.raises(TrustedPublishingRequired, match=WHEEL.filename):
        both.acting_as(publisher).stages.publish("main", opened)
    assert nothing(both)
    demand(both)
    both.acting_as(publisher).stages.publish("main", opened)
    assert only_file(both).workload is None


def test_a_job_can_replace_the_same_file_that_a_user_has_staged(both: Registry) -> None:
    """Otherwise nobody could bring the proof without another stage."""
    opened = both.acting_as(OPERATOR).stages.open("main").id
    stage(both, opened, WHEEL, actor=UPLOADER)
    demand(both, "*")
    assert not stage(both, opened, WHEEL, actor=JOB).is_unchanged
    assert stage(both, opened, WHEEL, actor=JOB).is_unchanged
    both.acting_as(OPERATOR).stages.publish("main", opened)
    assert only_file(both).workload == WORKLOAD
    assert filenames(both, "acme-demo") == [WHEEL.filename]


def test_a_staged_file_keeps_what_was_verified(both: Registry) -> None:
    opened = both.acting_as(OPERATOR).stages.open("main").id
    stage(both, opened, WHEEL, actor=JOB)
    demand_attestations(both, "*")
    with pytest.raises(AttestationRequired, match="upload it with attestations"):
        both.acting_as(OPERATOR).stages.publish("main", opened)
    mark_attested(both)
    both.acting_as(OPERATOR).stages.publish("main", opened)
    assert only_file(both).attested == WORKLOAD


# Promotions


def promote(registry: Registry, *, move: bool = False, actor: Actor = OPERATOR) -> Any:
    promotion = registry.acting_as(actor).promotion
    return promotion.release("main", "acme-demo", "1.0", "releases", move=move)


@pytest.mark.parametrize("actor", [JOB, *PEOPLE], ids=named)
@pytest.mark.parametrize("uploader", [JOB, UPLOADER], ids=named)
def test_a_promotion_goes_by_the_file(uploader: Actor, actor: Actor, both: Registry) -> None:
    """T7: a job cannot wash what a user has uploaded elsewhere."""
    demand(both, "acme-*", repository="releases")
    upload(both, WHEEL, actor=uploader)
    if uploader is JOB:
        promote(both, actor=actor)
        assert only_file(both, "releases").workload == WORKLOAD
        details = [each.detail or {} for each in journal_of(both, "releases")]
        assert details[-2]["run"] == WORKLOAD.run_url or details[-1]["run"] == WORKLOAD.run_url
    else:
        with pytest.raises(TrustedPublishingRequired, match=WHEEL.filename):
            promote(both, actor=actor)
        assert nothing(both, "releases")


def test_all_files_of_a_promotion_must_be_proven(both: Registry) -> None:
    demand(both, "acme-*", repository="releases")
    upload(both, WHEEL, actor=JOB)
    upload(both, SDIST)
    with pytest.raises(TrustedPublishingRequired, match=SDIST.filename):
        promote(both)
    assert nothing(both, "releases")


def test_a_promotion_of_what_is_there_changes_nothing(both: Registry) -> None:
    """What was there before the setting stays, and is no reason to refuse the others."""
    for repository in ("main", "releases"):
        upload(both, WHEEL, repository)
    upload(both, SDIST, actor=JOB)
    demand(both, "*", repository="releases")
    promote(both)
    assert len(filenames(both, "acme-demo", "releases")) == 2


def test_attestations_are_promoted_and_demanded(both: Registry) -> None:
    """T9."""
    demand_attestations(both, "*", repository="releases")
    upload(both, WHEEL, actor=JOB)
    with pytest.raises(AttestationRequired):
        promote(both)
    mark_attested(both)
    promote(both, move=True)
    assert only_file(both, "releases").attested == WORKLOAD


@pytest.mark.parametrize("what", ["trace of a CI job", "verification"])
def test_a_move_loses_no_proof(what: str, both: Registry) -> None:
    upload(both, WHEEL, actor=JOB)
    if what == "verification":
        mark_attested(both)
    upload(both, WHEEL, "releases", actor=JOB if what == "verification" else UPLOADER)
    with pytest.raises(Conflict, match=what):
        promote(both, move=True)
    promote(both)


def test_a_move_loses_no_trace_of_another_job(both: Registry) -> None:
    upload(both, WHEEL, actor=JOB)
    other = replace(WORKLOAD, run_url=f"{WORKLOAD.run_url}1")
    upload(both, WHEEL, "releases", actor=replace(JOB, workload=other))
    with pytest.raises(Conflict, match="trace of a CI job"):
        promote(both, move=True)


# What is exempt, and what must not be lost


def test_an_import_is_exempt(both: Registry, tmp_path: Path) -> None:
    """T7: the operator has decided to trust the source."""
    demand(both, "*")
    demand_attestations(both, "*")
    for file in (WHEEL, SDIST):
        file.save(tmp_path)
    imports = both.acting_as(OPERATOR).imports
    assert imports.assess("main", imports.source(str(tmp_path))).left_out == ()
    report = imports.run("main", imports.source(str(tmp_path)))
    assert (report.imported, report.left_out) == (2, ())


@pytest.mark.parametrize("file", [WHEEL, SDIST], ids=lambda file: file.filename)
@pytest.mark.parametrize("uploader", [JOB, UPLOADER], ids=named)
def test_what_is_restored_is_as_it_was(uploader: Actor, file: Distribution, both: Registry) -> None:
    """T7: the trash is exempt, and forgets nothing."""
    upload(both, file, actor=uploader)
    mark_attested(both)
    before = only_file(both)
    operator = both.acting_as(OPERATOR)
    demand(both, "*")
    demand_attestations(both, "*")
    deletions = [
        lambda: operator.projects.delete_file("main", file.filename),
        lambda: operator.projects.delete_release("main", "acme-demo", "1.0"),
        lambda: operator.projects.delete("main", "acme-demo"),
    ]
    for delete in deletions:
        delete()
        (entry,) = operator.trash.entries("main")
        operator.trash.restore("main", entry.id)
        assert only_file(both) == before
    assert before.workload == uploader.workload


def test_an_overwritten_file_has_its_own_trace(both: Registry) -> None:
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    newer = wheel("acme-demo", "1.0", requires_python=">=3.9")
    upload(both, WHEEL, actor=JOB)
    mark_attested(both)
    upload(both, newer)
    assert (only_file(both).workload, only_file(both).attested) == (None, None)
    (entry,) = both.acting_as(OPERATOR).trash.entries("main")
    both.acting_as(OPERATOR).trash.restore("main", entry.id)
    assert (only_file(both).workload, only_file(both).attested) == (WORKLOAD, WORKLOAD)
    upload(both, newer, actor=JOB)
    assert (only_file(both).workload, only_file(both).attested) == (WORKLOAD, None)
