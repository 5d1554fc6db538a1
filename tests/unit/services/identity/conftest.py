"""Providers of this process, and a clock that tests set."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.identity.provider import AccountKind
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.services.identity.sign_in import Begun
from tests.support.identity_provider import ScriptedProvider


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    yield scripted
    scripted.close()


class SetClock:
    """Says the time, and goes on when it is told."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


CALLBACK = "https://packages.example.com/portal/sign-in/sso/callback"


class Person:
    """Somebody with a browser."""

    def __init__(
        self, registry: Registry, provider: ScriptedProvider, accounts: AccountKind
    ) -> None:
        self.registry, self.provider, self.accounts = registry, provider, accounts
        self.address = "192.0.2.7"

    def begin(self, name: str = "sso") -> Begun:
        return self.registry.sign_in.begin(self.accounts, name, CALLBACK)

    def finish(
        self, begun: Begun, answer: dict[str, str] | None = None, name: str = "sso"
    ) -> Session:
        session, _life = self.registry.sign_in.finish(
            self.accounts,
            name,
            CALLBACK,
            begun.secret,
            self.provider.answer_to(begun.url) if answer is None else answer,
            address=self.address,
            browser="Test",
        )
        return session

    def sign_in(self) -> Session:
        return self.finish(self.begin())

    def refusal(self) -> str:
        """Why the last one was refused, for administrators."""
        found = self.registry.acting_as(OPERATOR).identity_providers.get("sso")
        assert found.refused_at is not None
        return found.refusal or ""
