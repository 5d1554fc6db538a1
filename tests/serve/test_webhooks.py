"""Webhooks of a server as people run it: with several workers, which tell one after the other."""

import pytest

from pypi_repo import OPERATOR
from tests.serve.conftest import Prepared, publisher_of
from tests.support.distributions import wheel
from tests.support.live import ServeProcess
from tests.support.receiver import SECRET, hook, receiving
from tests.support.waiting import wait_until

NUMBER = 12


@pytest.mark.parametrize("workers", ["1", "2"])
def test_e3_what_is_uploaded_is_told(prepared: Prepared, workers: str) -> None:
    with receiving() as receiver:
        with prepared.registry() as registry:
            hook(registry, receiver)
        with (
            ServeProcess(*prepared.options, "--workers", workers) as server,
            publisher_of(server) as publisher,
        ):
            for number in range(NUMBER):
                assert publisher.upload(wheel("demo", f"1.{number}")).status == 200
            wait_until(lambda: len(receiver.sent) >= NUMBER)
        versions = [sent.document["version"] for sent in receiver.sent]
        assert list(dict.fromkeys(versions)) == [f"1.{number}" for number in range(NUMBER)]
        assert all(sent.is_signed_by(SECRET) for sent in receiver.sent)
        with prepared.registry() as registry:
            made = registry.acting_as(OPERATOR).webhooks.deliveries("ci")
            assert {each.state for each in made} == {"delivered"}
