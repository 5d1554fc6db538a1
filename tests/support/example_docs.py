"""Puts files of examples/ into the pages that show them: `python -m tests.support.example_docs`.

A page shows a file by a line that begins with a link to it and ends with a colon, and a block of
code after that. A test compares the two, so that who reads plain Markdown reads what was run.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_SHOWN = re.compile(
    r"(?P<before>^\[`(?P<path>examples/[^`]+)`\]\([^)\n]+\)[^\n]*:\n\n```\w+\n)(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def shown(page: Path) -> set[str]:
    """The files that a page shows, relative to the root."""
    return {match["path"] for match in _SHOWN.finditer(page.read_text(encoding="utf-8"))}


def as_it_should_be(page: Path) -> str:
    """The page with each example as its file is now."""
    return _SHOWN.sub(
        lambda match: f"{match['before']}{(ROOT / match['path']).read_text(encoding='utf-8')}```",
        page.read_text(encoding="utf-8"),
    )


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(as_it_should_be(each), encoding="utf-8")
