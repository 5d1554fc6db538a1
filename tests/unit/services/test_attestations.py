"""Attestations that come from CI jobs: which of them verify, and why others do not (T9)."""

import base64
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from pypi_attestations import Provenance

from pypi_repo import EVERY_AREA, OPERATOR, Actor, ActorKind, Registry
from pypi_repo.domain.errors import InvalidAttestation, PermissionDenied
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.identity.ci_job import CIJob
from pypi_repo.domain.identity.jobs import ci_job_of
from pypi_repo.services.attestations.trust_roots import verifier_of
from pypi_repo.services.attestations.uploaded import ReceivedAttestations, received_attestations
from pypi_repo.storage.attestations.trust_roots import LoadedRoot, TrustRootRows
from tests.support.attestations import SLSA
from tests.support.attestations import attestation as of_nobody
from tests.support.distributions import wheel
from tests.support.sigstore_instance import (
    GITHUB,
    GITLAB,
    GOOGLE,
    PUBLISH,
    Signing,
    SigstoreInstance,
)
from tests.support.uploads import UPLOADER

WHEEL = wheel()
ADMINISTRATOR = Actor("boss", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)


@cache
def instance() -> SigstoreInstance:
    return SigstoreInstance()


@cache
def stranger() -> SigstoreInstance:
    return SigstoreInstance()


@pytest.fixture
def trusting(registry: Registry) -> Registry:
    """A registry that trusts the instance of the tests."""
    registry.acting_as(OPERATOR).trust_roots.replace(json.dumps(instance().trusted_root()))
    return registry


def received(registry: Registry, job: CIJob | None, *attestations: Any) -> ReceivedAttestations:
    filename = DistributionFilename.parse(WHEEL.filename)
    document = json.dumps(attestations)
    return received_attestations(registry._database, document, filename, WHEEL.sha256, job)


def signed(job: CIJob = GITHUB, kind: str = PUBLISH, **signing: Any) -> dict[str, Any]:
    return instance().attestation(WHEEL, job, kind, Signing(**signing))


_PUBLISHERS = {
    GITHUB: {
        "kind": "GitHub",
        "repository": "acme/widgets",
        "workflow": "release.yml",
        "environment": None,
    },
    GITLAB: {
        "kind": "GitLab",
        "repository": "acme/tools/widgets",
        "workflow_filepath": ".gitlab-ci.yml",
        "environment": None,
    },
    GOOGLE: {"kind": "Google", "email": "builder@acme.iam.gserviceaccount.com"},
}


@pytest.mark.parametrize("job", _PUBLISHERS, ids=lambda job: job.kind)
def test_attestations_of_the_job_that_uploads_are_verified(trusting: Registry, job: CIJob) -> None:
    """T9, U90: the provenance names the job as that of the public index does."""
    found = received(trusting, job, signed(job))
    assert (found.unverified, found.warnings) == ("", ())
    assert found.provenance is not None
    (bundle,) = Provenance.model_validate_json(found.provenance).attestation_bundles
    assert bundle.publisher.model_dump() == _PUBLISHERS[job]
    (served,) = bundle.attestations
    assert json.loads(served.model_dump_json())["envelope"] == signed_envelope(found)


def signed_envelope(found: ReceivedAttestations) -> Any:
    assert found.provenance is not None
    (bundle,) = json.loads(found.provenance)["attestation_bundles"]
    return bundle["attestations"][0]["envelope"]


@pytest.mark.parametrize("job", _PUBLISHERS, ids=lambda job: job.kind)
def test_what_is_attested_is_what_the_certificate_says(trusting: Registry, job: CIJob) -> None:
    """T9: and not what the token says, which may be of another run and another branch."""
    uploads = replace(job, run_url="https://example.org/upload", ref="refs/heads/main", subject="x")
    attested = received(trusting, uploads, signed(job)).attested
    subject = job.email or f"{job.workflow}@{job.ref}"
    assert attested == replace(job, subject=subject)


