"""Webhooks that are changed and deleted while others use them."""

from collections.abc import Iterator

import pytest

from pypi_repo import OPERATOR, Actor, ActorKind, Area, Registry
from pypi_repo.domain.errors import PermissionDenied, UnknownRepository
from pypi_repo.domain.events.errors import UnknownWebhook
from tests.support.distributions import wheel
from tests.support.receiver import SECRET, Receiver, hook, receiving, tell
from tests.support.scripted_server import reply
from tests.support.together import one_after_the_other
from tests.support.uploads import upload

ADMINISTRATOR = Actor(
    "admin@example.com", kind=ActorKind.ADMINISTRATOR, areas=frozenset({Area.REPOSITORIES})
)
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""SQLite lets one transaction at a time write."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@ON_POSTGRESQL
def test_e5_nobody_leads_a_webhook_elsewhere_that_was_just_let_into_private_networks(
    both: Registry,
) -> None:
    operator, admin = (both.acting_as(each).webhooks for each in (OPERATOR, ADMINISTRATOR))
    operator.create("ci", "main", url="https://ci.example/", secret=SECRET)
    refused = one_after_the_other(
        both._database,
        lambda: operator.change("ci", allow_private_network=True),
        lambda: admin.change("ci", url="https://10.0.0.1/"),
    )
    with pytest.raises(PermissionDenied):
        refused.result()
    found = operator.get("ci")
    assert (found.url, found.allow_private_network) == ("https://ci.example/", True)


@ON_POSTGRESQL
def test_e4_a_webhook_that_is_just_deleted_is_told_nothing(
    both: Registry, receiver: Receiver
) -> None:
    webhooks = both.acting_as(OPERATOR).webhooks
    hook(both, receiver, "gone")
    hook(both, receiver, "kept")
    upload(both, wheel("demo"))
    one_after_the_other(
        both._database, lambda: webhooks.delete("gone"), both._telling.decide
    ).result()
    assert webhooks.number_waiting("kept") == 1
    hook(both, receiver, "gone")
    with pytest.raises(UnknownWebhook):
        one_after_the_other(
            both._database, lambda: webhooks.delete("gone"), lambda: webhooks.test("gone")
        ).result()


def test_e3_what_is_changed_holds_from_the_next_attempt_on(
    both: Registry, receiver: Receiver
) -> None:
    """Also for what is about to be sent."""
    webhooks = both.acting_as(OPERATOR).webhooks
    hook(both, receiver)
    for number in range(3):
        upload(both, wheel(f"demo-{number}"))

    def switch_off(_sent: object) -> bytes:
        webhooks.change("ci", enabled=False)
        return reply(b"taken")

    receiver.answer = switch_off
    tell(both)
    assert len(receiver.sent) == 1
    assert webhooks.number_waiting("ci") == 2


@pytest.mark.parametrize("repository", ["main", None])
def test_e3_a_webhook_of_one_repository_hears_nothing_of_others(
    both: Registry, receiver: Receiver, repository: str | None
) -> None:
    both.acting_as(OPERATOR).repositories.create("secret")
    hook(both, receiver, "ci", repository, events=("release.promoted",))
    hook(both, receiver, "chat", repository, events=("release.promoted",), form="slack")
    upload(both, wheel("demo", "1.0"))
    both.acting_as(OPERATOR).promotion.release("main", "demo", "1.0", "secret")
    tell(both)
    chat, ci = sorted((sent.document for sent in receiver.sent), key=len)
    if repository is None:
        assert ci["detail"]["to"] == "secret"
        assert chat["text"].endswith("from main to secret")
    else:
        assert ci["detail"] == {"files": "1"}
        assert chat["text"].endswith("from main to another repository")


@ON_POSTGRESQL
def test_no_webhook_is_made_of_a_repository_that_is_just_deleted(
    both: Registry, receiver: Receiver
) -> None:
    repositories = both.acting_as(OPERATOR).repositories
    repositories.create("old")
    later = one_after_the_other(
        both._database,
        lambda: repositories.delete("old"),
        lambda: hook(both, receiver, "ci", "old"),
    )
    with pytest.raises(UnknownRepository):
        later.result()
