"""The secret of an invitation, which nothing that a running server says reveals."""

import pytest

from pypi_repo import OPERATOR
from tests.conftest import USER
from tests.serve.conftest import Prepared, publisher_of
from tests.support.http import bearer

TOKEN = "a-token-for-the-scraper"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_neither_log_nor_metrics_have_the_secret(log_format: str, prepared: Prepared) -> None:
    with prepared.registry() as registry:
        secret = registry.acting_as(OPERATOR).invitations.invite(USER)
    environment = {"PYPI_REPO_LOG_FORMAT": log_format, "PYPI_REPO_METRICS_TOKEN": TOKEN}
    with prepared.start(env=environment) as server:
        with publisher_of(server) as publisher:
            for path in (secret, f"{secret}/", f"x{secret}", f"{secret}?a={secret}"):
                publisher.get(f"/account/invitation/{path}")
            assert publisher.request("POST", f"/account/invitation/{secret}", {}).status == 400
            numbers = publisher.request("GET", "/metrics", bearer(TOKEN)).text
        server.terminate()
    assert "/account/invitation/***" in server.output
    for text in (server.output, numbers):
        assert secret.removeprefix("ppi_") not in text