def test_both_kinds_of_attestations_are_verified(trusting: Registry) -> None:
    """U88, T9"""
    found = received(trusting, GITHUB, signed(), signed(kind=SLSA))
    assert found.attested is not None
    assert received(trusting, GITHUB, signed(), of_nobody(WHEEL, SLSA)).attested is None


def test_a_ref_may_have_an_at_sign(trusting: Registry) -> None:
    job = replace(GITHUB, ref="refs/tags/widgets@1.0")
    attested = received(trusting, job, signed(job)).attested
    assert attested is not None
    assert (attested.workflow, attested.ref) == (GITHUB.workflow, job.ref)


def test_a_workflow_that_another_repository_has_is_named_as_the_token_names_it(
    trusting: Registry,
) -> None:
    """GitHub: a file calls one that others share; the provenance names the one that calls."""
    shared = "https://github.com/acme/shared/.github/workflows/publish.yml"
    called = signed(extensions={9: f"{shared}@refs/heads/main"})
    found = received(trusting, replace(GITHUB, workflow=shared), called)
    assert found.attested is not None
    assert found.attested.workflow == GITHUB.workflow
    assert found.provenance is not None
    assert '"workflow": "release.yml"' in found.provenance
    assert received(trusting, GITHUB, called).attested is not None
    elsewhere = replace(GITHUB, workflow=shared, repository="https://github.com/acme/shared")
    _assert_unverified(received(trusting, elsewhere, called), "its repository")


_CLAIMS: dict[CIJob, dict[str, Any]] = {
    GITHUB: {
        "repository": "acme/widgets",
        "repository_owner_id": "1234",
        "workflow_ref": "acme/widgets/.github/workflows/release.yml@refs/tags/v1.0",
        "job_workflow_ref": "acme/widgets/.github/workflows/release.yml@refs/tags/v1.0",
        "ref": "refs/tags/v1.0",
        "run_id": "7",
        "run_attempt": "1",
    },
    GITLAB: {
        "project_path": "acme/tools/widgets",
        "namespace_id": "1234",
        "ci_config_ref_uri": "gitlab.com/acme/tools/widgets//.gitlab-ci.yml@refs/tags/v1.0",
        "ref": "v1.0",
        "ref_type": "tag",
        "job_id": "7",
    },
    GOOGLE: {"email": GOOGLE.email, "email_verified": True},
}


@pytest.mark.parametrize("job", _CLAIMS, ids=lambda job: job.kind)
def test_tokens_and_certificates_name_the_same_job(job: CIJob) -> None:
    """T9: as the documentation of the providers and of Fulcio says."""
    claims = {"iss": job.issuer, "sub": job.subject, **_CLAIMS[job]}
    assert ci_job_of(job.kind, claims) == job


def test_odd_characters_are_written_in_one_way(trusting: Registry) -> None:
    """Certificates have them as they are, and URLs do not."""
    claims = _CLAIMS[GITLAB] | {
        "ci_config_ref_uri": "gitlab.com/acme/tools/widgets//a b%.yml@refs/tags/v1.0"
    }
    job = ci_job_of("gitlab", {"iss": GITLAB.issuer, "sub": "x", **claims})
    raw = replace(GITLAB, workflow="https://gitlab.com/acme/tools/widgets//a b%.yml")
    other = replace(GITLAB, workflow="https://gitlab.com/acme/tools/widgets//a%20b%25.yml")
    names = {9: None, 18: f"{raw.workflow}@{raw.ref}"}
    assert received(trusting, job, signed(GITLAB, extensions=names)).attested is not None
    names = {9: None, 18: f"{other.workflow}@{other.ref}"}
    assert received(trusting, job, signed(GITLAB, extensions=names)).attested is None


def test_an_owner_is_compared_if_both_name_it(trusting: Registry) -> None:
    assert received(trusting, GITHUB, signed(extensions={17: None})).attested is not None
    assert received(trusting, replace(GITHUB, owner_id=""), signed()).attested is not None


