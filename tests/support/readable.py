"""Whether people can read a page and use it: on a phone, in the dark, with a screen reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

_SCREENS: tuple[tuple[int, Literal["light", "dark"]], ...] = (
    (1280, "light"),
    (320, "light"),
    (375, "dark"),
)
_NARROWEST = 320  # axe finds nothing more there than on the other small one


def screens(page: Page) -> Iterator[tuple[int, str]]:
    """Shows the page on one after the other, without loading it anew."""
    for width, scheme in _SCREENS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        yield width, scheme


def flaws(page: Page) -> list[str]:
    """What axe finds serious, and whether the page is wider than its window.

    But for descriptions of packages: their authors wrote them.
    """
    size = page.viewport_size
    if size is not None and size["width"] == _NARROWEST:
        return too_wide(page)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(_SERIOUS)
    return found + too_wide(page)


# What the rule for regions finds is never serious, and it takes as long as a fifth of the others.
_SERIOUS = """async () => {
    const rules = {region: {enabled: false}};
    const {violations} = await axe.run({iframes: false, resultTypes: ["violations"], rules});
    return violations
        .filter(({impact}) => ["serious", "critical"].includes(impact))
        .flatMap(({id, nodes}) => nodes.map(({target}) => `${id}: ${target}`));
}"""


def too_wide(page: Page) -> list[str]:
    root = "document.documentElement"
    is_wide = page.evaluate(f"{root}.scrollWidth > {root}.clientWidth")
    return ["wider than its window"] if is_wide else []
