"""Publishers of a registry."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from pypi_repo import OPERATOR, Registry
from pypi_repo.storage.database.account_tables import trust_roots

ISSUER = "https://ci.example.com"
GIVEN: dict[str, Any] = {"issuer": ISSUER, "claims": {"sub": "job:acme/demo", "ref": "refs/tags/*"}}


def trust_ci(registry: Registry, repository: str) -> None:
    """Adds a publisher `ci`, and a trust root."""
    operator = registry.acting_as(OPERATOR)
    operator.publishers.create("ci", **GIVEN, repository=repository, projects=("acme-*", "demo"))
    with registry._database.begin() as connection:
        connection.execute(
            insert(trust_roots).values(
                name="sigstore",
                document="{}",
                replaced_at=datetime.now(UTC),
                replaced_by="operator",
            )
        )
