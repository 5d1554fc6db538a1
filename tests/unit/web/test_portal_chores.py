"""The page of the portal that shows how chores went."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pypi_repo import OPERATOR, Area, Registry
from pypi_repo.domain.errors import Unavailable
from pypi_repo.services.chores.chores import Chore, Chores
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.portal import PortalClient, text_of


def _refused() -> str:
    raise Unavailable("The file store cannot be used right now.", detail="files.internal")


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    hour = timedelta(hours=1)
    chores = Chores(
        registry._database,
        [
            Chore("tidy", "put things in order", hour, lambda: "Deleted 3 files."),
            Chore("idle", "do nothing", hour, lambda: ""),
            Chore("fetch", "fetch things", hour, _refused),
        ],
    )
    registry.chores, registry._shared = chores, replace(registry._shared, chores=chores)
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    return portal


def test_how_the_last_runs_went(registry: Registry, portal: PortalClient) -> None:
    before = text_of(portal.get("chores"))
    assert before.count("never done") == 3
    registry.chores.run_due()
    page = portal.get("chores")
    text = text_of(page)
    for expected in (
        "tidy put things in order done",
        "Deleted 3 files.",
        "Nothing to do.",
        "fetch fetch things failed",
        "The file store cannot be used right now.",
        "1h after each run",
    ):
        assert expected in text
    assert page.text.count("<time ") == 6
    assert "files.internal" not in page.text
    assert 'href="chores"' in portal.get("").text


def test_the_page_is_for_who_manages_repositories(registry: Registry, portal: PortalClient) -> None:
    registry.acting_as(OPERATOR).administrators.create(
        "users@example.com", PASSWORD, areas=[Area.USERS]
    )
    other = PortalClient(registry)
    other.sign_in("users@example.com", PASSWORD)
    assert other.get("chores").status_code == 403
    assert 'href="chores"' not in other.get("").text
