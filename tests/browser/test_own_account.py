"""From an invitation to a revoked token, by what the pages show."""

from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Access, Registry
from tests.browser.conftest import OpenPortal, Portal, Shell
from tests.conftest import PASSWORD, USER
from tests.support.clients import Clients
from tests.support.distributions import wheel
from tests.support.readable import flaws, screens

NEW, CHOSEN = "ada@example.com", "a horse of my own"


def _account(portal: Portal) -> Portal:
    """The same window, on the pages of users."""
    return Portal(
        portal.page,
        portal.url.replace("/portal/", "/account/"),
        portal.has_script,
        portal.folder,
    )


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without-script"])
def test_b3_everything_somebody_who_is_invited_does(
    has_script: bool,
    open_portal: OpenPortal,
    registry: Registry,
    clients: Clients,
    tmp_path: Path,
) -> None:
    # An administrator invites.
    portal = open_portal(has_script=has_script)
    portal.sign_in()
    portal.open("new-user")
    portal.page.get_by_label("Name", exact=True).fill(NEW)
    portal.page.get_by_label("Read and write: install and upload").check()
    portal.press("Invite by a link")
    link = portal.copied(f"The link for {NEW}")

    # The person accepts, in another browser, and signs in.
    account = _account(open_portal(has_script=has_script))
    page = account.page
    page.goto(link)
    page.get_by_label("Password", exact=True).fill(CHOSEN)
    page.get_by_label("Password again").fill(CHOSEN)
    account.press("Set the password")
    page.get_by_text("Your password is set").wait_for()
    page.get_by_label("Name").fill(NEW)
    page.get_by_label("Password").fill(CHOSEN)
    account.press("Sign in")
    page.get_by_role("heading", name=NEW).wait_for()
    page.goto(link)
    page.get_by_text("This invitation was used").wait_for()

    # A token, and the lines that are shown with it, as they are.
    account.open()
    page.locator("#token_name").fill("laptop")
    page.locator("#repository").select_option("main")
    account.press("Create the token")
    secret = account.copied("Your new token")
    shell = Shell(clients, tmp_path)
    (clients.home / ".pypirc").write_text(account.copied("twine: ~/.pypirc") + "\n")
    shell.build(wheel("demo", "1.0"))
    shell.run(account.copied("twine: Terminal"))
    by_pip = account.copied("pip: Terminal").replace("PROJECT", "demo")
    shell.run(by_pip)
    assert (shell.folder / "installed/demo/__init__.py").exists()
    shell.build(wheel("demo", "2.0"))
    shell.run(account.copied("uv: Terminal"))
    by_uv = page.locator('[data-copy="uv: Terminal"] pre').nth(1).text_content() or ""
    shell.run('uv venv --quiet --python "$(command -v python)"')
    shell.run(f"{by_uv.replace('PROJECT', 'demo==2.0')} --no-cache")
    assert secret in by_uv

    # The pages of the repository open to who is signed in.
    page.get_by_role("link", name="main", exact=True).first.click()
    page.get_by_role("link", name="demo", exact=True).first.wait_for()

    # Revoked, it is refused on the next request.
    account.open()
    page.get_by_text("laptop").first.wait_for()
    page.get_by_text("Revoke", exact=True).click()
    account.press("Revoke “laptop”")
    page.get_by_text("Revoked the token").wait_for()
    refused = shell.run(f"{by_pip} --force-reinstall --no-input", check=False)
    assert refused.returncode != 0
    assert "401" in refused.stdout + refused.stderr

    page.get_by_role("button", name="Sign out", exact=True).first.click()
    page.get_by_text("You are signed out").wait_for()
    account.open()
    assert page.url.endswith("/account/sign-in")


def test_pages_are_readable_on_every_screen(registry: Registry, open_portal: OpenPortal) -> None:
    """On a phone, in the dark, and for axe; also with names that are very long."""
    operator = registry.acting_as(OPERATOR)
    long = "a-very-long-name-" * 3 + "x"
    operator.repositories.create(long, public=True)
    operator.groups.create(long, patterns={(long, f"{long}-{long}-*"): Access.WRITE})
    operator.groups.add_members(long, [USER])
    operator.accounts.create_token(USER, name=long * 2, repository=long, projects=[f"{long}-*"])
    registry.user_sessions.sign_in(USER, PASSWORD, "2001:db8::1", "x" * 300)
    secret = operator.invitations.invite(USER)
    account = _account(open_portal(reduced_motion="reduce"))
    found = {}
    for path in ("sign-in", f"invitation/{secret}", "invitation/x"):
        account.open(path)
        found |= {(path, screen): flaws(account.page) for screen in screens(account.page)}
    account.sign_in(USER, PASSWORD)
    account.page.get_by_role("heading", name=USER).wait_for()
    found |= {("", screen): flaws(account.page) for screen in screens(account.page)}
    account.page.locator("#token_name").fill("x")
    account.page.locator("#projects").fill("a/b")
    account.press("Create the token")
    found |= {("refused", screen): flaws(account.page) for screen in screens(account.page)}
    account.page.locator("#projects").fill("")
    account.press("Create the token")
    account.page.get_by_text("with the new token").wait_for()
    found |= {("made", screen): flaws(account.page) for screen in screens(account.page)}
    assert {where: them for where, them in found.items() if them} == {}
