"""The management API answers what its description says, whatever is sent to it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS, load_all_checks
from werkzeug.test import Client

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.web.api.operations import Operation
from pypi_repo.web.api.tables import TABLES
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
from tests.support.identity_provider import ScriptedProvider
from tests.support.quick_schema import Filled
from tests.support.uploads import upload
from tests.support.upstreams import LiveUpstream

load_all_checks()

_CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
    "unsupported_method",
)
_CHECKS = CHECKS.get_by_names(list(_CHECKED))
# What makes a case wrong may be the very name that is replaced.
_CHECKS_OF_KNOWN = CHECKS.get_by_names(
    [name for name in _CHECKED if name not in ("negative_data_rejection", "unsupported_method")]
)
_REGISTRY = Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4))
_SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", _REGISTRY.wsgi_app())


@pytest.fixture(scope="module")
def upstream() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    upstream.add(wheel("pip", "1.0"))
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedProvider]:
    provider = ScriptedProvider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def secrets() -> list[str]:
    """Of the administrator who manages; none before there is one."""
    return []


@pytest.fixture(scope="module")
def managed(upstream: LiveUpstream, provider: ScriptedProvider, secrets: list[str]) -> Filled:
    return Filled(lambda registry: secrets.append(fill(registry, upstream, provider)))


@pytest.fixture
def registry(managed: Filled) -> Iterator[Registry]:
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings) as registry:
        managed(registry)
        yield registry


@pytest.fixture
def token(registry: Registry, secrets: list[str]) -> str:
    """Of an administrator who is not the last one, where there is something to manage."""
    (secret,) = secrets
    return secret


def fill(registry: Registry, upstream: LiveUpstream, provider: ScriptedProvider) -> str:
    """Returns the secret of the token of somebody who may manage all of it."""
    populate(registry)
    registry.acting_as(OPERATOR).repositories.create("releases")
    upload(registry, wheel("left", "1.0"))
    registry.acting_as(OPERATOR).projects.delete("main", "left")
    open_stage(registry)
    upstream.create_on(registry)
    sources, tomorrow = registry.acting_as(OPERATOR).sources, datetime.now(UTC) + timedelta(days=1)
    rule = sources.add_rule("main", "deny", "demo<2")
    exception = sources.add_rule("main", "exempt", "demo", reason="a fix", until=tomorrow)
    assert (rule.id, exception.id) == (KNOWN["rule"], KNOWN["exception"])
    upload(registry, wheel("demo", "1.0"))
    retained = registry.acting_as(OPERATOR).retention.add_rule("main", "demo", keep_last=1)
    assert retained.id == KNOWN["rule"]
    registry.acting_as(OPERATOR).retention.preview("main", lambda _release: None)
    registry.acting_as(OPERATOR).pins.pin("main", "demo", "1.0", "in use")
    registry.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "broken")
    registry.acting_as(OPERATOR).administrators.create("spare@example.com", PASSWORD)
    registry.acting_as(OPERATOR).groups.create("platform")
    registry.acting_as(OPERATOR).invitations.invite(USER)
    create_provider(registry, live=provider.url)
    create_publisher(registry, live=provider.url)
    create_webhook(registry)
    _token, secret = registry.acting_as(OPERATOR).administrators.create_token(ADMINISTRATOR)
    tokens = [registry.acting_as(OPERATOR).accounts.create_token(USER)[0].id for _ in range(2)]
    tokens.append(
        registry.acting_as(OPERATOR).administrators.create_token("spare@example.com")[0].id
    )
    assert tokens[1:] == [KNOWN["token"]] * 2
    return secret


@_SCHEMA.parametrize()
@settings(
    max_examples=4,  # beside some thirty that the description itself suggests
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_answer_that_is_not_described(
    case: schemathesis.Case, registry: Registry, token: str
) -> None:
    """For whatever names a path has, and for those of what is there."""
    app, headers = registry.wsgi_app(), {"Authorization": f"Bearer {token}"}
    case.call_and_validate(app=app, headers=headers, checks=_CHECKS)
    if case.path_parameters:
        case.path_parameters = {name: KNOWN[name] for name in case.path_parameters}
        case.call_and_validate(app=app, headers=headers, checks=_CHECKS_OF_KNOWN)


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, id=operation.handle.__name__)
        for table in TABLES
        for operation in table.operations
    ],
)
def test_every_answer_that_is_described_is_given(
    operation: Operation, registry: Registry, token: str
) -> None:
    """Each operation does what it is for, with the names that the test above uses."""
    # Those that are there are in a private network, so that only the operator changes their URLs.
    kinds = {"upstreams": "upstream", "identity-providers": "provider", "publishers": "publisher"}
    places = [f"/{plural}/{{{kind}}}" for plural, kind in kinds.items()]
    is_new = operation.method == "PUT" and operation.path in places
    new = dict.fromkeys(kinds.values(), "new") if is_new else {}
    path = operation.path.format_map({**KNOWN, **new})
    document = NEEDED.get(operation.body, {}) if operation.body else None
    answer = Client(registry.wsgi_app()).open(
        f"/api/v1{path}",
        method=operation.method,
        json=document,
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code in operation.answers, answer.text
    assert answer.status_code < 300
