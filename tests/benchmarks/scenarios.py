"""What can be measured, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.benchmarks import (
    growth,
    importing,
    installing,
    large,
    minting,
    promotion,
    reading,
    retention,
    slow_clients,
    starting,
    uploading,
)
from tests.benchmarks.installation import Installation
from tests.benchmarks.measuring import Plan
from tests.benchmarks.report import Findings
from tests.benchmarks.sources import cold, hot, installs
from tests.benchmarks.sources.site import Site
from tests.support.postgres import PostgresServer


class Stage:
    """Registries to measure, each set up when it is asked for first.

    folder: empty, on the disk that is to be measured.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self.plan = plan
        self._stack = ExitStack()

    def room(self, name: str) -> Path:
        """A folder for whatever is measured under this name."""
        room = self._folder / name
        room.mkdir()
        return room

    @cached_property
    def embedded(self) -> Installation:
        """On SQLite."""
        return self._stack.enter_context(Installation(self._folder / "embedded"))

    @cached_property
    def on_postgresql(self) -> Installation:
        server = self._stack.enter_context(PostgresServer(self._folder, connections=300))
        data = self._folder / "on-postgresql"
        return self._stack.enter_context(Installation(data, server.create_database()))

    @cached_property
    def in_front_of_an_upstream(self) -> Site:
        """On SQLite, with a repository whose source is an upstream."""
        return self._stack.enter_context(Site(self._folder / "sources", self.plan.large))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


SCENARIOS: Mapping[str, Callable[[Stage], Findings]] = {
    "reading": lambda stage: reading.measure(stage.embedded, "SQLite", stage.plan),
    "postgresql": lambda stage: reading.measure(stage.on_postgresql, "PostgreSQL", stage.plan),
    "access-log": lambda stage: reading.measure_access_log(stage.embedded, stage.plan),
    "slow-clients": lambda stage: slow_clients.measure(
        stage.embedded, stage.room("slow"), stage.plan
    ),
    "uploads": lambda stage: uploading.measure(stage.embedded, stage.room("uploads"), stage.plan),
    "minting": lambda stage: minting.measure(
        {"SQLite": stage.embedded, "PostgreSQL": stage.on_postgresql}, stage.plan
    ),
    "importing": lambda stage: importing.measure(
        stage.embedded, stage.room("importing"), stage.plan
    ),
    "installing": lambda stage: installing.measure(
        stage.embedded, stage.room("installing"), stage.plan
    ),
    "sources-hot": lambda stage: hot.measure(stage.in_front_of_an_upstream, stage.plan),
    "sources-installing": lambda stage: installs.measure(
        stage.in_front_of_an_upstream, stage.room("sources-installing"), stage.plan
    ),
    "sources-page": lambda stage: cold.measure_page(stage.in_front_of_an_upstream, stage.plan),
    "sources-crowd": lambda stage: cold.measure_crowd(stage.in_front_of_an_upstream, stage.plan),
    "large": lambda stage: large.measure(stage.embedded, stage.room("large"), stage.plan),
    "growth": lambda stage: growth.measure(stage.embedded, stage.room("growth"), stage.plan),
    "promotion": lambda stage: promotion.measure(stage.room("promotion"), stage.plan),
    "retention": lambda stage: retention.measure(stage.room("retention"), stage.plan),
    "starting": lambda stage: starting.measure(stage.room("starting"), stage.plan),
}
