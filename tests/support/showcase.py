"""A registry with the packages of a made-up company, to look at."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, insert, select, update

from pypi_repo import EVERY_AREA, OPERATOR, Access, Actor, ActorKind, Registry, Settings
from pypi_repo.storage.database.tables import downloads, files, repositories, tokens, users
from pypi_repo.storage.database.upstream_tables import cached_files, upstream_usage, upstreams
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.uploads import publish

ADMINISTRATOR, PASSWORD = "ines@example.com", "correct horse"

_DESCRIPTION = """\
# Ledger client

Talks to the ledger service: typed, retried, and with *idempotent* bookings.

```python
from ledger_client import Ledger

with Ledger("https://ledger.example.com") as ledger:
    ledger.book("4711", amount=12_50, currency="EUR")  # cents
```

| Service | Client |
| ------- | ------ |
| 4.x     | 2.x    |
| 3.x     | 1.x    |

See the [handbook](https://handbook.example.com/ledger) for the accounts that exist.
"""

_DETAILS = """\
Summary: Bookings, balances and statements of the ledger service
Author-Email: Platform team <platform@example.com>
License-Expression: MIT
Keywords: ledger,bookkeeping
Classifier: Development Status :: 5 - Production/Stable
Classifier: Programming Language :: Python :: 3 :: Only
Classifier: Typing :: Typed
Project-URL: Handbook, https://handbook.example.com/ledger
Project-URL: Issues, https://issues.example.com/ledger-client
Description-Content-Type: text/markdown
"""

_FIRST = ["billing", "checkout", "fraud", "identity", "inventory", "invoice", "mail", "search"]
_SECOND = ["api", "client", "jobs", "models", "schema", "sdk", "tools", "worker"]


def fill(folder: Path, *, projects: int = 60) -> Registry:
    """A registry in the folder, as it looks after some weeks of work; `projects` in `main`."""
    database = f"sqlite:///{folder}/registry.db"
    registry = Registry(Settings(database=database, password_cost=4))
    registry.acting_as(OPERATOR).administrators.create(ADMINISTRATOR, PASSWORD)
    registry.acting_as(OPERATOR).administrators.create("noor@example.com", PASSWORD)
    registry.acting_as(OPERATOR).repositories.create(
        "main", description="What our teams build and release"
    )
    registry.acting_as(OPERATOR).repositories.create(
        "nightly", description="Builds of every night; may be replaced", allow_overwrite=True
    )
    registry.acting_as(OPERATOR).repositories.create(
        "open", description="Our open source, for everybody", public=True, quota=10 * 2**30
    )
    registry.acting_as(OPERATOR).accounts.create_user("build-server", PASSWORD)
    groups = registry.acting_as(OPERATOR).groups
    groups.create(
        "platform",
        description="Platform team",
        named={"main": Access.READ},
        patterns={("main", "ledger-*"): Access.WRITE},
    )
    groups.add_members("platform", ["build-server"])
    registry.acting_as(OPERATOR).accounts.create_user("deploy", PASSWORD, everywhere=Access.READ)
    registry.acting_as(OPERATOR).accounts.create_user(
        "contractor@example.com", PASSWORD, everywhere=Access.NONE, named={"open": Access.WRITE}
    )
    registry.acting_as(OPERATOR).accounts.create_user("mika@example.com", PASSWORD)
    registry.acting_as(OPERATOR).accounts.create_token(
        "build-server", name="releases", repository="main", expires_in=timedelta(days=90)
    )
    registry.acting_as(OPERATOR).accounts.create_token(
        "build-server", name="nightly", repository="nightly"
    )
    for repository, distribution in _distributions(projects):
        publish(registry, distribution, repository)
    _manage(registry)
    _take_from_elsewhere(registry)
    _let_time_pass(database)
    return registry


def _manage(registry: Registry) -> None:
    """What administrators did lately."""
    ines = Actor(ADMINISTRATOR, kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)
    noor = Actor("noor@example.com", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)
    registry.acting_as(noor).repositories.change("open", quota=20 * 2**30)
    registry.acting_as(noor).accounts.set_disabled("contractor@example.com", True)
    projects = registry.acting_as(ines).projects
    projects.yank_release("main", "ledger-client", "2.0.0", "books some entries twice")
    projects.set_status("main", "acme-billing-api", "deprecated", "use ledger-client")
    registry.acting_as(noor).projects.delete_file(
        "nightly", "ledger_client-2.2.dev1-py3-none-any.whl"
    )


def _take_from_elsewhere(registry: Registry) -> None:
    ines = registry.acting_as(Actor(ADMINISTRATOR, kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA))
    ines.upstreams.create("public", url="https://index.example.com/simple/", cooldown="3d")
    ines.upstreams.create(
        "models",
        url="https://models.example.com/whl/cpu/",
        username="reader",
        secret="correct horse",
        file_hosts=("files.models.example.com",),
    )
    ines.sources.reserve("main", ["acme-*", "ledger-*"])
    ines.repositories.create(
        "everything", description="Our packages and those of others", accepts_uploads=False
    )
    ines.sources.configure(
        "everything",
        sources=["repository:main", "upstream:models", "upstream:public"],
        merged=["torch"],
    )
    ines.sources.add_rule("everything", "deny", "requests<2.32", kind="sdist", reason="unsafe")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    ines.sources.add_rule(
        "everything", "exempt", "urllib3", reason="a fix that is urgent", until=tomorrow
    )
    ines.retention.add_rule(
        "main", "ledger-*", only=["pre", "dev"], keep_last=3, keep_downloaded="30d"
    )


def _distributions(projects: int) -> list[tuple[str, Distribution]]:
    found = []
    for number in range(projects - 1):
        stem = f"acme-{_FIRST[number % 8]}-{_SECOND[number // 8 % 8]}"
        name = stem if number < 64 else f"{stem}-{number // 64}"
        version = f"{number % 3}.{number % 7}.{number % 5}"
        found.append(("main", wheel(name, version, padding=number * 97 % 9000)))
    for version in ("1.9.0", "2.0.0", "2.0.1", "2.1.0", "2.1.1"):
        details: dict[str, Any] = {
            "requires_python": ">=3.10",
            "requires_dist": ["httpx>=0.27", "acme-billing-models~=2.0", "tenacity"],
            "extra_metadata": _DETAILS,
            "description": _DESCRIPTION,
            "metadata_version": "2.4",
        }
        found.append(("main", sdist("ledger-client", version, padding=30_000, **details)))
        found.append(("main", wheel("ledger-client", version, padding=48_000, **details)))
    found += [("nightly", wheel("ledger-client", f"2.2.dev{day}")) for day in range(1, 15)]
    found += [("open", wheel("acme-colours", f"1.{minor}")) for minor in range(4)]
    return found


def _let_time_pass(database: str) -> None:
    """Spreads what was uploaded over the last weeks, and adds downloads."""
    chance = random.Random(4711)
    now = datetime.now(UTC)
    engine = create_engine(database)
    with engine.begin() as connection:
        ids = list(connection.scalars(select(files.c.id).order_by(files.c.id)))
        for place, id_ in enumerate(ids):
            age = timedelta(days=27 * (1 - place / len(ids)), minutes=chance.randrange(500))
            connection.execute(update(files).where(files.c.id == id_).values(uploaded_at=now - age))
        connection.execute(update(users).values(last_used_at=now - timedelta(minutes=7)))
        connection.execute(update(tokens).values(last_used_at=now - timedelta(hours=3)))
        main = connection.scalar(select(repositories.c.id).where(repositories.c.name == "main"))
        rows = [
            {
                "repository_id": main,
                "day": (now - timedelta(days=age)).date(),
                "project": project,
                "version": version,
                "count": int(weight * chance.uniform(0.5, 1.5) * (0.25 if age % 7 < 2 else 1)),
            }
            for age in range(30)
            for project, version, weight in (
                ("ledger-client", "2.1.1", 240),
                ("ledger-client", "2.0.1", 60),
                ("acme-billing-api", "0.0.0", 180),
                ("acme-fraud-api", "2.2.2", 150),
                ("acme-identity-api", "0.3.3", 90),
                ("acme-mail-client", "2.0.4", 40),
            )
        ]
        connection.execute(insert(downloads), rows)
        _use_upstreams(connection, now)
    engine.dispose()


def _use_upstreams(connection: Connection, now: datetime) -> None:
    """As if one had answered all the time, and the other failed lately."""
    ids = {name: id_ for id_, name in connection.execute(select(upstreams.c.id, upstreams.c.name))}
    for name, since, downloads_in_all, fetches, size in (
        ("public", None, 4_212, 187, 21_000_000),
        ("models", now - timedelta(minutes=40), 380, 61, 190_000_000),
    ):
        connection.execute(
            update(upstreams)
            .where(upstreams.c.name == name)
            .values(
                answered_at=(since or now) - timedelta(minutes=2),
                failing_since=since,
                failure=since and "The upstream does not answer in time; try again later.",
            )
        )
        upstream = {"upstream_id": ids[name]}
        used = {"downloads": downloads_in_all, "fetches": fetches, "fetched": fetches * size}
        connection.execute(insert(upstream_usage), [{**upstream, "day": now.date(), **used}])
        file = {"project": "numpy", "size": size, "size_beside": 0}
        moments = {"cached_at": now, "used_at": now}
        rows = [
            {**upstream, **file, **moments, "filename": f"numpy-{n}.tar.gz", "sha256": f"{n:064x}"}
            for n in range(fetches)
        ]
        connection.execute(insert(cached_files), rows)
