"""The exchange of tokens of CI jobs over HTTP (T1, T2, T5, T6)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.test import Client

from pypi_repo import Registry
from tests.support.ci_jobs import create_publisher, job_token
from tests.support.distributions import wheel
from tests.support.http import Site, basic, bearer
from tests.support.identity_provider import ScriptedProvider

MINT = "/_/oidc/mint-token"
FOR_GITHUB = "/_/oidc/github/mint-token"


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    yield scripted
    scripted.close()


@pytest.fixture(autouse=True)
def _rocket(registry: Registry, provider: ScriptedProvider) -> None:
    create_publisher(registry, provider.url)


@pytest.mark.parametrize("url", [MINT, FOR_GITHUB])
def test_t1_t2_a_job_uploads_with_what_it_gets(
    url: str, client: Client, site: Site, provider: ScriptedProvider
) -> None:
    audience = client.get("/_/oidc/audience")
    assert audience.get_json() == {"audience": "pypi-repo"}
    minted = client.post(url, json={"token": job_token(provider)})
    assert minted.status_code == 200
    answer = minted.get_json()
    assert answer.keys() == {"success", "token", "expires"}
    assert answer["success"] is True
    who = basic("__token__", answer["token"])
    assert site.upload(wheel("rocket"), headers=who).status_code == 200
    assert site.upload(wheel("other"), headers=who).status_code == 403
    assert site.client.get(f"{site.index_url}rocket/", headers=who).status_code == 200
    assert site.client.get(f"{site.index_url}other/", headers=who).status_code == 403


def test_t6_the_signed_token_itself_is_a_password(site: Site, provider: ScriptedProvider) -> None:
    token = job_token(provider)
    for who in (basic("__token__", token), bearer(token), basic("gitlab-ci-token", token)):
        assert site.upload(wheel("rocket"), headers=who).status_code == 200
        assert site.client.get(f"{site.index_url}rocket/", headers=who).status_code == 200
        assert site.upload(wheel("other"), headers=who).status_code == 403
