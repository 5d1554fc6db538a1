"""From a job that is refused to a publisher that lets it in, by clicks alone (T8)."""

import json
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from pypi_repo import OPERATOR, Registry
from pypi_repo.storage.identity.publishers import PublisherRows
from tests.browser.conftest import OpenPortal
from tests.support.ci_issuer import GITHUB
from tests.support.readable import flaws


@pytest.mark.parametrize("has_script", [True, False])
def test_t8_what_the_last_job_said_is_taken_over(
    has_script: bool, open_portal: OpenPortal, registry: Registry
) -> None:
    portal = open_portal(has_script=has_script, viewport={"width": 1280, "height": 800})
    page, main = portal.page, portal.page.locator("main")
    portal.sign_in()
    portal.open("publishers")
    portal.follow("Create a publisher")
    fields = {"Name": "demo", "Owner": "acme", "Id of the owner": "1", "Repository": "demo"}
    for label, value in {**fields, "Environment": "production"}.items():
        page.get_by_role("textbox", name=label, exact=True).fill(value)
    page.get_by_role("combobox", name="Repository").select_option("main")
    portal.press("Create the publisher")
    expect(main).to_contain_text("No job has come yet")
    assert "id-token: write" in portal.copied("Lines for the CI")
    found = registry.acting_as(OPERATOR).publishers.get("demo")
    with registry._database.begin() as connection:
        PublisherRows(connection).note_received(
            found, json.dumps(GITHUB), datetime.now(UTC), found.why_not(GITHUB)
        )
    portal.open("publishers/demo")
    for claim in ("Id of the owner", "Environment"):  # at one look, what differs and what to do
        use = page.get_by_role("link", name=f"Use this value for {claim}")
        expect(use).to_be_in_viewport()
        use.click()
        expect(page.get_by_role("textbox", name=claim)).to_have_value(
            {"Id of the owner": "90000001", "Environment": "release"}[claim]
        )
        page.evaluate("scrollTo(0, 0)")
    expect(main).to_contain_text("They are not saved yet.")
    assert registry.acting_as(OPERATOR).publishers.get("demo").claims == found.claims
    if has_script:
        assert flaws(page) == []
    portal.press("Save the settings")
    expect(main).to_contain_text("Run it again.")
    expect(page.get_by_role("cell", name="Matches")).to_have_count(4)
