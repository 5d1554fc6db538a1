"""What the cooldown and rules mean to each installer (C1, C4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.names import normalize
from tests.support.clients import Completed
from tests.support.distributions import wheel
from tests.support.installers import BARE, LOCKING, Installer
from tests.support.upstreams import LiveUpstream

every_installer = pytest.mark.parametrize("name", [*BARE, *LOCKING])
each_bare = pytest.mark.parametrize("name", BARE)


@pytest.fixture(scope="module")
def upstream() -> Iterator[LiveUpstream]:
    """With demo 1.0 and 2.0, both uploaded just now."""
    upstream = LiveUpstream()
    upstream.add(wheel("demo", "1.0"))
    upstream.add(wheel("demo", "2.0"))
    yield upstream
    upstream.close()


@pytest.fixture
def registry(registry: Registry, upstream: LiveUpstream) -> Registry:
    """Of whose upstream only demo 1.0 need not wait."""
    upstream.create_on(registry, cooldown="3d")
    sources = registry.acting_as(OPERATOR).sources
    sources.set_sources("main", ["upstream:public"])
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    sources.add_rule("main", "exempt", "demo==1.0", reason="checked", until=tomorrow)
    return registry


def enforce(registry: Registry) -> None:
    registry.acting_as(OPERATOR).upstreams.change("public", cooldown_mode="enforce")


@every_installer
def test_c1_an_older_version_is_chosen(name: str, installer: Installer, registry: Registry) -> None:
    enforce(registry)
    installer.install("demo")
    assert installer.installed == {"demo": "1.0"}


@pytest.mark.parametrize("name", ["uv"])  # poetry and pdm look at the page, and find no file there
def test_c4_what_was_locked_before_is_refused(
    name: str, installer: Installer, registry: Registry
) -> None:
    installer.install("demo")
    assert installer.installed == {"demo": "2.0"}
    enforce(registry)
    installer.start_anew()
    refused = installer.install_locked(check=False)
    assert refused.returncode != 0
    assert_told_when(refused)
    assert installer.installed == {}


@each_bare
def test_c4_the_url_of_a_file_that_is_withheld(
    name: str, installer: Installer, registry: Registry
) -> None:
    page = registry.repository("main").source.project_page(OPERATOR, normalize("demo")).load()
    (location,) = [file.location for file in page.files if file.version == "2.0"]
    url = installer.site.index().replace("/simple/", f"/files/{location}")
    enforce(registry)
    refused = installer.install(f"demo @ {url}", check=False)
    assert refused.returncode != 0
    assert_told_when(refused)


def assert_told_when(refused: Completed) -> None:
    """uv breaks long lines."""
    told = " ".join(refused.text.split())
    assert re.search(
        r"demo 2\.0 was uploaded on 20\S+ \S+ UTC and becomes available on 20\S+ \S+ UTC "
        r"\(cooldown: 3 days\); choose an older version",
        told,
    )
