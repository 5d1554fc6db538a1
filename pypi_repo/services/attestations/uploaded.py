"""Attestations that come with an upload (PEP 740): read, compared with the file, verified, kept.

Signatures are verified against the CI job that uploads. Those that nobody can be held to are kept,
too, and what is served says so.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pypi_repo.domain.attestations.certificates import described_publisher
from pypi_repo.domain.errors import InvalidAttestation, InvalidFilename
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.identity.ci_job import CIJob
from pypi_repo.services.attestations.verification import NotVerified, verify
from pypi_repo.storage.database.executor import Executor

if TYPE_CHECKING:
    from pypi_attestations import Attestation

_AT_MOST = 2
_DEEPEST = 32  # real ones have six levels
_UNVERIFIED = {"kind": "unverified", "claims": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedAttestations:
    """What came of the attestations of an upload.

    provenance: the provenance object to serve for the file (JSON), or None.
    attested: the CI job that the verified attestations name; None if they were not verified.
    unverified: a sentence that says why they were not verified; empty if they were, or if there
        are none.
    warnings: sentences for the job that has sent attestations which do not verify.
    """

    provenance: str | None = None
    attested: CIJob | None = None
    unverified: str = ""
    warnings: tuple[str, ...] = ()


def received_attestations(
    executor: Executor,
    document: str | None,
    filename: DistributionFilename,
    sha256: str,
    uploader: CIJob | None,
) -> ReceivedAttestations:
    """Reads the attestations of a file, and verifies those that come from a CI job.

    executor: where the trust root is looked up.
    document: a JSON array of attestation objects; None if none came with the upload.
    sha256: the digest of the file.
    uploader: the CI job that uploads; None for everybody else, whose attestations are not verified.

    All of them must verify. Raises InvalidAttestation if one is malformed or about another file.
    """
    if document is None:
        return ReceivedAttestations()
    found = attestations_of(document, filename, sha256)
    if found is None:
        return ReceivedAttestations(
            unverified="Attestations are not kept here, as a library for them is not installed."
        )
    if uploader is None:
        return ReceivedAttestations(
            provenance=provenance(found),
            unverified="Attestations are only verified if the CI job uploads that has them signed, "
            "by trusted publishing.",
        )
    try:
        attested = verify(executor, found, uploader)
    except NotVerified as failure:
        unverified = f"The attestation is not verified: {failure}."
        return ReceivedAttestations(
            provenance=provenance(found), unverified=unverified, warnings=(unverified,)
        )
    return ReceivedAttestations(provenance=provenance(found, attested), attested=attested)


def attestations_of(
    document: str, filename: DistributionFilename, sha256: str
) -> "list[Attestation] | None":
    """Returns the attestations of a file, which are all about this file.

    document: a JSON array of attestation objects.

    Returns None where `pypi-repo[attestations]` is not installed; uv sends attestations without
    being asked, so their absence must not break an upload. Raises InvalidAttestation.
    """
    try:
        import pypi_attestations
    except ImportError:
        return None
    attestations = [_parse(pypi_attestations.Attestation, item) for item in _items(document)]
    statements = [_statement(attestation) for attestation in attestations]
    for statement in statements:
        _check_subject(statement, filename, sha256)
    kinds = [str(statement.get("predicateType")) for statement in statements]
    supported = {kind.value for kind in pypi_attestations.AttestationType}
    if not supported.issuperset(kinds) or len(set(kinds)) < len(kinds):
        raise InvalidAttestation(
            "Attestations must be of different kinds, among: " + ", ".join(sorted(supported)) + "."
        )
    return attestations


def provenance(attestations: Sequence["Attestation"], attested: CIJob | None = None) -> str:
    """Returns the provenance object to serve for a file (JSON).

    attested: the CI job that the attestations were verified against; None if they were not.

    Raises InvalidAttestation.
    """
    publisher = _UNVERIFIED if attested is None else described_publisher(attested)
    try:
        dumped = [attestation.model_dump(mode="json") for attestation in attestations]
        bundle = {"publisher": publisher, "attestations": dumped}
        return json.dumps({"version": 1, "attestation_bundles": [bundle]}, allow_nan=False)
    except ValueError as error:
        raise InvalidAttestation("An attestation holds what cannot be stored as JSON.") from error


def _items(document: str) -> list[Any]:
    try:
        items = json.loads(document)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list) or not 0 < len(items) <= _AT_MOST:
        raise InvalidAttestation(f"The attestations must be a JSON array of 1 to {_AT_MOST}.")
    if not _is_shallow(items):
        raise InvalidAttestation(f"An attestation is nested more than {_DEEPEST} levels deep.")
    return items


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
    return not level


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _parse(kind: "type[Attestation]", item: Any) -> "Attestation":
    try:
        return kind.model_validate(item)
    except ValueError as error:
        raise InvalidAttestation("An attestation has not the form of PEP 740.") from error


def _statement(attestation: "Attestation") -> dict[str, Any]:
    try:
        statement = attestation.statement
    except (ValueError, RecursionError) as error:
        raise InvalidAttestation("The statement of an attestation is not JSON.") from error
    if not isinstance(statement, dict):
        raise InvalidAttestation("The statement of an attestation is not an object.")
    return statement


def _check_subject(statement: dict[str, Any], filename: DistributionFilename, sha256: str) -> None:
    match statement.get("subject"):
        case [{"name": str(name), "digest": {"sha256": str(digest)}}]:
            if digest == sha256 and _same_file(name, filename):
                return
    raise InvalidAttestation("An attestation is about another file than the one uploaded.")


def _same_file(name: str, filename: DistributionFilename) -> bool:
    """PEP 740 compares what the names mean: a wheel's tags come in any order."""
    if name == filename.filename:
        return True
    try:
        named = DistributionFilename.parse(name, filename.project)
    except InvalidFilename:
        return False
    return (named.kind, named.project, named.version, named.build, named.tags) == (
        filename.kind,
        filename.project,
        filename.version,
        filename.build,
        filename.tags,
    )
