"""What a cooldown would have withheld of what was downloaded (C7)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.upstreams.explanation import AuditEntry
from pypi_repo.domain.upstreams.pages import UpstreamFile, UpstreamPage, encode
from pypi_repo.domain.usage import DownloadCount, DownloadedRelease
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstream_pages import UpstreamPageRows
from pypi_repo.storage.usage import Usage
from tests.support.distributions import wheel
from tests.support.uploads import upload

NOW = datetime.now(UTC)
TODAY = NOW.date()


def file(project: str, version: str, age: float | None, suffix: str = "") -> UpstreamFile:
    """age: in days."""
    filename = f"{project}-{version}-py3-none-{suffix or 'any'}.whl"
    return UpstreamFile(
        filename=filename,
        project=normalize(project),
        version=version,
        kind="bdist_wheel",
        python_tag="py3",
        url=f"https://files.example.com/{filename}",
        uploaded_at=None if age is None else NOW - timedelta(days=age),
    )


class Past:
    """What was seen on the upstream `public` and downloaded from `main`."""

    def __init__(self, registry: Registry, database: Database) -> None:
        self.registry = registry
        self._database = database
        operator = registry.acting_as(OPERATOR)
        for name in ("public", "other"):
            operator.upstreams.create(name, url=f"https://{name}.example.com/simple/")
        self.configure(cooldown="3d", cooldown_mode="audit")
        operator.sources.set_sources("main", ["upstream:public", "upstream:other"])
        self.sources = operator.sources

    def configure(self, upstream: str = "public", **settings: Any) -> None:
        self.registry.acting_as(OPERATOR).upstreams.change(upstream, **settings)

    def saw(self, project: str, *files: UpstreamFile, upstream: str = "public") -> None:
        found = self.registry.acting_as(OPERATOR).upstreams.get(upstream)
        versions = tuple(dict.fromkeys(each.version for each in files))
        document = encode(UpstreamPage(name=project, versions=versions, files=files))
        with self._database.begin() as connection:
            rows = UpstreamPageRows(connection)
            rows.save(found, normalize(project), document, None, NOW, None)

    def downloaded(self, project: str, version: str, *, days_ago: int = 0, times: int = 1) -> date:
        repository = self.registry.acting_as(OPERATOR).repositories.get("main")
        day = TODAY - timedelta(days=days_ago)
        with self._database.begin() as connection:
            Usage(connection).add_downloads(
                [DownloadCount(repository.id, project, version, day, times)]
            )
        return day

    def audit(self, **given: Any) -> list[AuditEntry]:
        return self.sources.audit("main", **given)

    def lost(self, **given: Any) -> list[str]:
        return [f"{each.project} {each.version}" for each in self.audit(**given)]


@pytest.fixture
def past(both: Registry, database: Database) -> Past:
    return Past(both, database)


def test_c7_what_was_too_young_when_it_was_downloaded(past: Past) -> None:
    past.saw("demo", file("demo", "1.0", 30), file("demo", "2.0", 4.5), file("demo", "3.0", 0.1))
    past.downloaded("demo", "1.0", times=9)
    past.downloaded("demo", "2.0", days_ago=4, times=2)
    day = past.downloaded("demo", "2.0", days_ago=3, times=3)
    past.downloaded("demo", "2.0", times=5)  # old enough by now
    past.downloaded("demo", "3.0", times=1)
    second, third = past.audit()
    assert (second.project, second.version, second.source) == ("demo", "2.0", "upstream:public")
    assert (second.downloads, second.last_day, second.is_whole) == (5, day, True)
    assert [each.file.filename for each in second.withheld] == ["demo-2.0-py3-none-any.whl"]
    assert second.withheld[0].code == "too-young"
    assert (third.version, third.downloads, third.last_day) == ("3.0", 1, TODAY)


def test_c7_some_files_of_a_release_only(past: Past) -> None:
    past.saw("demo", file("demo", "1.0", 30), file("demo", "1.0", 1, "win32"))
    past.downloaded("demo", "1.0")
    (entry,) = past.audit()
    assert not entry.is_whole
    assert [each.file.filename for each in entry.withheld] == ["demo-1.0-py3-none-win32.whl"]


def test_c7_files_without_an_upload_time(past: Past) -> None:
    past.saw("demo", file("demo", "1.0", None))
    past.downloaded("demo", "1.0")
    (entry,) = past.audit()
    assert entry.withheld[0].code == "no-upload-time"


def test_c7_the_number_of_days(past: Past) -> None:
    past.saw("demo", *(file("demo", f"{age}.0", age + 0.5) for age in range(10)))
    for age in range(10):
        past.downloaded("demo", f"{age}.0", days_ago=age)
    assert len(past.audit()) == 7
    assert past.lost(days=1) == ["demo 0.0"]
    assert len(past.audit(days=366)) == 10
    for number in (0, -1, 367, 10**30):
        with pytest.raises(InvalidSetting):
            past.audit(days=number)


def test_c7_another_cooldown_than_the_configured_one(past: Past) -> None:
    past.saw("demo", file("demo", "1.0", 5), file("demo", "2.0", 1))
    past.downloaded("demo", "1.0")
    past.downloaded("demo", "2.0")
    assert past.lost() == ["demo 2.0"]
    assert past.lost(cooldown="7d") == ["demo 1.0", "demo 2.0"]
    assert past.lost(cooldown="1h") == []
    assert past.lost(cooldown=f"{TODAY - timedelta(days=2)}") == ["demo 2.0"]
    past.registry.acting_as(OPERATOR).repositories.change("main", cooldown="7d")
    assert past.lost() == ["demo 1.0", "demo 2.0"]
    past.registry.acting_as(OPERATOR).repositories.change("main", cooldown=None)
    past.configure(cooldown=None)
    assert past.lost() == []
    with pytest.raises(InvalidSetting):
        past.audit(cooldown="soon")


def test_c7_exceptions_and_rules_count(past: Past) -> None:
    past.saw("demo", file("demo", "1.0", 1), file("demo", "2.0", 1), file("demo", "3.0", 1))
    for version in ("1.0", "2.0", "3.0"):
        past.downloaded("demo", version)
    until = NOW + timedelta(days=9)
    past.sources.add_rule("main", "exempt", "demo==1.0", reason="ours", until=until)
    past.sources.add_rule("main", "deny", "demo==2.0")
    assert past.lost() == ["demo 3.0"]


def test_c7_only_what_comes_from_an_upstream(past: Past) -> None:
    for name in ("own", "kept", "demo"):
        past.saw(name, file(name, "1.0", 1))
        past.downloaded(name, "1.0")
    past.downloaded("unknown", "1.0")
    past.downloaded("demo", "0.1")  # which the upstream has not any more
    past.sources.set_sources("main", [])
    upload(past.registry, wheel("own", "1.0"))
    past.sources.set_sources("main", ["upstream:public"])
    past.sources.reserve("main", ["kept"])
    assert past.lost() == ["demo 1.0"]


def test_c7_the_first_upstream_that_has_the_project_counts(past: Past) -> None:
    past.configure("other", cooldown="3d")
    past.saw("demo", file("demo", "1.0", 30))
    past.saw("demo", file("demo", "1.0", 1), file("demo", "2.0", 1), upstream="other")
    past.saw("more", file("more", "1.0", 1), upstream="other")
    for project, version in (("demo", "1.0"), ("demo", "2.0"), ("more", "1.0")):
        past.downloaded(project, version)
    assert past.lost() == ["more 1.0"]
    past.sources.merge("main", ["demo"])
    assert past.lost() == ["demo 1.0", "demo 2.0", "more 1.0"]


def test_c7_what_was_downloaded_most_comes_first(past: Past) -> None:
    for number, name in enumerate(("alpha", "beta", "gamma")):
        past.saw(name, file(name, "1.0", 1))
        past.downloaded(name, "1.0", times=(2, 3, 2)[number])
    assert past.lost() == ["beta 1.0", "alpha 1.0", "gamma 1.0"]


def test_c7_downloads_of_the_last_seconds_count(past: Past) -> None:
    past.saw("demo", file("demo", "1.0", 1))
    repository = past.registry.acting_as(OPERATOR).repositories.get("main")
    release = DownloadedRelease(repository.id, NormalizedName("demo"), "1.0")
    past.registry.repository("main").downloads.count(release)
    assert past.lost() == ["demo 1.0"]


def test_c7_pages_are_read_some_at_once(past: Past) -> None:
    for number in range(120):
        past.saw(f"demo{number}", file(f"demo{number}", "1.0", 1))
        past.downloaded(f"demo{number}", "1.0")
    assert len(past.audit()) == 120
