"""B1, B2, B5: the pages of a repository in a browser, for whoever signs in there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from pypi_repo import OPERATOR, Access, Registry
from tests.conftest import PASSWORD, USER
from tests.support.distributions import sdist, wheel
from tests.support.jobs import JOB, WORKLOAD, mark_attested
from tests.support.live import LiveServer
from tests.support.readable import flaws, screens, too_wide
from tests.support.uploads import upload

LONG = "a-name-that-is-very-long-" * 3 + "indeed"
DETAILS = """\
Summary: Bookings of the ledger service
Author-Email: Platform team <platform@example.com>
Project-URL: Handbook, https://handbook.example.com/ledger
Project-URL: Evil, javascript:window.harmed='link'
Classifier: Typing :: Typed
Description-Content-Type: text/markdown
"""
README = """\
# Ledger <script>window.harmed = 'script'</script>

<img src=x onerror="window.harmed = 'image'"> [a link](javascript:window.harmed='readme')
"""
PATHS = (
    "",
    "?q=none",
    "+connect",
    "+connect?tool=github",
    "project/ledger/",
    "project/ledger/releases",
    "project/ledger/files?version=1.0",
    f"project/{LONG}/",
    f"project/{LONG}/releases",
    f"project/{LONG}/files",
    "project/none/",
    "../../",
)

Open = Callable[..., Page]


@pytest.fixture
def stocked(registry: Registry) -> Registry:
    operator = registry.acting_as(OPERATOR)
    operator.repositories.change(
        "main", description="What our teams build", users_may_yank=True, profile="lenient"
    )
    for version in ("1.0", "2.0"):
        details = {"extra_metadata": DETAILS, "description": README}
        upload(registry, sdist("ledger", version, **details))
        upload(registry, wheel("ledger", version, **details))
    job = replace(WORKLOAD, subject=f"repo:acme/{LONG}", workflow=f"{WORKLOAD.workflow}/{LONG}.yml")
    version = f"2026.1.2rc3+{'0123456789abcdef' * 5}"
    upload(registry, wheel(LONG, version, description=LONG * 3), actor=replace(JOB, workload=job))
    mark_attested(registry)
    operator.projects.yank_release("main", "ledger", "1.0", f"books twice {LONG}")
    operator.projects.set_status("main", "ledger", "deprecated", f"use {LONG}")
    return registry


@pytest.fixture
def open_page(browser: Browser, server: LiveServer, stocked: Registry) -> Iterator[Open]:
    """Opens a page of `main` in a new browser; keyword arguments as for `new_context`."""
    contexts = []

    def opened(path: str = "", *, has_script: bool = True, **options: object) -> Page:
        context = browser.new_context(
            java_script_enabled=has_script,
            base_url=f"{server.url}/repositories/main/",
            reduced_motion="reduce",
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        context.set_default_timeout(60_000)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()


def _sign_in(page: Page) -> None:
    page.get_by_label("Name").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()  # until then, no script listens to keys


def test_nothing_on_any_page_is_in_the_way_of_anybody(open_page: Open) -> None:
    page = open_page()
    _sign_in(page)
    found = {}
    for path in PATHS:
        page.goto(path)
        found |= {(path, screen): flaws(page) for screen in screens(page)}
    page.goto("project/ledger/readme")  # where no script may run, axe cannot either
    found |= {("readme", screen): too_wide(page) for screen in screens(page)}
    assert {where: them for where, them in found.items() if them} == {}
    assert page.evaluate("window.harmed") is None


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
def test_from_the_form_to_a_package_and_out(has_script: bool, open_page: Open) -> None:
    """With and without JavaScript: what was asked for is shown after signing in."""
    page = open_page("project/ledger/?version=2.0", has_script=has_script)
    expect(page).to_have_title("Sign in · Package repositories")
    _sign_in(page)
    expect(page.locator("h1")).to_contain_text("ledger 2.0")
    expect(page.locator("header.top")).to_contain_text(USER)
    expect(page.locator(".lead")).to_have_text("Bookings of the ledger service")
    readme = page.frame_locator(".readme-frame").locator("body")
    expect(readme).to_contain_text("Ledger")
    page.get_by_role("link", name="Releases 2").click()
    expect(page.locator("tbody tr").last).to_contain_text("books twice")
    page.get_by_role("link", name="Packages", exact=True).click()
    page.get_by_label("Search packages").fill("LEDG")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#results h3")).to_have_count(1)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto("")
    expect(page).to_have_title("Sign in · Package repositories")


def test_results_come_while_somebody_types(open_page: Open) -> None:
    page = open_page()
    _sign_in(page)
    expect(page.locator("#results h3")).to_have_count(2)
    page.keyboard.press("/")
    expect(page.get_by_label("Search packages")).to_be_focused()
    page.keyboard.type("name")
    expect(page.locator("#results h3")).to_have_count(1)
    expect(page.locator("#results h3")).to_contain_text(LONG)
    page.keyboard.type("less")
    expect(page.locator("#results")).to_contain_text("has “nameless” in it")


def test_lines_to_paste_are_copied(open_page: Open, server: LiveServer) -> None:
    page = open_page("+connect")
    _sign_in(page)
    block = page.locator('[data-copy="twine: ~/.pypirc"]')
    block.get_by_role("button").click()
    block.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f"repository = {server.url}/repositories/main/\nusername = {USER}\n" in copied


def test_b5_a_release_is_yanked_by_the_keyboard_alone(open_page: Open, stocked: Registry) -> None:
    page = open_page("project/ledger/?version=2.0")
    _sign_in(page)
    page.locator("summary", has_text="Yank this release").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("it is broken")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The release was yanked")
    expect(page.locator("main")).to_contain_text("it is broken")
    _project, files = stocked.acting_as(OPERATOR).projects.get("main", "ledger")
    assert {file.yanked for file in files if file.version == "2.0"} == {"it is broken"}
    page.get_by_role("button", name="Take back the yank").click()
    expect(page.get_by_role("status")).to_contain_text("The yank was taken back")


def test_who_may_only_read_is_told_so(open_page: Open, stocked: Registry) -> None:
    stocked.acting_as(OPERATOR).accounts.set_access(USER, everywhere=Access.READ)
    page = open_page("+connect")
    _sign_in(page)
    expect(page.locator("main")).to_contain_text("may install from this repository, and not")
    page.goto("project/ledger/?version=2.0")
    expect(page.get_by_text("Your uploads")).to_have_count(0)
