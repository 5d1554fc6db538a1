"""The portal's pages about stages, without a browser."""

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.lifecycle.stages import Stage
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.distributions import sdist, wheel
from tests.support.portal import PortalClient, refused_fields, text_of
from tests.support.uploads import filenames, stage

STAGES = "repositories/main/stages"


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    return portal


def open_stages(registry: Registry) -> list[Stage]:
    return registry.acting_as(OPERATOR).stages.stages("main")


def test_g1_a_stage_is_opened_filled_and_published(
    registry: Registry, portal: PortalClient
) -> None:
    assert "There are no open stages." in text_of(portal.get(STAGES))
    opened = portal.send(STAGES, description="Release <1.0>", days="2")
    (found,) = open_stages(registry)
    assert (found.description, found.opened_by) == ("Release <1.0>", ADMINISTRATOR)
    assert (found.expires_at - found.created_at).days == 2
    text = text_of(opened)
    assert f"http://localhost/repositories/main/stages/{found.id}/simple/" in text
    assert "Nothing was uploaded to it yet." in text
    stage(registry, found.id, wheel())
    stage(registry, found.id, sdist())
    assert "2 files" in text_of(portal.get(STAGES))
    page = text_of(portal.get(f"{STAGES}/{found.id}"))
    assert wheel().filename in page
    assert "Publish 2 files" in page
    done = portal.send(f"{STAGES}/{found.id}/publish")
    assert "Published 2 files." in text_of(done)
    assert filenames(registry) == [wheel().filename, sdist().filename]
    assert open_stages(registry) == []


def test_g2_a_refusal_names_the_file(registry: Registry, portal: PortalClient) -> None:
    portal.send(STAGES, description="", days="7")
    (found,) = open_stages(registry)
    stage(registry, found.id, wheel())
    registry.acting_as(OPERATOR).repositories.change("main", accepts_uploads=False)
    refused = portal.post(f"{STAGES}/{found.id}/publish")
    assert refused.status_code == 403
    assert wheel().filename in text_of(refused)
    assert len(open_stages(registry)) == 1


def test_a_stage_is_dropped(registry: Registry, portal: PortalClient) -> None:
    portal.send(STAGES, description="", days="7")
    (found,) = open_stages(registry)
    assert "Dropped a stage" in text_of(portal.send(f"{STAGES}/{found.id}/drop"))
    assert open_stages(registry) == []
    for gone in ("", "/publish", "/drop"):
        assert portal.get(f"{STAGES}/{found.id}{gone}").status_code == 404
    assert portal.post(f"{STAGES}/{found.id}/drop").status_code == 404


@pytest.mark.parametrize("days", ["", "0", "91", "x", "9" * 40])
def test_days_are_judged_beside_the_field(
    registry: Registry, portal: PortalClient, days: str
) -> None:
    answer = portal.post(STAGES, description="", days=days)
    assert answer.status_code == 400
    assert set(refused_fields(answer)) == {"days"}
    assert open_stages(registry) == []
