"""Attestations that come with an upload (PEP 740): read, compared with the file, kept.

Signatures are not verified: that takes the identity of a trusted publisher to verify against. What
is served says so.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pypi_repo.domain.errors import InvalidAttestation, InvalidFilename
from pypi_repo.domain.filenames import DistributionFilename

if TYPE_CHECKING:
    from pypi_attestations import Attestation

_AT_MOST = 2
_DEEPEST = 32  # real ones have six levels
_UNVERIFIED = {"kind": "unverified", "claims": None}


def provenance(document: str, filename: DistributionFilename, sha256: str) -> str | None:
    """The provenance object to serve for a file whose upload brought `document`.

    document: a JSON array of attestation objects.

    None where `pypi-repo[attestations]` is not installed; uv sends attestations without being
    asked, so their absence must not break an upload. Raises InvalidAttestation.
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
    try:
        dumped = [attestation.model_dump(mode="json") for attestation in attestations]
        bundle = {"publisher": _UNVERIFIED, "attestations": dumped}
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