def test_self_managed_servers_are_not_taken_for_the_public_ones(trusting: Registry) -> None:
    """Who has `acme/widgets` on a server of its own has not the one on gitlab.com."""
    own = replace(
        GITLAB,
        issuer="https://git.acme.example",
        repository="https://git.acme.example/acme/tools/widgets",
        workflow="https://git.acme.example/acme/tools/widgets//.gitlab-ci.yml",
    )
    found = received(trusting, own, signed(own))
    assert found.attested is not None
    assert found.provenance is not None
    (bundle,) = json.loads(found.provenance)["attestation_bundles"]
    assert bundle["publisher"] == {
        "kind": "OpenID Connect",
        "issuer": own.issuer,
        "repository": own.repository,
        "workflow": own.workflow,
    }


_OTHERS: dict[str, tuple[CIJob, dict[str, str], str]] = {
    "repository": (GITHUB, {"repository": "https://github.com/acme/other"}, "repository"),
    "case of the repository": (GITHUB, {"repository": "https://github.com/Acme/widgets"}, "repos"),
    "repository that begins alike": (
        GITHUB,
        {"repository": "https://github.com/acme/widgets-2"},
        "repository",
    ),
    "workflow": (GITHUB, {"workflow": GITHUB.workflow + "x"}, "workflow"),
    "workflow with the name of another as its ref": (
        GITHUB,
        {"workflow": GITHUB.workflow.replace("release", "x") + "@" + GITHUB.workflow},
        "workflow",
    ),
    "owner": (GITHUB, {"owner_id": "4321"}, "owner id"),
    "issuer": (GITHUB, {"issuer": "https://gitlab.com"}, "issuer"),
    "issuer that looks alike": (GITHUB, {"issuer": GITHUB.issuer + "/"}, "issuer"),
    "repository of GitLab": (GITLAB, {"repository": "https://gitlab.com/acme/other"}, "repos"),
    "workflow of GitLab": (GITLAB, {"workflow": GITLAB.workflow + "x"}, "workflow"),
    "address": (GOOGLE, {"email": "other@acme.iam.gserviceaccount.com"}, "email"),
    "issuer of an address": (GOOGLE, {"issuer": "https://accounts.example.com"}, "issuer"),
}


@pytest.mark.parametrize("what", _OTHERS)
def test_another_job_attests_nothing(trusting: Registry, what: str) -> None:
    """T9: each thing that tells jobs apart."""
    job, changed, told = _OTHERS[what]
    of_another = signed(replace(job, **changed))  # type: ignore[arg-type]
    _assert_unverified(received(trusting, job, of_another), f"its {told}")


def test_jobs_that_have_nothing_to_compare_attest_nothing(trusting: Registry) -> None:
    job = CIJob(kind="buildkite", issuer="https://agent.buildkite.com", subject="x")
    _assert_unverified(
        received(trusting, job, signed(replace(GITHUB, issuer=job.issuer))), "enough"
    )


def test_an_address_alone_attests_nothing_for_jobs_without_one(trusting: Registry) -> None:
    """A person who signs in at the same issuer is no job."""
    person = replace(GOOGLE, issuer=GITHUB.issuer)
    _assert_unverified(received(trusting, GITHUB, signed(person)), "its repository is not there")


def _assert_unverified(found: ReceivedAttestations, why: str) -> None:
    assert found.attested is None
    assert why in found.unverified
    assert found.warnings == (found.unverified,)
    assert found.provenance is not None
    (bundle,) = json.loads(found.provenance)["attestation_bundles"]
    assert bundle["publisher"] == {"kind": "unverified", "claims": None}


