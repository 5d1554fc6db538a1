"""What the page of another site can change in the name of who looks at it: nothing."""

import re
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from pypi_repo import OPERATOR, Registry
from tests.browser.conftest import OpenPortal, Portal
from tests.conftest import PASSWORD, USER
from tests.support.distributions import multipart, wheel
from tests.support.live import LiveServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class Attacker:
    """A site whose every page is `document`.

    Under 127.0.0.1 browsers take it for the same site as the portal's, because ports do not
    count; under localhost for another one.
    """

    document = ""

    def __call__(
        self, _environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [self.document.encode()]


@pytest.fixture
def attacker() -> Attacker:
    return Attacker()


@pytest.fixture(params=["127.0.0.1", "localhost"])
def attack(
    request: pytest.FixtureRequest, attacker: Attacker, portal: Portal
) -> Iterator[Callable[[str], None]]:
    """Leads the signed-in administrator to the attacker's page, which holds this HTML."""
    portal.sign_in()
    with LiveServer(attacker) as server:

        def visit(document: str) -> None:
            attacker.document = document
            portal.page.goto(f"http://{request.param}:{server.port}/")

        yield visit


def test_the_portal_is_in_no_frame(attack: Callable[[str], None], portal: Portal) -> None:
    attack(f'<iframe src="{portal.url}repositories/main/settings"></iframe>')
    (frame,) = portal.page.main_frame.child_frames
    frame.wait_for_load_state()
    assert "Overwrite protection" not in frame.content()
    assert frame.get_by_role("button").count() == 0


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("new-repository", {"name": "planted", "visibility": "public"}),
        ("repositories/main/delete", {"confirm": "main"}),
        ("new-user", {"name": "planted", "password": "of the attacker", "everywhere": "write"}),
        ("new-administrator", {"name": "x", "password": "12345678", "again": "12345678"}),
    ],
)
def test_a_form_that_sends_itself_changes_nothing(
    path: str,
    fields: dict[str, str],
    attack: Callable[[str], None],
    portal: Portal,
    registry: Registry,
) -> None:
    before = _everything(registry)
    inputs = "".join(f'<input name="{k}" value="{escape(v)}">' for k, v in fields.items())
    attack(f'<form method="post" action="{portal.url}{path}">{inputs}<button>Win</button></form>')
    portal.page.get_by_role("button", name="Win").click()
    portal.page.wait_for_url(f"{portal.url}**")
    # From another site the request comes without the cookie, and is sent to the sign-in.
    expect(portal.page).to_have_title(re.compile("^(Not possible|Overview) "))
    assert _everything(registry) == before


def test_a_script_uploads_nothing(
    attack: Callable[[str], None], portal: Portal, registry: Registry
) -> None:
    distribution = wheel("planted", "1.0")
    body, content_type = multipart(
        {}, [("content", distribution.filename, distribution.content, None)]
    )
    attack("<p>Please wait")
    portal.page.evaluate(
        """async ([url, bytes, type]) => {
            const body = new Blob([Uint8Array.from(bytes)], { type });
            await fetch(url, { method: "POST", mode: "no-cors", credentials: "include", body });
        }""",
        [f"{portal.url}repositories/main/upload", list(body), content_type],
    )
    assert registry.acting_as(OPERATOR).projects.all("main") == []


@pytest.mark.parametrize("place", ["127.0.0.1", "localhost"])
def test_a_page_publishes_nothing_with_a_password_that_the_browser_remembers(
    place: str, attacker: Attacker, server: LiveServer, open_portal: OpenPortal, registry: Registry
) -> None:
    """By a form, which no browser asks the server about first."""
    planted = wheel("planted", "1.0")
    upload_url = f"{server.url}/repositories/main/"
    developer = open_portal(http_credentials={"username": USER, "password": PASSWORD})
    developer.page.goto(server.url)
    # A page would lead to the sign-in form; for what a script asks, browsers use their passwords.
    index = developer.page.evaluate("url => fetch(url).then(a => a.text())", f"{upload_url}simple/")
    assert "<h1>Simple index</h1>" in index
    with LiveServer(attacker) as other:
        attacker.document = f"""<form method="post" enctype="multipart/form-data"
            action="{upload_url}"><input name=":action" value="file_upload">
            <input type="file" name="content"><button>Win</button></form>"""
        developer.page.goto(f"http://{place}:{other.port}/")
        developer.page.locator("[type=file]").set_input_files([planted.save(developer.folder)])
        developer.page.get_by_role("button", name="Win").click()
        developer.page.wait_for_url(f"{upload_url}**")
        expect(developer.page.locator("body")).to_contain_text("comes from another site")
    assert registry.acting_as(OPERATOR).projects.all("main") == []


def test_a_link_to_the_sign_in_leads_to_no_other_site(portal: Portal, attacker: Attacker) -> None:
    with LiveServer(attacker) as server:
        portal.page.goto(f"{portal.url}sign-in?next=//127.0.0.1:{server.port}/")
        portal.page.get_by_label("Name").fill("admin@example.com")
        portal.page.get_by_label("Password").fill("correct horse")
        portal.press("Sign in")
        expect(portal.page.locator("h1")).to_have_text("Overview")
        assert portal.page.url == portal.url


def _everything(registry: Registry) -> object:
    return (
        registry.acting_as(OPERATOR).repositories.all(),
        registry.acting_as(OPERATOR).accounts.users(),
        registry.acting_as(OPERATOR).administrators.all(),
    )
