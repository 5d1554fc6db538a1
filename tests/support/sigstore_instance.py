"""A Sigstore of one's own: signs attestations as a CI job has them signed, without a network.

It has what the public instance has: a certificate authority with an intermediate, a log of
certificates, and a log of signatures with its tree, and the document of trust in them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pypi_repo.domain.identity.ci_job import CIJob
from tests.support.distributions import Distribution

PUBLISH = "https://docs.pypi.org/attestations/publish/v1"

GITHUB = CIJob(
    kind="github",
    issuer="https://token.actions.githubusercontent.com",
    subject="repo:acme/widgets:ref:refs/tags/v1.0",
    repository="https://github.com/acme/widgets",
    workflow="https://github.com/acme/widgets/.github/workflows/release.yml",
    ref="refs/tags/v1.0",
    run_url="https://github.com/acme/widgets/actions/runs/7/attempts/1",
    owner_id="1234",
)
GITLAB = CIJob(
    kind="gitlab",
    issuer="https://gitlab.com",
    subject="project_path:acme/tools/widgets:ref_type:tag:ref:v1.0",
    repository="https://gitlab.com/acme/tools/widgets",
    workflow="https://gitlab.com/acme/tools/widgets//.gitlab-ci.yml",
    ref="refs/tags/v1.0",
    run_url="https://gitlab.com/acme/tools/widgets/-/jobs/7",
    owner_id="1234",
)
GOOGLE = CIJob(
    kind="google",
    issuer="https://accounts.google.com",
    subject="117",
    email="builder@acme.iam.gserviceaccount.com",
)

_FULCIO = "1.3.6.1.4.1.57264.1."
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_TYPE = b"application/vnd.in-toto+json"
_ORIGIN = "rekor.test - 1"
_FOR_CODE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])


@dataclass(frozen=True, kw_only=True)
class Signing:
    """How one attestation is signed; what is usual is left out.

    at: when the log takes it. valid: for how long its certificate is valid. with_sct: whether the
    log of certificates vouches for it. certificate_log: another log that does. statement: in the
    place of the whole statement. commit: the digest of the sources, in the place of a ref.
    extensions: values of Fulcio's extensions by the last number of their OIDs; None leaves one out.
    """

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    valid: timedelta = timedelta(minutes=10)
    with_sct: bool = True
    certificate_log: _Log | None = None
    statement: bytes | None = None
    extensions: dict[int, str | None] = field(default_factory=dict)


class SigstoreInstance:
    """One instance. Two of them have nothing in common."""

    def __init__(self) -> None:
        began, ends = datetime.now(UTC) - timedelta(days=30), datetime.now(UTC) + timedelta(days=30)
        self._root_key, self._authority_key = _new_key(), _new_key()
        self._root = _authority("root", self._root_key, None, began, ends)
        parent = (self._root, self._root_key)
        self._authority = _authority("authority", self._authority_key, parent, began, ends)
        self.certificate_log = _Log(_new_key())
        self.log = _Log(_new_key())

    def trusted_root(self) -> dict[str, Any]:
        """The document with which others verify (`trusted_root.json`)."""
        began = {"start": "2020-01-01T00:00:00Z"}
        chain = [{"rawBytes": _base64(_der(each))} for each in (self._authority, self._root)]
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self.log.described("https://rekor.test", began)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "test", "commonName": "authority"},
                    "uri": "https://fulcio.test",
                    "certChain": {"certificates": chain},
                    "validFor": began,
                }
            ],
            "ctlogs": [self.certificate_log.described("https://ctfe.test", began)],
        }

    def attestation(
        self, dist: Distribution, job: CIJob, kind: str = PUBLISH, signing: Signing | None = None
    ) -> dict[str, Any]:
        """An attestation of a file (PEP 740), which a CI job has had signed."""
        key, signing = _new_key(), signing or Signing()
        certificate = self._certificate(key, job, signing)
        statement = signing.statement or _statement(dist, kind)
        signature = _sign(
            key, b"DSSEv1 %d %s %d %s" % (len(_TYPE), _TYPE, len(statement), statement)
        )
        pem = certificate.public_bytes(Encoding.PEM)
        body = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": _sha256(signature).hex()},
                "payloadHash": {"algorithm": "sha256", "value": _sha256(statement).hex()},
                "signatures": [{"signature": _base64(signature), "verifier": _base64(pem)}],
            },
        }
        return {
            "version": 1,
            "verification_material": {
                "certificate": _base64(_der(certificate)),
                "transparency_entries": [self.log.entry(_canonical(body), signing.at)],
            },
            "envelope": {"statement": _base64(statement), "signature": _base64(signature)},
        }

    def _certificate(
        self, key: ec.EllipticCurvePrivateKey, job: CIJob, signing: Signing
    ) -> x509.Certificate:
        name = (
            x509.RFC822Name(job.email)
            if job.email
            else x509.UniformResourceIdentifier(f"{job.workflow}@{job.ref}")
        )
        builder = (
            x509.CertificateBuilder()
            .issuer_name(self._authority.subject)
            .subject_name(x509.Name([]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(signing.at - timedelta(seconds=5))
            .not_valid_after(signing.at + signing.valid)
            .add_extension(_usage(of_an_authority=False), critical=True)
            .add_extension(_FOR_CODE, critical=False)
            .add_extension(_key_id_of(self._authority_key), critical=False)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        )
        for number, value in (_claims(job) | signing.extensions).items():
            if value:
                oid = x509.ObjectIdentifier(f"{_FULCIO}{number}")
                text = _tlv(0x0C, value.encode())
                builder = builder.add_extension(x509.UnrecognizedExtension(oid, text), False)
        before = builder.sign(self._authority_key, hashes.SHA256())
        if not signing.with_sct:
            return before
        log = signing.certificate_log or self.certificate_log
        promised = log.promise(before.tbs_certificate_bytes, self._authority_key, signing.at)
        promises = x509.UnrecognizedExtension(_SCT_LIST, _tlv(0x04, promised))
        return builder.add_extension(promises, False).sign(self._authority_key, hashes.SHA256())


class _Log:
    """A log, whose signatures say what is in it."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.id = _sha256(_spki(key))

    def described(self, url: str, began: dict[str, str]) -> dict[str, Any]:
        return {
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": _base64(_spki(self._key)),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": began,
            },
            "logId": {"keyId": _base64(self.id)},
        }

    def promise(self, tbs: bytes, issuer: ec.EllipticCurvePrivateKey, at: datetime) -> bytes:
        """A list with one signed certificate timestamp (RFC 6962)."""
        milliseconds = int(at.timestamp() * 1000)
        entry = _sha256(_spki(issuer)) + len(tbs).to_bytes(3, "big") + tbs
        signed = struct.pack("!BBQH", 0, 0, milliseconds, 1) + entry + b"\0\0"
        signature = _sign(self._key, signed)
        promised = struct.pack("!B32sQH", 0, self.id, milliseconds, 0)
        promised += struct.pack("!BBH", 4, 3, len(signature)) + signature
        return struct.pack("!HH", len(promised) + 2, len(promised)) + promised

    def entry(self, body: bytes, at: datetime) -> dict[str, Any]:
        """An entry of a tree of three, of which it is the middle one (RFC 9162)."""
        left, right = (_sha256(b"\0" + other) for other in (b"the one before", b"the one after"))
        leaf = _sha256(b"\0" + body)
        root = _sha256(b"\1" + _sha256(b"\1" + left + leaf) + right)
        note = f"{_ORIGIN}\n3\n{_base64(root)}\n"
        signature = _base64(self.id[:4] + _sign(self._key, note.encode()))
        integrated = int(at.timestamp())
        promised = {
            "body": _base64(body),
            "integratedTime": integrated,
            "logID": self.id.hex(),
            "logIndex": 1,
        }
        return {
            "logIndex": "1",
            "logId": {"keyId": _base64(self.id)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(integrated),
            "inclusionPromise": {
                "signedEntryTimestamp": _base64(_sign(self._key, _canonical(promised)))
            },
            "inclusionProof": {
                "logIndex": "1",
                "rootHash": _base64(root),
                "treeSize": "3",
                "hashes": [_base64(left), _base64(right)],
                "checkpoint": {
                    "envelope": f"{note}\n\N{EM DASH} {_ORIGIN.split()[0]} {signature}\n"
                },
            },
            "canonicalizedBody": _base64(body),
        }


def _claims(job: CIJob) -> dict[int, str | None]:
    """What Fulcio writes into a certificate of a job: the numbers of its OIDs, and values."""
    if job.email:
        return {8: job.issuer}
    return {
        8: job.issuer,
        9: f"{job.workflow}@{job.ref}",
        12: job.repository,
        13: "c0ffee" + "0" * 34,
        14: job.ref,
        17: job.owner_id,
        18: f"{job.workflow}@{job.ref}",
        21: job.run_url,
    }


def _statement(dist: Distribution, kind: str) -> bytes:
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": dist.filename, "digest": {"sha256": dist.sha256}}],
        "predicateType": kind,
        "predicate": None,
    }
    return json.dumps(document).encode()


def _authority(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    parent: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    began: datetime,
    ends: datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = key if parent is None else parent[1]
    return (
        x509.CertificateBuilder()
        .issuer_name(subject if parent is None else parent[0].subject)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(of_an_authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_key_id_of(signer), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _usage(*, of_an_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not of_an_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=of_an_authority,
        crl_sign=of_an_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _key_id_of(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _tlv(tag: int, content: bytes) -> bytes:
    """A tag, a length and the content; a long form where DER has a shorter one does no harm."""
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _canonical(document: dict[str, Any]) -> bytes:
    """As RFC 8785 says, for documents of texts and numbers."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
