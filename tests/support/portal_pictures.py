"""python -m tests.support.portal_pictures: takes the pictures of the documentation anew.

With names of pictures, takes these alone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.support import showcase
from tests.support.browser import chromium, installed_chromium
from tests.support.live import LiveServer

_FOLDER = Path(__file__).parents[2] / "docs" / "images"
_PORTAL, _ACCOUNT = ("portal", showcase.ADMINISTRATOR), ("account", "mika@example.com")
_PICTURES = (
    ("activity", _PORTAL, "portal/activity", "dark"),
    ("overview", _PORTAL, "portal/", "light"),
    ("connect", _PORTAL, "portal/repositories/main/connect?user=build-server", "light"),
    ("sources", _PORTAL, "portal/repositories/everything", "light"),
    ("project", _PORTAL, "portal/repositories/main/projects/ledger-client", "light"),
    ("browse", _ACCOUNT, "repositories/main/", "light"),
    ("package", _ACCOUNT, "repositories/main/project/ledger-client/", "dark"),
)
_SIZE = {"width": 1180, "height": 760}


def take(browser: Browser, url: str, wanted: list[str]) -> None:
    _FOLDER.mkdir(exist_ok=True)
    for name, (place, user), path, scheme in _PICTURES:
        if wanted and name not in wanted:
            continue
        context = browser.new_context(viewport=_SIZE, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{url}/{place}/sign-in")
        page.get_by_label("Name").fill(user)
        page.get_by_label("Password").fill(showcase.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.goto(f"{url}/{path}")
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
        take(browser, server.url, sys.argv[1:])


if __name__ == "__main__":
    main()
