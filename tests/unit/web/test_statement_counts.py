"""What each page of the portal and each operation of the management API asks of the database.

The numbers are for reading: one that grows should do so on purpose. They are the same in a registry
with a few more of everything. The index, downloads and uploads are counted in test_access.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Access, Registry, Settings
from pypi_repo.domain.names import normalize
from pypi_repo.web.api.operations import Operation
from pypi_repo.web.api.tables import TABLES
from pypi_repo.web.portal.app import ROUTES
from tests.conftest import ADMINISTRATOR, PASSWORD, USER, populate
from tests.support.api import (
    KNOWN,
    NEEDED,
    create_provider,
    create_publisher,
    create_webhook,
    open_stage,
)
from tests.support.distributions import wheel
from tests.support.portal import PortalClient
from tests.support.quick_schema import Filled
from tests.support.sql import count_statements
from tests.support.uploads import upload

FEW, MORE = 1, 4
_NEXT_CENTURY = datetime(2100, 1, 1, tzinfo=UTC)
_ASKING_ELSEWHERE = {
    *("check_upstream", "check_identity_provider", "check_publisher"),
    *("test_webhook", "redeliver"),
}
_LEADING_ELSEWHERE = {"/sign-in/<provider>", "/sign-in/<provider>/callback"}

OPERATIONS = {
    "list_repositories": 2, "get_repository": 2, "put_repository": 9, "delete_repository": 5,
    "get_repository_usage": 11, "get_usage": 11,
    "list_projects": 4, "get_project": 3, "delete_project": 12,
    "get_status": 2, "put_status": 7,
    "get_release": 3, "delete_release": 11,
    "get_release_yank": 3, "put_release_yank": 9, "delete_release_yank": 9,
    "list_files": 3, "get_file": 2, "delete_file": 10,
    "get_file_yank": 2, "put_file_yank": 7, "delete_file_yank": 7,
    "list_trash": 3, "delete_trash": 5, "get_trash_entry": 3, "delete_trash_entry": 5,
    "restore_trash_entry": 18,
    "promote_release": 24, "promote_project": 34, "list_chores": 2,
    "list_users": 3, "get_user": 3, "put_user": 7, "delete_user": 5,
    "get_access": 3, "put_access": 5, "explain_rights": 3,
    "list_groups": 4, "get_group": 4, "put_group": 14, "delete_group": 4,
    "add_members": 11, "remove_members": 9,
    "list_tokens": 3, "create_token": 6, "get_token": 2, "revoke_token": 5,
    "invite_user": 9, "get_invitation": 4, "withdraw_invitation": 8,
    "list_administrators": 2, "get_administrator": 3, "put_administrator": 10,
    "delete_administrator": 5,
    "list_administrator_tokens": 4, "create_administrator_token": 7,
    "get_administrator_token": 4, "revoke_administrator_token": 9,
    "list_identity_providers": 2, "get_identity_provider": 2, "put_identity_provider": 8,
    "patch_identity_provider": 4, "delete_identity_provider": 6,
    "list_publishers": 3, "get_publisher": 3, "put_publisher": 15,
    "patch_publisher": 5, "delete_publisher": 9,
    "list_linked_accounts": 3, "get_linked_account": 3, "put_linked_account": 3,
    "delete_linked_account": 9,
    "list_journal": 3,
    "list_upstreams": 2, "get_upstream": 2, "put_upstream": 6, "patch_upstream": 5,
    "delete_upstream": 5, "get_upstream_usage": 4, "get_sources": 7, "put_sources": 46,
    "get_kept_name": 7, "delete_kept_name": 17,
    "list_rules": 7, "add_rule": 12, "get_rule": 7, "delete_rule": 12,
    "list_exceptions": 7, "add_exception": 5, "get_exception": 7, "delete_exception": 12,
    "explain_project": 10, "list_shadowed_names": 9, "list_uncompared_names": 9, "get_audit": 9,
    "list_webhooks": 2, "get_webhook": 2, "put_webhook": 9, "patch_webhook": 3,
    "delete_webhook": 4, "list_deliveries": 3, "get_delivery": 3,
    "list_retention_rules": 3, "add_retention_rule": 5, "get_retention_rule": 3,
    "delete_retention_rule": 6, "list_expiring_releases": 7, "preview_retention": 7,
    "run_retention": 7, "get_pin": 3, "put_pin": 7, "delete_pin": 9,
    "list_stages": 3, "open_stage": 5, "get_stage": 4, "publish_stage": 16, "drop_stage": 10,
}  # fmt: skip
PAGES = {
    "/": 14,
    "/sign-in": 1,
    "/account": 4, "/account/tokens": 4,
    "/repositories": 8, "/new-repository": 1,
    "/repositories/<repository>": 15,
    "/repositories/<repository>/connect": 5, "/repositories/<repository>/connect/token": 5,
    "/repositories/<repository>/settings": 8, "/repositories/<repository>/delete": 8,
    "/repositories/<repository>/upload": 2,
    "/repositories/<repository>/stages": 4,
    "/repositories/<repository>/stages/<stage>": 5,
    "/repositories/<repository>/stages/<stage>/publish": 5,
    "/repositories/<repository>/stages/<stage>/drop": 5,
    "/repositories/<repository>/projects/<project>": 6,
    "/repositories/<repository>/projects/<project>/readme": 3,
    "/repositories/<repository>/projects/<project>/downloads": 6,
    "/repositories/<repository>/projects/<project>/origin": 8,
    "/repositories/<repository>/projects/<project>/releases": 10,
    "/repositories/<repository>/projects/<project>/files": 6,
    "/repositories/<repository>/projects/<project>/manage": 6,
    "/repositories/<repository>/projects/<project>/delete": 6,
    "/repositories/<repository>/projects/<project>/promote": 4,
    "/repositories/<repository>/files/<path:path>": 2,
    "/repositories/<repository>/sources": 15,
    "/repositories/<repository>/look-up": 1,
    "/repositories/<repository>/audit": 11,
    "/repositories/<repository>/rules": 4,
    "/repositories/<repository>/trash": 9,
    "/repositories/<repository>/retention": 4,
    "/repositories/<repository>/retention/preview": 8,
    "/upstreams": 6, "/new-upstream": 2,
    "/upstreams/<upstream>": 6, "/upstreams/<upstream>/check": 6,
    "/upstreams/<upstream>/delete": 4,
    "/webhooks": 2, "/new-webhook": 3,
    "/webhooks/<webhook>": 6, "/webhooks/<webhook>/test": 6,
    "/users": 4, "/new-user": 5,
    "/users/<name>": 10, "/users/<name>/password": 10, "/users/<name>/tokens": 10,
    "/users/<name>/invitation": 10, "/users/<name>/groups": 10,
    "/users/<name>/delete": 5,
    "/groups": 4, "/new-group": 2, "/groups/<name>": 5, "/groups/<name>/members": 5,
    "/administrators": 2, "/new-administrator": 1,
    "/administrators/<name>": 6, "/administrators/<name>/password": 6,
    "/administrators/<name>/delete": 3,
    "/identity-providers": 2, "/new-identity-provider": 2,
    "/identity-providers/<provider>": 4, "/identity-providers/<provider>/check": 4,
    "/identity-providers/<provider>/link": 4,
    "/publishers": 3, "/new-publisher": 4,
    "/publishers/<publisher>": 4, "/publishers/<publisher>/check": 4,
    "/chores": 2,
    "/activity": 6, "/activity.csv": 1,
}  # fmt: skip


def _fill(registry: Registry, number: int) -> None:
    populate(registry)
    operator = registry.acting_as(OPERATOR)
    create_webhook(registry)
    for each in range(number):
        operator.upstreams.create(f"public{each or ''}", url="https://index.example/simple/")
        operator.sources.add_rule("main", "deny", f"unwanted-{each}")
        operator.sources.add_rule("main", "exempt", "demo", reason="a fix", until=_NEXT_CENTURY)
        for version in ("1.0", "2.0"):
            upload(registry, wheel(f"demo{each or ''}", version))
        if each:
            registry.acting_as(OPERATOR).repositories.create(f"other-{each}")
            registry.acting_as(OPERATOR).accounts.create_user(f"user-{each}@example.com", PASSWORD)
            operator.groups.create(f"group-{each}", patterns={("main", "demo"): Access.READ})
            operator.groups.add_members(f"group-{each}", [USER])
            create_provider(registry, f"other-{each}")
            create_publisher(registry, f"other-{each}")
            create_webhook(registry, f"other-{each}")
            registry.acting_as(OPERATOR).administrators.create(
                f"admin-{each}@example.com", PASSWORD
            )
        operator.retention.add_rule("main", f"demo{each or ''}", keep_last=1)
    operator.pins.pin("main", "demo", "1.0", "in use")
    operator.retention.preview("main", lambda _release: None)
    operator.repositories.create("releases")
    upload(registry, wheel("left", "1.0"))
    operator.projects.delete("main", "left")
    open_stage(registry)
    operator.upstreams.create("used", url="https://index.example/simple/")
    operator.sources.set_sources("main", ["upstream:used"])  # each may cost a statement
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "broken")
    registry.acting_as(OPERATOR).administrators.create("spare@example.com", PASSWORD)
    operator.invitations.invite(USER)
    operator.groups.create("platform", named={"main": Access.READ})
    create_provider(registry)
    create_publisher(registry)
    tokens = [registry.acting_as(OPERATOR).accounts.create_token(USER)[0].id for _ in range(2)]
    assert tokens[-1] == KNOWN["token"]


_FILL = {number: Filled(partial(_fill, number=number)) for number in (FEW, MORE)}


@contextmanager
def filled(number: int) -> Iterator[Registry]:
    """A registry with `number` of everything."""
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings) as registry:
        _FILL[number](registry)
        yield registry


def number_of(statements: list[str]) -> int:
    """SQLite reports a deletion again for each row that goes with it."""
    repeated = sum(one == other and one.startswith("DELETE") for one, other in pairwise(statements))
    return len(statements) - repeated


@pytest.mark.parametrize("size", [FEW, MORE], ids=["few", "more"])
@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, id=operation.handle.__name__)
        for table in TABLES
        for operation in table.operations
        if operation.handle.__name__ not in _ASKING_ELSEWHERE
    ],
)
def test_operations(operation: Operation, size: int) -> None:
    with filled(size) as registry:
        _token, secret = registry.acting_as(OPERATOR).administrators.create_token(ADMINISTRATOR)
        registry.acting_as(OPERATOR).administrators.create_token("spare@example.com")
        client, headers = Client(registry.wsgi_app()), {"Authorization": f"Bearer {secret}"}
        client.get("/api/v1/repositories", headers=headers)
        registry.acting_as(OPERATOR).usage.days(1)  # writes what is waiting to be written
        document = NEEDED.get(operation.body, {}) if operation.body else None
        path = f"/api/v1{operation.path.format_map(KNOWN)}"
        with count_statements(registry._database) as statements:
            answer = client.open(path, method=operation.method, json=document, headers=headers)

    assert answer.status_code < 300, answer.text
    assert number_of(statements) == OPERATIONS[operation.handle.__name__], statements


@pytest.mark.parametrize("size", [FEW, MORE], ids=["few", "more"])
def test_pages(size: int) -> None:
    asked = {}
    with filled(size) as registry:
        portal = PortalClient(registry)
        portal.sign_in(ADMINISTRATOR, PASSWORD)
        registry.acting_as(OPERATOR).usage.days(1)
        _project, files = registry.acting_as(OPERATOR).projects.get("main", "demo")
        # What is configured for the sources is read once.
        registry.repository("main").source.project_details(OPERATOR, normalize("demo"))
        for route in ROUTES:
            if route.show is None or route.path in _LEADING_ELSEWHERE:
                continue
            name = USER if route.path.startswith("/users") else "spare@example.com"
            path = route.path.replace("<repository>", "main").replace("<project>", "demo")
            name = "platform" if route.path.startswith("/groups") else name
            path = path.replace("<stage>", str(KNOWN["stage"]))
            path = path.replace("<upstream>", "public").replace("<name>", name)
            path = path.replace("<provider>", "sso").replace("<webhook>", "ci")
            path = path.replace("<publisher>", "release")
            path = path.replace("<path:path>", files[0].path)
            with count_statements(registry._database) as statements:
                answer = portal.get(path[1:])
                answer.close()
            assert answer.status_code in (200, 303), (path, answer.status)
            asked[route.path] = number_of(statements)

    assert asked == PAGES
