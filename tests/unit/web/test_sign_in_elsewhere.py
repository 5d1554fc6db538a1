"""Signing in at an identity provider, as a browser does it (O1, O2, O4, O7)."""

from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Response

from pypi_repo import ANONYMOUS, OPERATOR, Access, Registry, mount
from tests.support.identity_provider import ScriptedProvider
from tests.support.portal import refusal_of, text_of

HOST = "https://packages.example.com"


@pytest.fixture
def provider(registry: Registry) -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    scripted.person["groups"] = ["managers"]
    scripted.create_on(
        registry,
        accounts="administrators",
        creates=True,
        groups_claim="groups",
        mapping={"managers": ("repositories", "users", "settings")},
    )
    yield scripted
    scripted.close()


class Browser:
    """Keeps cookies, and goes to the provider and back."""

    def __init__(
        self, registry: Registry, provider: ScriptedProvider, app: str = "/portal", at: str = ""
    ) -> None:
        site = registry.wsgi_app()
        self.client = Client(mount({at: site}) if at else site)
        self.provider, self.root = provider, f"{at}{app}"

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(f"{self.root}/{path}", base_url=HOST, **more)

    def keep(self, value: str) -> None:
        """Has a cookie as if a sign-in was begun."""
        place = {"path": f"{self.root}/sign-in/sso", "domain": HOST.removeprefix("https://")}
        self.client.set_cookie("pypi_repo_sign_in", value, **place)

    def begin(self, query: str = "") -> TestResponse:
        return self.get(f"sign-in/sso{query}")

    def answer(self, begun: TestResponse) -> dict[str, str]:
        assert begun.status_code == 303, text_of(begun)
        return self.provider.answer_to(begun.headers["Location"])

    def finish(self, answer: dict[str, str]) -> TestResponse:
        """What follows from another site, as the provider is one."""
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        return self.get("sign-in/sso/callback", query_string=answer, headers=headers)

    def follow(self, response: TestResponse, path: str = "sign-in/sso/callback") -> TestResponse:
        assert response.status_code == 303, text_of(response)
        url = urljoin(f"{HOST}{self.root}/{path}", response.headers["Location"])
        assert url.startswith(f"{HOST}/"), url
        return self.client.get(url.removeprefix(HOST), base_url=HOST)

    def sign_in(self, query: str = "") -> TestResponse:
        """The page to which a sign-in leads in the end."""
        response = self.finish(self.answer(self.begin(query)))
        path = "sign-in/sso/callback"
        for _redirect in range(3):
            if response.status_code != 303:
                break
            response, path = self.follow(response, path), "sign-in"
        return response


@pytest.fixture
def browser(registry: Registry, provider: ScriptedProvider) -> Browser:
    return Browser(registry, provider)


def cookies_of(response: TestResponse) -> SimpleCookie:
    return SimpleCookie("\n".join(response.headers.getlist("Set-Cookie")))


def test_o1_the_form_offers_the_providers_of_its_own_accounts(
    browser: Browser, registry: Registry
) -> None:
    page = browser.get("sign-in?next=users/new")
    assert 'href="sign-in/sso?next=users%2Fnew">Sign in with Acme</a>' in page.text
    registry.acting_as(OPERATOR).identity_providers.change("sso", enabled=False)
    assert "Sign in with" not in text_of(browser.get("sign-in"))
    assert browser.begin().status_code == 404


@pytest.mark.parametrize("at", ["", "/pypi"])
def test_o2_a_browser_is_sent_there_and_comes_back(
    at: str, registry: Registry, provider: ScriptedProvider
) -> None:
    browser = Browser(registry, provider, at=at)
    begun = browser.begin()
    url = urlsplit(begun.headers["Location"])
    assert parse_qs(url.query)["redirect_uri"] == [f"{HOST}{at}/portal/sign-in/sso/callback"]
    kept = cookies_of(begun)["pypi_repo_sign_in"]
    assert (kept["path"], kept["samesite"]) == (f"{at}/portal/sign-in/sso", "Lax")
    assert kept["httponly"]
    assert kept["secure"]
    assert kept["max-age"] == "600"
    finished = browser.finish(browser.answer(begun))
    session = cookies_of(finished)["pypi_repo_session"]
    assert (session["path"], session["samesite"]) == (f"{at}/portal", "Lax")
    assert session["httponly"]
    assert session["secure"]
    assert session["max-age"] == "43200"
    assert cookies_of(finished)["pypi_repo_sign_in"]["max-age"] == "0"
    assert text_of(browser.follow(browser.follow(finished), "sign-in")).startswith("Overview")
    form = browser.get("account")
    assert "dev@example.com" in text_of(form)
    browser.client.post(f"{at}/portal/sign-out", base_url=HOST, data={"form_token": token_in(form)})
    assert browser.get("").headers["Location"].startswith("sign-in")


def token_in(page: TestResponse) -> str:
    return page.text.partition('name="form_token" value="')[2].partition('"')[0]


