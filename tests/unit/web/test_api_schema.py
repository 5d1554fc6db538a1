"""The management API answers what its description says, whatever is sent to it."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS, load_all_checks

from pypi_repo import Registry, Settings
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.distributions import wheel
from tests.support.uploads import upload

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
_REGISTRY = Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4))
_SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", _REGISTRY.wsgi_app())


@pytest.fixture
def token(registry: Registry) -> str:
    """Of an administrator who is not the last one, where there is something to manage."""
    upload(registry, wheel("demo", "1.0"))
    registry.administrators.create("spare@example.com", PASSWORD)
    return registry.administrators.create_token(ADMINISTRATOR)[1]


@_SCHEMA.parametrize()
@settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_answer_that_is_not_described(
    case: schemathesis.Case, registry: Registry, token: str
) -> None:
    case.call_and_validate(
        app=registry.wsgi_app(),
        headers={"Authorization": f"Bearer {token}"},
        checks=_CHECKS,
    )
