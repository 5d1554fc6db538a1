"""Attestations in the documents in which indexes and tools keep them (PEP 740)."""

import json
from typing import Any

from pypi_repo.domain.errors import InvalidAttestation


def attestations_in(document: bytes) -> str:
    """Returns the attestations in a document, as the JSON array that an upload brings.

    document: a provenance object, an array of attestations, or a single one.

    Raises InvalidAttestation if there are none.
    """
    try:
        found = _attestations(json.loads(document))
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise InvalidAttestation("Its provenance cannot be read as PEP 740 defines it.") from error
    if not found:
        raise InvalidAttestation("Its provenance has no attestation.")
    return json.dumps(found)


def _attestations(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if "attestation_bundles" in value:
        return [each for bundle in value["attestation_bundles"] for each in bundle["attestations"]]
    return [value]
