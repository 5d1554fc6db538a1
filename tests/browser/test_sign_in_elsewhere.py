"""People sign in at a real identity provider, on another site, with a real browser (O1 to O5)."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from pypi_repo import OPERATOR, Access, Registry
from tests.browser.conftest import OpenPortal
from tests.conftest import ADMINISTRATOR
from tests.support.identity_provider import RealProvider
from tests.support.live import LiveServer

ELSEWHERE = re.compile(r"^https?://(?!127\.0\.0\.1[:/]|localhost[:/])")


@pytest.fixture(scope="module")
def provider() -> Iterator[RealProvider]:
    with RealProvider() as provider:
        yield provider


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Without what the provider's pages load from the internet."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    context.route(ELSEWHERE, lambda route: route.abort())
    yield context.new_page()
    context.close()


def create(
    registry: Registry, provider: RealProvider, accounts: str, **mapping: tuple[str, ...]
) -> None:
    registry.acting_as(OPERATOR).identity_providers.create(
        accounts,
        title="Acme",
        issuer=provider.issuer,
        client_id="pypi-repo",
        client_secret="s3cret",
        accounts=accounts,
        creates=True,
        groups_claim="groups",
        mapping=mapping,
        allow_http=True,
        allow_private_network=True,
    )


def sign_in(page: Page, url: str, subject: str) -> None:
    page.goto(url)
    page.get_by_role("link", name="Sign in with Acme").click()
    page.get_by_placeholder("sub").fill(subject)
    page.get_by_role("button", name="Authorize").click()


def test_o1_a_user_signs_in_and_loses_a_group(
    page: Page, registry: Registry, server: LiveServer, provider: RealProvider
) -> None:
    registry.acting_as(OPERATOR).groups.create("developers", named={"main": Access.WRITE})
    create(registry, provider, "users", dev=("developers",))
    provider.set_person("x1", email="dev@example.com", email_verified=True, groups=["dev"])
    account, index = f"{server.url}/account/", f"{server.url}/repositories/main/simple/"
    sign_in(page, account, "x1")
    page.wait_for_url(account)
    assert "dev@example.com" in page.inner_text("body")
    answer = page.request.get(index)
    assert answer.status == 200
    provider.set_person("x1", email="other@example.com", email_verified=True, groups=["ops"])
    page.context.clear_cookies()
    sign_in(page, account, "x1")
    page.wait_for_url(account)
    assert "dev@example.com" in page.inner_text("body")
    assert page.request.get(index).status == 403
    assert registry.acting_as(OPERATOR).accounts.user("dev@example.com").groups == ()


def test_o1_an_administrator_signs_in_to_the_page_that_was_wanted(
    page: Page, registry: Registry, server: LiveServer, provider: RealProvider
) -> None:
    create(registry, provider, "administrators", admins=("repositories", "users"))
    provider.set_person("x2", email="boss@example.com", groups=["admins"])
    sign_in(page, f"{server.url}/portal/users", "x2")
    page.wait_for_url(f"{server.url}/portal/users")
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert "pypi_repo_sign_in" not in cookies
    assert cookies["pypi_repo_session"]["httpOnly"]
    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("You are signed out.").wait_for()
    provider.set_person("x2", email="boss@example.com", groups=["admins-of-nothing"])
    sign_in(page, f"{server.url}/portal/", "x2")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "says nothing that lets you manage anything" in alert.inner_text()


def test_o3_somebody_with_the_name_of_another_is_refused_and_can_be_linked(
    page: Page,
    registry: Registry,
    server: LiveServer,
    provider: RealProvider,
    open_portal: OpenPortal,
) -> None:
    create(registry, provider, "users")
    provider.set_person("x3", email="reader@example.com")
    sign_in(page, f"{server.url}/account/", "x3")
    assert "it is not linked to your account at Acme" in page.get_by_role("alert").inner_text()
    portal = open_portal()
    portal.sign_in(ADMINISTRATOR)
    portal.open("identity-providers/users")
    assert "the subject 'x3' can be linked to it" in portal.page.inner_text("main")
    portal.page.get_by_label("Account", exact=True).fill("reader@example.com")
    portal.page.get_by_label("Subject").fill("x3")
    portal.press("Link the account")
    portal.page.get_by_text("reader@example.com can sign in with users now.").wait_for()
    sign_in(page, f"{server.url}/account/", "x3")
    page.wait_for_url(f"{server.url}/account/")
    assert "reader@example.com" in page.inner_text("body")


def test_who_gives_up_is_told_so(
    page: Page, registry: Registry, server: LiveServer, provider: RealProvider
) -> None:
    create(registry, provider, "users")
    page.goto(f"{server.url}/account/sign-in")
    page.get_by_role("link", name="Sign in with Acme").click()
    page.get_by_role("button", name="Deny").click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "sign in again" in alert.inner_text()
    assert "access_denied" not in alert.inner_text()
    page.get_by_role("link", name="Sign in with Acme").wait_for()
