"""python -m tests.support.portal_pictures: takes the pictures of the documentation anew."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.support import showcase
from tests.support.browser import chromium, installed_chromium
from tests.support.live import LiveServer

_FOLDER = Path(__file__).parents[2] / "docs" / "images"
_PICTURES = (
    ("activity", "activity", "dark"),
    ("overview", "", "light"),
    ("connect", "repositories/main/connect?user=build-server", "light"),
    ("sources", "repositories/everything", "light"),
    ("project", "repositories/main/projects/ledger-client", "light"),
)
_SIZE = {"width": 1180, "height": 760}


def take(browser: Browser, url: str) -> None:
    _FOLDER.mkdir(exist_ok=True)
    for name, path, scheme in _PICTURES:
        context = browser.new_context(viewport=_SIZE, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{url}/portal/sign-in")
        page.get_by_label("Name").fill(showcase.ADMINISTRATOR)
        page.get_by_label("Password").fill(showcase.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.goto(f"{url}/portal/{path}")
        page.screenshot(path=_FOLDER / f"{name}.png")
        context.close()


def main() -> None:
    path = installed_chromium()
    if path is None:
        sys.exit("There is no Chromium on the PATH; install the system's package of it.")
    with (
        tempfile.TemporaryDirectory() as folder,
        showcase.fill(Path(folder)) as registry,
        LiveServer(registry.wsgi_app()) as server,
        chromium(path) as browser,
    ):
        take(browser, server.url)


if __name__ == "__main__":
    main()
