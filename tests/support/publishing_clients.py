"""The six publishing clients, and what people type to publish with each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.clients import Clients, Completed
from tests.support.projects import Backend

Target = tuple[str, str, str]

BACKENDS: dict[str, Backend] = {
    "twine": "setuptools",
    "uv": "hatchling",
    "poetry": "poetry",
    "hatch": "hatchling",
    "flit": "flit",
    "pdm": "pdm",
}
every_client = pytest.mark.parametrize("client", BACKENDS)


def publish(
    client: str,
    clients: Clients,
    project: Path,
    target: Target,
    *,
    options: Sequence[str] = (),
    check: bool = True,
) -> Completed:
    """What somebody types in the project's folder to publish it."""
    if client == "flit":
        return clients.publish_with_flit(project, *target, check=check)
    if client in ("twine", "uv"):
        files = sorted((project / "dist").glob("*")) or clients.build(project)
        run = clients.publish_with_twine if client == "twine" else clients.publish_with_uv
        return run(*target, *files, options=options, check=check)
    named = {
        "poetry": clients.publish_with_poetry,
        "hatch": clients.publish_with_hatch,
        "pdm": clients.publish_with_pdm,
    }
    return named[client](project, *target, options=options, check=check)
