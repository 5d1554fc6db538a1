"""The portal in a real browser, before a live server and below a prefix."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page

from pypi_repo import Registry, Settings
from tests.conftest import ADMINISTRATOR, PASSWORD, populate
from tests.support.browser import chromium, installed_chromium
from tests.support.clients import Clients, Completed
from tests.support.distributions import Distribution
from tests.support.live import LiveServer

PREFIX = "/team/pypi"


class Shell:
    """Runs lines of a page as they are, in a folder with `dist`."""

    def __init__(self, clients: Clients, folder: Path) -> None:
        self._clients = clients
        self.folder = folder

    def run(self, line: str, *, check: bool = True) -> Completed:
        tools = {
            "PATH": f"{Path(sys.executable).parent}:{self._clients.environment['PATH']}",
            "PIP_TARGET": str(self.folder / "installed"),
            "PIP_NO_CACHE_DIR": "1",
        }
        return self._clients.run("sh", "-c", line, check=check, env=tools, cwd=self.folder)

    def build(self, *distributions: Distribution) -> None:
        for old in (self.folder / "dist").glob("*"):
            old.unlink()
        for distribution in distributions:
            distribution.save(self.folder / "dist")


@dataclass
class Portal:
    """One browser window on the portal; `has_script` tells whether JavaScript is on.

    folder: for the files that are uploaded.
    """

    page: Page
    url: str
    has_script: bool
    folder: Path

    def open(self, path: str = "") -> None:
        self.page.goto(f"{self.url}{path}")

    def sign_in(self, name: str = ADMINISTRATOR, password: str = PASSWORD) -> None:
        self.open("sign-in")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.press("Sign in")

    def press(self, name: str, within: Locator | None = None) -> None:
        (within or self.page.locator("main")).get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def copied(self, label: str) -> str:
        """A text that is there to be copied: by its button, or by hand."""
        block = self.page.locator(f'[data-copy="{label}"]').first
        if not self.has_script:
            return block.locator("pre").text_content() or ""
        block.get_by_role("button").click()
        block.get_by_text("Copied").wait_for()
        return self.page.evaluate("navigator.clipboard.readText()")

    def upload(self, *distributions: Distribution) -> None:
        """Drops the files on the page, or picks them where there is no script."""
        paths = [distribution.save(self.folder) for distribution in distributions]
        if self.has_script:
            self._drop(paths)
        else:
            self.page.get_by_label("Files").set_input_files(paths)
            self.press("Upload")

    def result_of(self, distribution: Distribution) -> str:
        """What the page says became of an upload."""
        item = self.page.locator("#uploads li", has_text=distribution.filename).first
        item.locator(".badge").wait_for()
        return item.inner_text()

    def _drop(self, paths: list[Path]) -> None:
        """As somebody drags files here from another program."""
        target = self.page.locator("#drop")
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        assert box is not None
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        session = self.page.context.new_cdp_session(self.page)
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})
        session.detach()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = installed_chromium()
    if path is None:
        pytest.skip("there is no Chromium on the PATH; install the system's package of it")
    with chromium(path) as browser:
        yield browser


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """On disk, as people run it."""
    registry = Registry(Settings(database=f"sqlite:///{tmp_path}/registry.db", password_cost=4))
    populate(registry)
    yield registry
    registry.close()


@pytest.fixture
def server(registry: Registry) -> Iterator[LiveServer]:
    with LiveServer(registry.wsgi_app(), prefix=PREFIX) as server:
        yield server


OpenPortal = Callable[..., Portal]


@pytest.fixture
def open_portal(browser: Browser, server: LiveServer, tmp_path: Path) -> Iterator[OpenPortal]:
    """Opens a window of a new browser profile; keyword arguments as for `new_context`."""
    contexts = []

    def opened(*, has_script: bool = True, **options: Any) -> Portal:
        context = browser.new_context(java_script_enabled=has_script, **options)
        contexts.append(context)
        context.set_default_timeout(60_000)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        files = tmp_path / "files"
        return Portal(context.new_page(), f"{server.url}/portal/", has_script, files)

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def portal(open_portal: OpenPortal) -> Portal:
    return open_portal()