def _changed(document: dict[str, Any], path: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    place: Any = document
    *parents, last = path.split(".")
    for parent in parents:
        place = place[int(parent)] if parent.isdigit() else place[parent]
    place[last] = change(place[last])
    return document


def _flipped(text: str) -> str:
    """The same base64 of the same length, with another last byte."""
    raw = base64.b64decode(text)
    return base64.b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).decode()


def _entry(path: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    return _changed(signed(), f"verification_material.transparency_entries.0.{path}", change)


def _of(document: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = document["verification_material"]["transparency_entries"][0]
    return entry


def _with_entry_of(other: dict[str, Any]) -> dict[str, Any]:
    document = signed()
    document["verification_material"]["transparency_entries"] = [_of(other)]
    return document


def _statement(**changed: Any) -> bytes:
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": WHEEL.filename, "digest": {"sha256": WHEEL.sha256}}],
        "predicateType": PUBLISH,
        "predicate": None,
    }
    return json.dumps(document | changed).encode()


_PAST = datetime.now(UTC) - timedelta(days=1)
_BEFORE_THE_AUTHORITY = datetime.now(UTC) - timedelta(days=40)

_FORGED: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "another instance": (lambda: stranger().attestation(WHEEL, GITHUB), "certificate chain"),
    "nobody": (lambda: of_nobody(WHEEL), "transparency log entry"),
    "no promise of the log of certificates": (
        lambda: signed(with_sct=False),
        "signed certificate timestamp",
    ),
    "another log of certificates": (
        lambda: signed(certificate_log=stranger().certificate_log),
        "SCT",
    ),
    "a log of signatures as that of certificates": (
        lambda: signed(certificate_log=instance().log),
        "SCT",
    ),
    "an expired certificate": (
        lambda: _with_time_of_entry(signed(), timedelta(hours=1)),
        "not valid at",
    ),
    "a certificate that is not valid yet": (
        lambda: _with_time_of_entry(signed(), -timedelta(hours=1)),
        "not valid at",
    ),
    "before there was an authority": (lambda: signed(at=_BEFORE_THE_AUTHORITY), "chain"),
    "another signature": (lambda: _changed(signed(), "envelope.signature", _flipped), "DSSE"),
    "the statement of another signature": (
        lambda: _changed(signed(), "envelope.statement", lambda _: _base64(_statement(extra=1))),
        "DSSE: invalid signature",
    ),
    "a certificate with another last byte": (
        lambda: _changed(signed(), "verification_material.certificate", _flipped),
        "chain",
    ),
    "the log entry of another signature": (lambda: _with_entry_of(signed()), "log entry"),
    "the log entry of another log": (
        lambda: _with_entry_of(stranger().attestation(WHEEL, GITHUB)),
        "checkpoint",
    ),
    "another time in the entry": (
        lambda: _entry("integratedTime", lambda time: str(int(time) + 1)),
        "SET",
    ),
    "another place in the log": (lambda: _entry("logIndex", lambda _: "2"), "SET"),
    "a promise with another last byte": (
        lambda: _entry("inclusionPromise.signedEntryTimestamp", _flipped),
        "SET",
    ),
    "no promise": (lambda: _entry("inclusionPromise", lambda _: None), "inclusion promise"),
    "no proof": (lambda: _entry("inclusionProof", lambda _: None), "log entry"),
    "a proof of another place": (lambda: _entry("inclusionProof.logIndex", lambda _: "0"), "root"),
    "a proof with another root": (lambda: _entry("inclusionProof.rootHash", _flipped), "root"),
    "a proof that is too short": (
        lambda: _entry("inclusionProof.hashes", lambda hashes: hashes[:1]),
        "wrong size",
    ),
    "a proof without a checkpoint": (
        lambda: _entry("inclusionProof.checkpoint", lambda _: None),
        "log entry",
    ),
    "a checkpoint of another tree": (
        lambda: _entry(
            "inclusionProof.checkpoint", lambda _: _of(signed())["inclusionProof"]["checkpoint"]
        ),
        "root hash",
    ),
    "a checkpoint of another log": (
        lambda: _entry(
            "inclusionProof.checkpoint.envelope",
            lambda _: _of(stranger().attestation(WHEEL, GITHUB))["inclusionProof"]["checkpoint"][
                "envelope"
            ],
        ),
        "checkpoint",
    ),
    "a checkpoint that is none": (
        lambda: _entry("inclusionProof.checkpoint.envelope", lambda _: "\0 x\n\n"),
        "malformed",
    ),
    "another body in the log": (
        lambda: _entry("canonicalizedBody", lambda _: _base64(b"{}")),
        "root hash",
    ),
    "another kind of entry": (
        lambda: _entry("kindVersion", lambda _: {"kind": "hashedrekord", "version": "0.0.1"}),
        "Unsupported",
    ),
    "an endless time": (lambda: _entry("integratedTime", lambda _: "9" * 18), ""),
    "another kind of statement": (
        lambda: signed(statement=_statement(_type="https://in-toto.io/Statement/v0.1")),
        "Statement/v1",
    ),
    "no names in the certificate": (lambda: signed(extensions={8: None, 12: None}), "not there"),
}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _with_time_of_entry(document: dict[str, Any], later: timedelta) -> dict[str, Any]:
    """The certificate is good, and the log really has taken the signature at another time."""
    entry = _of(document)
    body = base64.b64decode(entry["canonicalizedBody"])
    at = datetime.fromtimestamp(int(entry["integratedTime"]), UTC) + later
    document["verification_material"]["transparency_entries"] = [instance().log.entry(body, at)]
    return document


