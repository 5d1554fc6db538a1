"""Attestations (PEP 740) as a trusted publisher's client makes them, signed by nobody known."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pypi_attestations import Attestation, AttestationType

from tests.support.distributions import Distribution

PUBLISH = AttestationType.PYPI_PUBLISH_V1.value
SLSA = AttestationType.SLSA_PROVENANCE_V1.value


def attestation(
    dist: Distribution,
    kind: object = PUBLISH,
    *,
    subject: object = None,
    entry: object = None,
    statement: bytes | None = None,
) -> dict[str, Any]:
    """One that is about `dist`, in every detail but what the arguments replace.

    subject: in the place of the list of subjects. statement: in the place of the whole document.
    entry: in the place of what a transparency log said.
    """
    if subject is None:
        subject = [{"name": dist.filename, "digest": {"sha256": dist.sha256}}]
    if statement is None:
        document = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subject,
            "predicateType": kind,
            "predicate": None,
        }
        statement = json.dumps(document).encode()
    certificate, signature = _signed(statement)
    log = {"logIndex": "1", "kindVersion": {"kind": "dsse", "version": "0.0.1"}}
    return {
        "version": 1,
        "verification_material": {
            "certificate": base64.b64encode(certificate).decode(),
            "transparency_entries": [log if entry is None else entry],
        },
        "envelope": {
            "statement": base64.b64encode(statement).decode(),
            "signature": base64.b64encode(signature).decode(),
        },
    }


def sound(document: dict[str, Any]) -> Attestation:
    """The same as the library that clients use understands it."""
    return Attestation.model_validate(document)


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _certificate() -> bytes:
    name = x509.Name([])
    now = datetime.now(UTC)
    identity = x509.UniformResourceIdentifier("https://example.org/ci")
    certificate = (
        x509.CertificateBuilder()
        .issuer_name(name)
        .subject_name(name)
        .public_key(_key().public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(minutes=10))
        .add_extension(x509.SubjectAlternativeName([identity]), critical=True)
        .sign(_key(), hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.DER)


def _signed(statement: bytes) -> tuple[bytes, bytes]:
    return _certificate(), _key().sign(statement, ec.ECDSA(hashes.SHA256()))
