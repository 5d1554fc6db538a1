"""The management API as a program speaks it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import update
from werkzeug.test import Client, TestResponse

from pypi_repo import EVERY_AREA, OPERATOR, Area, Registry
from pypi_repo.storage.database.lifecycle_tables import stages
from pypi_repo.storage.identity.publishers import PublisherRows
from pypi_repo.web.api.accounts.documents import (
    AdministratorSettings,
    AdministratorTokenSettings,
    Members,
)
from pypi_repo.web.api.accounts.provider_documents import IdentityProviderSettings, LinkSettings
from pypi_repo.web.api.accounts.publisher_documents import PublisherSettings
from pypi_repo.web.api.documents import PromotionTarget, Status
from pypi_repo.web.api.lifecycle.retention_documents import RetentionRuleSettings
from pypi_repo.web.api.source_documents import ExceptionSettings, RuleSettings, UpstreamSettings
from pypi_repo.web.api.webhooks import WebhookSettings
from tests.support.distributions import wheel
from tests.support.uploads import stage

KNOWN: Mapping[str, object] = {
    "repository": "main",
    "project": "demo",
    "version": "1.0",
    "filename": wheel("demo", "1.0").filename,
    "user": "user@example.com",
    "group": "platform",
    "administrator": "spare@example.com",
    "token": 2,
    "upstream": "public",
    "name": "left",
    "rule": 1,
    "entry": 1,
    "exception": 2,
    "provider": "sso",
    "account": "user@example.com",
    "publisher": "release",
    "stage": "0123456789abcdef_-ABCD",
    "webhook": "ci",
    "delivery": 1,
}
"""What tests put there, for the names in the paths of operations."""

NEEDED: Mapping[type, object] = {
    Status: {"status": "archived"},
    PromotionTarget: {"to": "releases"},
    AdministratorSettings: {"areas": ["users"]},
    AdministratorTokenSettings: {"areas": ["users"]},
    Members: {"users": ["user@example.com"]},
    UpstreamSettings: {"url": "https://index.example/simple/"},
    IdentityProviderSettings: {"issuer": "https://sso.invalid", "client_id": "other"},
    PublisherSettings: {
        "kind": "github",
        "claims": {"repository_owner_id": "1"},
        "repository": "main",
    },
    LinkSettings: {"subject": "linked"},
    WebhookSettings: {"url": "https://ci.invalid/hook", "secret": "correct-horse-battery"},
    RetentionRuleSettings: {"pattern": "demo", "keep_last": 10},
    RuleSettings: {"action": "deny", "target": "demo<2"},
    ExceptionSettings: {"target": "demo", "reason": "a fix", "until": "2100-01-01T00:00:00Z"},
}
"""Documents for operations that need more than defaults."""


def create_provider(registry: Registry, name: str = "sso", live: str | None = None) -> None:
    """Creates an identity provider with which a user can sign in.

    live: the URL of one on this machine, which answers.
    """
    providers = registry.acting_as(OPERATOR).identity_providers
    is_live = live is not None
    providers.create(
        name,
        issuer=live or "https://sso.invalid",
        client_id="app",
        allow_http=is_live,
        allow_private_network=is_live,
    )
    providers.link(name, str(KNOWN["user"]), "linked")


def create_publisher(registry: Registry, name: str = "release", live: str | None = None) -> None:
    """Creates a publisher of `main`, for which a job has come.

    live: the URL of an issuer on this machine, which answers.
    """
    is_live = live is not None
    made = registry.acting_as(OPERATOR).publishers.create(
        name,
        issuer=live or f"https://{name}.invalid",
        claims={"sub": "job:acme/demo"},
        repository="main",
        allow_http=is_live,
        allow_private_network=is_live,
    )
    received = json.dumps({"sub": "job:acme/other", "run": 7})
    with registry._database.begin() as connection:
        PublisherRows(connection).note_received(made, received, datetime.now(UTC), "Not this job.")


def open_stage(registry: Registry) -> None:
    """Opens the stage with the known id in `main`, with a file."""
    id_ = registry.acting_as(OPERATOR).stages.open("main").id
    with registry._database.begin() as connection:
        renamed = update(stages).where(stages.c.id == id_).values(id=KNOWN["stage"])
        connection.execute(renamed)
    stage(registry, str(KNOWN["stage"]), wheel("demo", "9.0"))


def create_webhook(registry: Registry, name: str = "ci") -> None:
    """Creates a webhook that was told something, though its host is refused."""
    webhooks = registry.acting_as(OPERATOR).webhooks
    webhooks.create(name, url="https://127.0.0.1:9/hook", secret="correct-horse-battery")
    webhooks.test(name)


class ApiClient:
    """Speaks WSGI to the API of a registry, with a token of an administrator."""

    def __init__(
        self,
        registry: Registry,
        administrator: str,
        areas: frozenset[Area] = EVERY_AREA,
        *,
        read_only: bool = False,
    ) -> None:
        _token, self.token = registry.acting_as(OPERATOR).administrators.create_token(
            administrator, name="test", areas=areas, read_only=read_only
        )
        self.client = Client(registry.wsgi_app())

    def get(self, path: str, **how: Any) -> TestResponse:
        return self.call("GET", path, **how)

    def put(self, path: str, document: object, **how: Any) -> TestResponse:
        return self.call("PUT", path, json=document, **how)

    def post(self, path: str, document: object, **how: Any) -> TestResponse:
        return self.call("POST", path, json=document, **how)

    def delete(self, path: str, **how: Any) -> TestResponse:
        return self.call("DELETE", path, **how)

    def call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **how: Any
    ) -> TestResponse:
        given = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.client.open(f"/api/v1/{path}", method=method, headers=given, **how)

    def all(self, path: str, limit: int) -> list[Any]:
        """The items of all pages of a list."""
        items: list[Any] = []
        query: dict[str, Any] = {"limit": limit}
        while True:
            page = self.get(path, query_string=query).get_json()
            assert len(page["items"]) <= limit
            items += page["items"]
            if page["next"] is None:
                return items
            query["cursor"] = page["next"]