@pytest.mark.parametrize("what", _FORGED)
def test_what_is_forged_attests_nothing(trusting: Registry, what: str) -> None:
    """T9: never 500, and never verified."""
    forge, why = _FORGED[what]
    _assert_unverified(received(trusting, GITHUB, forge()), why)


def test_an_old_signature_stays_good(trusting: Registry) -> None:
    """Certificates live for ten minutes, and their signatures for ever."""
    assert received(trusting, GITHUB, signed(at=_PAST)).attested is not None


_PERIODS: dict[str, Callable[[Any], Any]] = {
    "certificate authority": lambda root: root["certificateAuthorities"][0],
    "certificate log": lambda root: root["ctlogs"][0]["publicKey"],
    "signature log": lambda root: root["tlogs"][0]["publicKey"],
}


@pytest.mark.parametrize("what", _PERIODS)
def test_whoever_is_trusted_is_so_for_a_time(registry: Registry, what: str) -> None:
    """T9: keys are replaced because somebody else might have them."""
    document = instance().trusted_root()
    until = datetime.now(UTC) - timedelta(hours=1)
    period = {"start": "2020-01-01T00:00:00Z", "end": until.isoformat()}
    _PERIODS[what](document)["validFor"] = period
    registry.acting_as(OPERATOR).trust_roots.replace(json.dumps(document))
    _assert_unverified(received(registry, GITHUB, signed()), "valid when it was signed")
    assert received(registry, GITHUB, signed(at=until - timedelta(days=1))).attested is not None
    _PERIODS[what](document)["validFor"] = {"start": until.isoformat()}
    registry.acting_as(OPERATOR).trust_roots.replace(json.dumps(document))
    assert received(registry, GITHUB, signed()).attested is not None
    before = signed(at=until - timedelta(days=1))
    _assert_unverified(received(registry, GITHUB, before), "valid when it was signed")


def test_attestations_of_another_file_are_refused(trusting: Registry) -> None:
    """U88: verified or not."""
    of_another = instance().attestation(wheel(description="other"), GITHUB)
    with pytest.raises(InvalidAttestation):
        received(trusting, GITHUB, of_another)


