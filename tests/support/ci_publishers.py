"""Publishers of a registry."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.identity.publisher import PublisherSettings
from pypi_repo.storage.database.account_tables import trust_roots
from pypi_repo.storage.identity.publishers import PublisherShelf

ISSUER = "https://ci.example.com"
GIVEN: dict[str, Any] = {"issuer": ISSUER, "claims": {"sub": "job:acme/demo", "ref": "refs/tags/*"}}


def trust_ci(registry: Registry, repository: str) -> None:
    """Adds a publisher `ci`, and a trust root."""
    repository_id = registry.acting_as(OPERATOR).repositories.get(repository).id
    settings = PublisherSettings(**GIVEN, repository=repository, projects=("acme-*", "demo"))
    now = datetime.now(UTC)
    with registry._database.begin() as connection:
        PublisherShelf(connection).add("ci", settings, repository_id, now, "operator")
        connection.execute(
            insert(trust_roots).values(
                name="sigstore", document="{}", replaced_at=now, replaced_by="operator"
            )
        )
