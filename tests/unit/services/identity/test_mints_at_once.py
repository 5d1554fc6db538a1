"""Exchanges that come at once, while a publisher is changed, or in a flood (T5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from pypi_repo import OPERATOR, Access, Registry, Settings
from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.identity.errors import TokenReused, UnknownJob
from pypi_repo.services.acting import Acting
from pypi_repo.services.identity.minting import MintedToken
from pypi_repo.storage.database.account_tables import issuers, publisher_tokens
from tests.support.ci_jobs import CONDITIONS, create_publisher, job_claims, job_token
from tests.support.identity_provider import ScriptedProvider, signing_key
from tests.support.together import one_after_the_other

PROCESSES = 4
ADDRESSES = [f"192.0.2.{number}" for number in range(32)]


@pytest.fixture
def jobs(both: Registry, provider: ScriptedProvider) -> ScriptedProvider:
    create_publisher(both, provider.url)
    both.trusted_publishing.mint(job_token(provider), ADDRESSES[0])  # so that it is not asked later
    return provider


@pytest.fixture
def processes(both: Registry, database_url: str) -> Iterator[list[Registry]]:
    """Registries that know of each other only by the database."""
    with ExitStack() as stack:
        settings = Settings(database=database_url, blobs="memory://", password_cost=4)
        others = [stack.enter_context(Registry(settings)) for _ in range(PROCESSES - 1)]
        yield [both, *others]


def outcome_of(registry: Registry, token: str, address: str) -> str:
    try:
        registry.trusted_publishing.mint(token, address)
    except RegistryError as error:
        return error.code
    return "minted"


def tokens(registry: Registry) -> int:
    return int(
        registry._database.execute(
            select(func.count(publisher_tokens.c.secret_sha256))
        ).scalar_one()
    )


def test_t5_of_32_exchanges_of_one_token_at_once_one_succeeds(
    processes: list[Registry], jobs: ScriptedProvider
) -> None:
    before, token = tokens(processes[0]), job_token(jobs)
    with ThreadPoolExecutor(32) as threads:
        outcomes = threads.map(
            lambda number: outcome_of(processes[number % PROCESSES], token, ADDRESSES[number]),
            range(32),
        )
        assert Counter(outcomes) == {"minted": 1, "invalid-reuse-token": 31}
    assert tokens(processes[0]) == before + 1


def test_many_jobs_behind_one_address_get_their_tokens_at_once(
    processes: list[Registry], jobs: ScriptedProvider
) -> None:
    several = [job_token(jobs) for _ in range(32)]
    with ThreadPoolExecutor(32) as threads:
        outcomes = threads.map(
            lambda number: outcome_of(processes[number % PROCESSES], several[number], "192.0.2.1"),
            range(32),
        )
        assert Counter(outcomes) == {"minted": 32}


def test_t6_a_signed_token_that_comes_at_once_is_remembered_once(
    processes: list[Registry], jobs: ScriptedProvider
) -> None:
    """As of an installer with many connections."""
    before, token = tokens(processes[0]), job_token(jobs)
    with ThreadPoolExecutor(16) as threads:
        names = threads.map(
            lambda number: (
                processes[number % PROCESSES]
                .trusted_publishing.actor_of(token, ADDRESSES[number])
                .name
            ),
            range(16),
        )
        assert set(names) == {"rocket"}
    assert tokens(processes[0]) == before + 1


def test_a_flood_of_unknown_keys_costs_the_issuer_a_request_a_minute(
    processes: list[Registry], jobs: ScriptedProvider
) -> None:
    jobs.asked.clear()
    unknown = [signing_key(f"unknown-{number}", number=1) for number in range(32)]

    def flood() -> None:
        with ThreadPoolExecutor(8) as threads:
            outcomes = threads.map(
                lambda number: outcome_of(
                    processes[number % PROCESSES],
                    unknown[number].sign(job_claims(jobs)),
                    ADDRESSES[number],
                ),
                range(32),
            )
            assert set(outcomes) == {"invalid-token"}

    flood()
    assert jobs.asked == []  # the keys were read a moment ago
    for minute in (1, 2, 3):
        with processes[0]._database.begin() as connection:
            earlier = issuers.c.keys_asked_at
            (asked_at,) = connection.execute(select(earlier)).scalars()
            connection.execute(
                update(issuers).values(keys_asked_at=asked_at - timedelta(minutes=1))
            )
        flood()
        assert jobs.asked == ["/jwks"] * minute
    jobs.keys.insert(0, unknown[0])
    with processes[0]._database.begin() as connection:
        connection.execute(update(issuers).values(keys_asked_at=asked_at - timedelta(minutes=1)))
    assert outcome_of(processes[1], job_token(jobs), ADDRESSES[1]) == "minted"


# PostgreSQL alone lets two transactions change something at once

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def mint_during(
    registry: Registry, provider: ScriptedProvider, change: Callable[[Acting], object]
) -> Future[MintedToken]:
    token, acting = job_token(provider), registry.acting_as(OPERATOR)
    return one_after_the_other(
        registry._database,
        lambda: change(acting),
        lambda: registry.trusted_publishing.mint(token, ADDRESSES[1]),
    )


@on_postgresql
@pytest.mark.parametrize(
    "change",
    [
        lambda acting: acting.publishers.delete("rocket"),
        lambda acting: acting.publishers.change("rocket", claims={**CONDITIONS, "ref": "main"}),
        lambda acting: acting.publishers.change("rocket", issuer="https://ci.example.com"),
        lambda acting: acting.repositories.delete("main"),
    ],
)
def test_a_publisher_that_changes_meanwhile_is_for_nobody(
    change: Callable[[Acting], object], both: Registry, jobs: ScriptedProvider
) -> None:
    before = tokens(both)
    later = mint_during(both, jobs, change)
    assert isinstance(later.exception(), UnknownJob)
    assert tokens(both) <= before


@on_postgresql
def test_a_publisher_that_changes_meanwhile_gives_what_it_gives_now(
    both: Registry, jobs: ScriptedProvider
) -> None:
    minted = mint_during(
        both, jobs, lambda acting: acting.publishers.change("rocket", projects=("engine",))
    ).result()
    grants = both.trusted_publishing.actor_of(minted.secret, ADDRESSES[1]).grants
    assert [grants.on("main", each) for each in ("rocket", "engine")] == [Access.NONE, Access.WRITE]


@on_postgresql
def test_t5_a_second_exchange_waits_for_the_first(
    processes: list[Registry], jobs: ScriptedProvider
) -> None:
    token = job_token(jobs)
    later = one_after_the_other(
        processes[0]._database,
        lambda: processes[0].trusted_publishing.mint(token, ADDRESSES[1]),
        lambda: processes[1].trusted_publishing.mint(token, ADDRESSES[2]),
    )
    assert isinstance(later.exception(), TokenReused)


@on_postgresql
def test_a_change_waits_for_an_exchange_and_ends_its_token(
    both: Registry, jobs: ScriptedProvider
) -> None:
    token, secrets = job_token(jobs), []
    one_after_the_other(
        both._database,
        lambda: secrets.append(both.trusted_publishing.mint(token, ADDRESSES[1]).secret),
        lambda: both.acting_as(OPERATOR).publishers.change("rocket", projects=("engine",)),
    ).result()
    with pytest.raises(InvalidCredentials):
        both.trusted_publishing.actor_of(secrets[0], ADDRESSES[1])