def test_values_that_nobody_could_read_are_left_out(trusting: Registry) -> None:
    """Neither a terminal nor PostgreSQL has to cope with them."""
    odd = {14: "refs/\0", 21: "https://example.org/" + "x" * 2000}
    attested = received(trusting, GITHUB, signed(extensions=odd)).attested
    assert attested is not None
    assert (attested.ref, attested.run_url) == ("", "")
    of_odd = signed(extensions={12: GITHUB.repository + "\x1b[31m"})
    _assert_unverified(received(trusting, GITHUB, of_odd), "its repository is not there")


def test_nobody_is_asked(trusting: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """T9: offline, from the first verification on."""
    verifier_of.cache_clear()
    monkeypatch.setattr(socket.socket, "connect", pytest.fail)
    monkeypatch.setattr(socket, "getaddrinfo", pytest.fail)
    assert received(trusting, GITHUB, signed()).attested is not None
    trusting.acting_as(OPERATOR).trust_roots.reset()
    assert received(trusting, GITHUB, signed()).attested is None


@pytest.mark.parametrize("actor", [UPLOADER, ADMINISTRATOR], ids=lambda actor: actor.kind.value)
def test_the_trust_root_is_the_operators(registry: Registry, actor: Actor) -> None:
    """Whoever replaces it decides what is verified."""
    roots = registry.acting_as(actor).trust_roots
    calls: list[Callable[[], Any]] = [
        roots.get,
        roots.reset,
        lambda: roots.replace(json.dumps(instance().trusted_root())),
    ]
    for call in calls:
        with pytest.raises(PermissionDenied):
            call()


def test_a_trust_root_is_kept_on_each_engine(both: Registry) -> None:
    roots, document = both.acting_as(OPERATOR).trust_roots, json.dumps(instance().trusted_root())
    for _ in range(2):
        roots.replace(document)
    root = roots.get()
    assert (root.document, root.replaced_by) == (document, "operator")
    assert received(both, GITHUB, signed()).attested is not None
    assert roots.reset()
    assert not roots.reset()
    assert roots.get().replaced_at is None


def test_nobody_but_a_job_has_them_verified(trusting: Registry) -> None:
    """Nothing says whose they should be."""
    found = received(trusting, None, signed())
    assert (found.attested, found.warnings) == (None, ())
    assert "by trusted publishing" in found.unverified
    assert found.provenance is not None
    assert "unverified" in found.provenance


def test_no_attestations_are_no_reason_to_warn(trusting: Registry) -> None:
    filename = DistributionFilename.parse(WHEEL.filename)
    found = received_attestations(trusting._database, None, filename, WHEEL.sha256, GITHUB)
    assert found == ReceivedAttestations()


def test_the_installed_root_is_that_of_the_public_instance(registry: Registry) -> None:
    """T9: nothing is asked for it, and the instance of the tests is none of its."""
    _assert_unverified(received(registry, GITHUB, signed()), "chain")


@pytest.mark.parametrize("document", ["", "{}", "not JSON", "[" * 10_000, "null"])
def test_a_broken_root_is_a_sentence(
    registry: Registry, document: str, caplog: pytest.LogCaptureFixture
) -> None:
    """T9: somebody has changed the database."""
    with registry._database.begin() as connection:
        loaded = LoadedRoot(document, datetime.now(UTC), "somebody")
        TrustRootRows(connection).put("sigstore", loaded)
    _assert_unverified(received(registry, GITHUB, signed()), "trust root of this server")
    assert "Attestations cannot be verified" in caplog.text


def test_another_root_is_noticed_at_once(registry: Registry) -> None:
    """T9: by other processes through the row, so it is read anew each time."""
    roots = registry.acting_as(OPERATOR).trust_roots
    document = signed()
    assert received(registry, GITHUB, document).attested is None
    roots.replace(json.dumps(instance().trusted_root()))
    assert received(registry, GITHUB, document).attested is not None
    roots.replace(json.dumps(stranger().trusted_root()))
    assert received(registry, GITHUB, document).attested is None
    assert roots.reset()
    assert received(registry, GITHUB, document).attested is None
