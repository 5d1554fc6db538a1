"""CI jobs at several processes of the server (T1, T5)."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

from tests.serve.conftest import Prepared
from tests.support.ci_jobs import create_publisher, job_token
from tests.support.http import bearer
from tests.support.identity_provider import ScriptedProvider

PROCESSES = 4


def ask(port: int, method: str, path: str, body: str = "", **headers: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_t5_one_token_at_all_processes_at_once(prepared_on_each_engine: Prepared) -> None:
    prepared, provider = prepared_on_each_engine, ScriptedProvider()
    with prepared.registry() as registry:
        create_publisher(registry, provider.url)
    options = ["--workers", str(PROCESSES), "--trusted-proxy", "127.0.0.1"]
    audience = {"PYPI_REPO_OIDC_AUDIENCE": "packages"}
    with Prepared(prepared.settings, prepared.options + options).start(env=audience) as server:
        _status, told = ask(server.port, "GET", "/_/oidc/audience")
        assert json.loads(told) == {"audience": "packages"}

        def exchange(number: int, token: str) -> tuple[int, Any]:
            # As of 33 machines: refusals are counted by address.
            client = {"X-Forwarded-For": f"192.0.2.{number}"}
            body = json.dumps({"token": token})
            return ask(server.port, "POST", "/_/oidc/mint-token", body, **client)

        first, _told = exchange(32, job_token(provider, aud="packages"))  # asks for the keys
        assert first == 200
        same = job_token(provider, aud="packages")
        with ThreadPoolExecutor(32) as threads:
            answers = list(threads.map(lambda number: exchange(number, same), range(32)))
        assert Counter(status for status, _body in answers) == {200: 1, 422: 31}
        (minted,) = [json.loads(text)["token"] for status, text in answers if status == 200]
        for _connection in range(4 * PROCESSES):
            status, _page = ask(server.port, "GET", "/repositories/main/simple/", **bearer(minted))
            assert status == 200
    assert minted not in server.output
    assert len(provider.asked) <= 2 * PROCESSES  # each may be the first that needs the keys
    provider.close()
