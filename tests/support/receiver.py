"""A receiver of webhooks that answers what a test says, and keeps what it was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.events.signature import SIGNATURE_HEADER, signature
from pypi_repo.domain.events.webhook import Webhook
from tests.support.scripted_server import Asked, ScriptedServer, reply

SECRET = "correct-horse-battery"
Answer = Callable[["Sent"], "bytes | Iterable[bytes]"]


@dataclass(frozen=True)
class Sent:
    """What came in one request."""

    asked: Asked

    @property
    def document(self) -> Any:
        return json.loads(self.asked.body)

    @property
    def type(self) -> str:
        return self.asked.headers["x-pypi-repo-event"]

    @property
    def delivery(self) -> int:
        return int(self.asked.headers["x-pypi-repo-delivery"])

    @property
    def signature(self) -> str:
        return self.asked.headers[SIGNATURE_HEADER.lower()]

    def is_signed_by(self, *secrets: str) -> bool:
        time = int(self.signature.partition(",")[0].removeprefix("t="))
        return self.signature == signature(secrets, time, self.asked.body)


class Receiver:
    """`answer` may be changed while it runs."""

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self.url = f"{server.url}/hook"
        self.answer: Answer = lambda _sent: reply(b"taken")

    @property
    def sent(self) -> list[Sent]:
        return [Sent(asked) for asked in self._server.asked]

    @property
    def types(self) -> list[str]:
        return [sent.type for sent in self.sent]

    def forget(self) -> None:
        self._server.asked.clear()


@contextmanager
def receiving(**server: Any) -> Iterator[Receiver]:
    """A receiver on this machine."""
    receiver: Receiver

    def script(asked: Asked) -> bytes | Iterable[bytes]:
        return receiver.answer(Sent(asked))

    with ScriptedServer(script, **server) as running:
        receiver = Receiver(running)
        yield receiver


def hook(
    registry: Registry,
    receiver: Receiver,
    name: str = "ci",
    repository: str | None = None,
    **more: Any,
) -> Webhook:
    """A webhook that may reach a receiver on this machine."""
    given = {"secret": SECRET, "allow_http": True, "allow_private_network": True, **more}
    return registry.acting_as(OPERATOR).webhooks.create(name, repository, url=receiver.url, **given)


def tell(registry: Registry) -> str:
    """Does what the chore does."""
    return registry._telling.run()