def test_o2_who_wanted_a_page_gets_it(browser: Browser) -> None:
    assert text_of(browser.sign_in("?next=repositories/main/settings")).startswith("Settings")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/%5Cevil.example",
        "..//evil.example",
        "javascript:alert(1)",
        "%0d%0aLocation:%20https://evil.example",
        "sign-in",
        "é",
    ],
)
def test_o7_nobody_is_led_elsewhere(wanted: str, browser: Browser) -> None:
    """`follow` asserts that each redirect stays here."""
    page = browser.sign_in(f"?next={wanted}")
    assert page.status_code in (200, 404)
    assert "evil" not in page.headers.get("Location", "")


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "a.b.%FF", "1.x.é", '"<script>"'])
def test_o7_cookies_that_are_none(value: str, browser: Browser) -> None:
    browser.client.set_cookie(
        "pypi_repo_sign_in", value, path="/portal/sign-in/sso", domain="packages.example.com"
    )
    page = browser.finish({"code": "x", "state": "y"})
    assert page.status_code == 401
    assert "not begun in this browser" in refusal_of(page)
    assert "WWW-Authenticate" not in page.headers


def test_o7_an_answer_works_once_and_in_one_browser(
    browser: Browser, registry: Registry, provider: ScriptedProvider
) -> None:
    begun = browser.begin()
    kept = cookies_of(begun)["pypi_repo_sign_in"].value
    answer = browser.answer(begun)
    stranger = Browser(registry, provider)
    assert stranger.finish(answer).status_code == 401
    assert browser.finish(answer).status_code == 303
    again = Browser(registry, provider)
    again.client.set_cookie(
        "pypi_repo_sign_in", kept, path="/portal/sign-in/sso", domain="packages.example.com"
    )
    refused = again.finish(answer)
    assert refused.status_code == 401
    assert "used already" in refusal_of(refused)


def test_o2_a_sign_in_at_one_provider_does_not_spoil_one_at_another(
    browser: Browser, registry: Registry
) -> None:
    first = browser.begin()
    browser.provider.create_on(registry, "other", accounts="administrators")
    assert browser.get("sign-in/other").status_code == 303
    assert browser.finish(browser.answer(first)).status_code == 303


def test_o2_a_refusal_is_shown_on_the_form(browser: Browser) -> None:
    browser.provider.refusal = {"error": "access_denied", "error_description": "<script>x"}
    page = browser.sign_in()
    assert page.status_code == 401
    assert "Acme did not sign you in" in refusal_of(page)
    assert "<script>x" not in page.text
    assert "Sign in with Acme" in text_of(page)
    browser.provider.refusal = {}
    browser.provider.person["groups"] = []
    page = browser.sign_in()
    assert page.status_code == 403
    browser.provider.answers["/token"] = lambda: Response("no", 500)
    page = browser.sign_in()
    assert (page.status_code, page.headers["Retry-After"]) == (502, "5")


def test_o7_titles_are_texts(browser: Browser, registry: Registry) -> None:
    registry.acting_as(OPERATOR).identity_providers.change("sso", title="<b>Acme</b>")
    assert "Sign in with &lt;b&gt;Acme&lt;/b&gt;" in browser.get("sign-in").text


# Repository users


@pytest.fixture
def user(registry: Registry, provider: ScriptedProvider) -> Browser:
    """The browser of a user of tomorrow, whose groups there are groups here."""
    groups = registry.acting_as(OPERATOR).groups
    groups.create("managers", named={"main": Access.WRITE})
    management = registry.acting_as(OPERATOR).identity_providers
    management.delete("sso")
    provider.create_on(
        registry, creates=True, groups_claim="groups", mapping={"managers": ("managers",)}
    )
    return Browser(registry, provider, "/account")


def test_o1_users_sign_in_on_their_own_pages(user: Browser, registry: Registry) -> None:
    assert "Sign in with Acme" in text_of(user.get("sign-in"))
    finished = user.finish(user.answer(user.begin("?next=repositories/main/")))
    session = cookies_of(finished)["pypi_repo_user"]
    assert (session["path"], session["samesite"], session["max-age"]) == ("/", "Lax", "43200")
    assert session["httponly"]
    assert session["secure"]
    shown = user.follow(user.follow(finished), "sign-in")
    assert shown.status_code == 200
    assert "dev@example.com" in text_of(user.get(""))
    assert user.client.get("/repositories/main/simple/", base_url=HOST).status_code == 200
    assert registry.acting_as(OPERATOR).accounts.user("dev@example.com").groups == ("managers",)


def test_o4_a_group_that_is_gone_there_is_gone_here(user: Browser) -> None:
    user.sign_in()
    index = "/repositories/main/simple/"
    assert user.client.get(index, base_url=HOST).status_code == 200
    user.provider.person["groups"] = ["managers-emeritus"]
    user.sign_in()
    assert user.client.get(index, base_url=HOST).status_code == 403


def test_o5_a_disabled_user_is_out_on_the_next_request(user: Browser, registry: Registry) -> None:
    user.sign_in()
    registry.acting_as(OPERATOR).accounts.set_disabled("dev@example.com", True)
    assert user.get("").status_code == 303
    page = user.sign_in()
    assert page.status_code == 401
    assert "disabled" in refusal_of(page)


def test_o7_a_provider_is_for_one_kind_of_accounts(user: Browser, registry: Registry) -> None:
    portal = Browser(registry, user.provider)
    assert portal.begin().status_code == 404
    begun = user.begin()
    portal.keep(cookies_of(begun)["pypi_repo_sign_in"].value)
    assert portal.finish(user.answer(begun)).status_code == 404


def test_a_host_with_its_own_sign_in_has_no_other(
    registry: Registry, provider: ScriptedProvider
) -> None:
    client = Client(registry.wsgi_app(authenticate=lambda _environ: ANONYMOUS))
    for path in ("/portal/sign-in/sso", "/portal/sign-in/sso/callback?code=x&state=y"):
        assert client.get(path).status_code == 404
    assert provider.asked == []
