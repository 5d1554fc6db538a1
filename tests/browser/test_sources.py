"""Taking packages from elsewhere, in a real browser, with and without JavaScript."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from pypi_repo import OPERATOR, Registry
from tests.browser.conftest import OpenPortal, Portal
from tests.support.distributions import wheel
from tests.support.upstreams import LiveUpstream

HOSTILE = "<img src=x onerror='window.harmed = 1'>"


@pytest.fixture
def upstream() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    yield upstream
    upstream.close()


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
def test_from_an_upstream_to_its_project(
    has_script: bool, open_portal: OpenPortal, registry: Registry, upstream: LiveUpstream
) -> None:
    registry.acting_as(OPERATOR).repositories.create("shared")
    demo = wheel("demo", "1.0", extra_metadata="Summary: Made elsewhere\n")
    upstream.add(demo)
    portal = open_portal(has_script=has_script, viewport={"width": 360, "height": 800})
    portal.sign_in()
    page = portal.page
    portal.open("upstreams")
    portal.follow("Create an upstream")
    page.get_by_label("Name", exact=True).fill("public")
    page.get_by_label("URL of the index").fill(upstream.url)
    page.get_by_label("None the index can be read by everybody").check()
    page.get_by_label("Without encryption").check()
    portal.press("Create the upstream")
    expect(page.get_by_role("status")).to_contain_text("Created the upstream public.")
    registry.acting_as(OPERATOR).upstreams.change("public", allow_private_network=True)

    portal.open("repositories/main/sources")
    for source in ("upstream public", "repository shared"):
        page.get_by_label("Upstream or repository").select_option(label=source)
        portal.press("Add the source")
    rows = page.get_by_role("row").filter(has=page.locator("th[scope=row]"))
    expect(rows.first).to_contain_text("1. public")
    page.get_by_role("button", name="Ask shared earlier").click()
    expect(rows.first).to_contain_text("1. shared")
    rows.first.locator("summary").click()
    portal.press("Remove shared")
    expect(rows).to_have_count(1)

    portal.open("repositories/main")
    page.get_by_label("Look up a project in the sources").fill("Demo")
    portal.press("Look it up")
    expect(page.locator("main")).to_contain_text("It comes from the upstream public")
    expect(page.locator("main")).to_contain_text("Made elsewhere")
    portal.follow("Files")
    with page.expect_download() as download:
        page.get_by_role("link", name=demo.filename).click()
    assert download.value.path().read_bytes() == demo.content

    portal.open("repositories/main/rules")
    form = page.locator("form", has=page.get_by_role("button", name="Add the rule"))
    form.get_by_label("Names and versions").fill("demo")
    form.get_by_label("Reason").fill(HOSTILE)
    portal.press("Add the rule")
    portal.open("repositories/main/projects/demo/origin")
    expect(page.locator("main")).to_contain_text("demo 1.0 is denied since")
    expect(page.locator("main")).to_contain_text(HOSTILE)
    expect(page.locator("main img")).to_have_count(0)


def test_the_stored_secret_is_in_no_page(portal: Portal, registry: Registry) -> None:
    registry.acting_as(OPERATOR).upstreams.create(
        "team", url="https://index.example/simple/", username="reader", secret="open sesame"
    )
    portal.sign_in()
    for path in ("upstreams", "upstreams/team", "activity"):
        portal.open(path)
        assert "open sesame" not in portal.page.content()
    portal.open("upstreams/team")
    expect(portal.page.get_by_label("Password or token")).to_have_value("")
