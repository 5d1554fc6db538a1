"""A server asks an upstream by the proxies of its environment (S5)."""

import http.client

import pytest

from pypi_repo import OPERATOR
from tests.conftest import PASSWORD, USER
from tests.serve.conftest import Prepared
from tests.support.distributions import wheel
from tests.support.forward_proxy import ForwardProxy
from tests.support.http import basic
from tests.support.upstreams import LiveUpstream


@pytest.mark.parametrize(("exceptions", "number"), [("", 1), ("127.0.0.0/8", 0)])
def test_s5_the_environment_says_by_which_proxy(
    exceptions: str, number: int, prepared: Prepared
) -> None:
    upstream = LiveUpstream()
    upstream.add(wheel("demo", "1.0"))
    with prepared.registry() as registry:
        upstream.create_on(registry)
        registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
    with ForwardProxy() as proxy:
        environment = {"http_proxy": proxy.url, "no_proxy": exceptions}
        with prepared.start(env=environment) as server:
            client = http.client.HTTPConnection("127.0.0.1", server.port)
            client.request("GET", "/repositories/main/simple/demo/", headers=basic(USER, PASSWORD))
            page = client.getresponse().read().decode()
            client.close()
    upstream.close()
    assert "demo-1.0" in page
    assert proxy.asked == [f"GET {upstream.url}demo/"] * number
    assert upstream.pages_asked() == ["demo"]
