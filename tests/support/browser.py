"""A real browser for tests: Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

_PROGRAMS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
_OPTIONS = [
    "--no-sandbox",  # which cannot be had by root, and it opens nothing but our own pages
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_PATIENCE = 120_000  # ms, on a machine that has much else to do


def installed_chromium() -> str | None:
    """The path of the system's Chromium."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_OPTIONS, timeout=_PATIENCE)
        expect.set_options(timeout=_PATIENCE)
        yield browser
        browser.close()
