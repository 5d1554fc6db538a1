"""Verifies attestations against the CI job that uploads, without asking anybody (Sigstore)."""

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from textwrap import shorten
from typing import TYPE_CHECKING

from pypi_repo.domain.attestations.certificates import certified_job, difference
from pypi_repo.domain.attestations.trust_root import TrustRoot
from pypi_repo.domain.errors import ConfigurationError, InvalidSetting
from pypi_repo.domain.identity.ci_job import CIJob
from pypi_repo.domain.text import printable
from pypi_repo.services.attestations.trust_roots import root_in_use, verifier_of
from pypi_repo.storage.database.executor import Executor

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from pypi_attestations import Attestation
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

_STATEMENT = "https://in-toto.io/Statement/v1"
_SHOWN = 200  # characters of what a library says

_log = logging.getLogger(__name__)


class NotVerified(Exception):
    """Attestations do not verify. The text says why, as the end of a sentence."""


def verify(executor: Executor, attestations: Sequence["Attestation"], uploader: CIJob) -> CIJob:
    """Returns the CI job that attestations name, after all of them were verified.

    Verified are the signature, its certificate up to an authority of the trust root, that a
    certificate log and a signature log of the trust root vouch for both, at a time at which the
    certificate was valid, and that the certificate names the job that uploads.

    executor: where the trust root is looked up.
    attestations: one or several, about the file that is uploaded.
    uploader: the job that uploads.

    Raises NotVerified.
    """
    try:
        root = root_in_use(executor)
        verifier_of(root.document)
    except (InvalidSetting, ConfigurationError) as error:
        _log.error("Attestations cannot be verified: %s", error.for_operator)
        raise NotVerified(
            "the trust root of this server cannot be read, which its operator must replace"
        ) from error
    jobs = []
    for attestation in attestations:
        policy = _SameJob(attestation, uploader)
        try:
            bundle = attestation.to_bundle()
            _verifier_at(root, _signed_at(bundle)).verify_dsse(bundle, policy)
        except NotVerified:
            raise
        except Exception as error:
            said = printable(shorten(str(error), _SHOWN, placeholder=" ...")).rstrip(". ")
            raise NotVerified(said or type(error).__name__) from error
        if attestation.statement.get("_type") != _STATEMENT:
            raise NotVerified(f"its statement is not of the type {_STATEMENT}")
        jobs.append(policy.certified)
    return jobs[0]


def _signed_at(bundle: "Bundle") -> datetime:
    """Returns when a log has taken a signature, which is true if the signature verifies."""
    entry = json.loads(bundle.to_json())["verificationMaterial"]["tlogEntries"][0]
    return datetime.fromtimestamp(int(entry["integratedTime"]), UTC)


def _verifier_at(root: TrustRoot, moment: datetime) -> "Verifier":
    """The library also takes those for good whose time is over, as signatures stay good."""
    try:
        return verifier_of(root.at(moment))
    except InvalidSetting as error:
        raise NotVerified(
            "the trust root of this server has no authority or no log that was valid when it was "
            "signed"
        ) from error


class _SameJob:
    """A `VerificationPolicy` of sigstore, which is asked about a certificate that can be trusted.

    certified: the job that the certificate names, once it was asked.
    """

    certified: CIJob

    def __init__(self, attestation: "Attestation", uploader: CIJob) -> None:
        self._attestation = attestation
        self._uploader = uploader

    def verify(self, cert: "Certificate") -> None:
        """Raises NotVerified unless the certificate names the job that uploads."""
        url, email = _names(cert)
        claims = self._attestation.certificate_claims
        self.certified = certified_job(self._uploader, claims, url, email)
        why_not = difference(self.certified, self._uploader, claims)
        if why_not is not None:
            raise NotVerified(printable(why_not))


def _names(certificate: "Certificate") -> tuple[str, str]:
    """Returns the URL and the e-mail address that a certificate is for, empty if there is none."""
    from cryptography.x509 import (
        RFC822Name,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    urls = names.get_values_for_type(UniformResourceIdentifier)
    emails = names.get_values_for_type(RFC822Name)
    if len(urls) + len(emails) != 1:
        raise NotVerified("its certificate is not for one job")
    return ("".join(urls), "".join(emails))
