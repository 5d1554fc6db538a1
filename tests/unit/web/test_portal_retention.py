"""The portal's pages about retention, without a browser."""

import pytest

from pypi_repo import OPERATOR, Area, Registry
from pypi_repo.domain.lifecycle.retention import RetentionRule
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.aging import fill, grow_old
from tests.support.distributions import wheel
from tests.support.portal import PortalClient, refused_fields, text_of
from tests.support.uploads import page, upload

RETENTION = "repositories/main/retention"
PREVIEW, RUN = f"{RETENTION}/preview", f"{RETENTION}/run"
BUTTON = "Delete them now"


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    """With four old releases."""
    for version in ("1.0", "2.0", "3.0", "4.0"):
        upload(registry, wheel(version=version))
    grow_old(registry._database)
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    return portal


def rules(registry: Registry) -> tuple[RetentionRule, ...]:
    return registry.acting_as(OPERATOR).retention.rules("main")


def test_k1_rules_are_added_and_deleted(registry: Registry, portal: PortalClient) -> None:
    assert "There are no rules: everything is kept." in text_of(portal.get(RETENTION))
    added = portal.send(
        RETENTION,
        pattern="Acme_*",
        keep_last="10",
        keep_younger="90d",
        keep_downloaded="30d",
        keep_matching=">=2",
        only=["dev", "pre"],
    )
    (rule,) = rules(registry)
    assert (rule.pattern, rule.only, rule.author) == ("acme-*", ("pre", "dev"), ADMINISTRATOR)
    assert (rule.keep_last, rule.keep_younger, rule.keep_downloaded, rule.keep_matching) == (
        *(10, "90d", "30d", ">=2"),
    )
    text = text_of(added)
    assert "Added the rule 1 for acme-*. Preview what it deletes." in text
    assert "acme-* pre-releases , developmental releases number 1" in text
    for kept in (
        "the last 10 of each kind",
        "what is younger than 90d",
        "what was downloaded within 30d",
        "what matches >=2",
    ):
        assert kept in text
    assert "Nothing is deleted before somebody has seen what it would be." in text
    gone = portal.send(f"{RETENTION}/1/delete")
    assert "Deleted the rule 1 for acme-*." in text_of(gone)
    assert rules(registry) == ()


def test_k3_the_button_is_only_there_after_the_preview(
    registry: Registry, portal: PortalClient
) -> None:
    portal.send(RETENTION, pattern="*", keep_last="1")
    assert BUTTON not in text_of(portal.get(RETENTION))
    looked = text_of(portal.get(PREVIEW))
    assert BUTTON not in looked, "whoever only looks has allowed nothing"
    assert looked.index("not among the last") < looked.index("Allow what is shown here")
    assert rules(registry)[0].previewed_at is None
    refused = portal.post(RUN)
    assert refused.status_code == 409
    assert "preview them first" in text_of(refused)
    assert page(registry).versions == ("1.0", "2.0", "3.0", "4.0")

    shown = portal.send(PREVIEW)
    text = text_of(shown)
    assert "3 releases with 3 files" in text
    assert "would be deleted now, 1 release of the same projects kept." in text
    assert text.count("not among the last final release") == 3
    assert BUTTON in text

    done = portal.send(RUN)
    assert "Deleted 3 releases with 3 files" in text_of(done)
    assert page(registry).versions == ("4.0",)
    after = text_of(portal.get(PREVIEW))
    assert "Nothing would be deleted now; the rules keep 1 release." in after
    assert BUTTON not in after


def test_k3_another_rule_takes_the_button_away(portal: PortalClient) -> None:
    portal.send(RETENTION, pattern="*", keep_last="1")
    assert BUTTON in text_of(portal.send(PREVIEW))
    portal.send(RETENTION, pattern="other", keep_last="1")
    looked = text_of(portal.get(PREVIEW))
    assert "The rules were changed" in looked
    assert BUTTON not in looked
    assert portal.post(RUN).status_code == 409


def test_k3_a_long_preview_has_pages(registry: Registry, portal: PortalClient) -> None:
    fill(registry._database, projects=60, releases_each=3)
    portal.send(RETENTION, pattern="many-*", keep_last="1")
    first = text_of(portal.send(PREVIEW))
    last = text_of(portal.get(f"{PREVIEW}?page=3"))
    assert "1 to 50 of 120 releases" in first
    assert "101 to 120 of 120 releases" in last
    assert last == text_of(portal.get(f"{PREVIEW}?page=99"))
    assert "many-0 1.0" in first
    assert "many-9 1.1" in last
    assert last.count("not among") == 20


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"pattern": "*"}, "keep_last"),
        ({"pattern": "a b", "keep_last": "1"}, "pattern"),
        ({"pattern": "", "keep_last": "1"}, "pattern"),
        ({"pattern": "*", "keep_last": "many"}, "keep_last"),
        ({"pattern": "*", "keep_last": "9999999"}, "keep_last"),
        ({"pattern": "*", "keep_younger": "soon"}, "keep_younger"),
        ({"pattern": "*", "keep_downloaded": "1"}, "keep_downloaded"),
        ({"pattern": "*", "keep_matching": "2"}, "keep_matching"),
    ],
)
def test_k1_what_is_wrong_is_said_at_its_field(
    fields: dict[str, str], refused: str, registry: Registry, portal: PortalClient
) -> None:
    response = portal.post(RETENTION, **fields)
    assert response.status_code == 400
    assert list(refused_fields(response)) == [refused]
    assert rules(registry) == ()


def test_k2_releases_are_pinned_and_unpinned(registry: Registry, portal: PortalClient) -> None:
    releases = "repositories/main/projects/demo/releases"
    asked = portal.post(releases, do="pin", release=["1.0", "2.0"])
    assert "Where it is in use" in text_of(asked)
    chosen = {"do": "pin", "release": ["1.0", "2.0"], "confirmed": "yes"}
    done = text_of(portal.send(releases, **chosen, reason="in the plant"))
    assert "Pinned demo 1.0 and demo 2.0." in done
    assert "1.0 Pinned in the plant" in done
    pins = registry.acting_as(OPERATOR).pins
    assert pins.of("main", "demo") == {"1.0": "in the plant", "2.0": "in the plant"}
    portal.send(RETENTION, pattern="*", keep_last="1")
    assert "1 release with 1 file" in text_of(portal.send(PREVIEW))
    done = text_of(portal.send(releases, do="unpin", release="1.0", confirmed="yes"))
    assert "Unpinned demo 1.0." in done
    assert pins.of("main", "demo") == {"2.0": "in the plant"}
    refused = portal.post(releases, do="pin", file=wheel(version="1.0").filename)
    assert refused.status_code == 400
    assert "Only whole releases are pinned" in text_of(refused)


def test_only_administrators_of_repositories(registry: Registry) -> None:
    operator = registry.acting_as(OPERATOR)
    operator.administrators.create("users@example.com", PASSWORD, areas=[Area.USERS])
    portal = PortalClient(registry)
    portal.sign_in("users@example.com", PASSWORD)
    for response in (
        portal.get(RETENTION),
        portal.get(PREVIEW),
        portal.post(RETENTION, pattern="*", keep_last="1"),
        portal.post(PREVIEW),
        portal.post(RUN),
        portal.post(f"{RETENTION}/1/delete"),
    ):
        assert response.status_code == 403
