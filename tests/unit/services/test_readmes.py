"""Descriptions of packages, kind ones and others."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pypi_repo.domain.errors import InvalidMetadata, Unavailable
from pypi_repo.domain.metadata.core_metadata import CoreMetadata
from pypi_repo.domain.validation.profiles import RULES
from pypi_repo.services.packages.readmes import DEEPEST_RENDERED, Readmes


@pytest.mark.parametrize(
    ("content_type", "source", "expected"),
    [
        ("text/markdown", "a *word*", "<em>word</em>"),
        ("text/markdown; variant=CommonMark", "a ~~word~~", "a ~~word~~"),
        ("text/markdown; charset=UTF-8; variant=GFM", "a ~~word~~", "<del>word</del>"),
        ("Text/Markdown", "| a |\n| - |\n| 1 |", "<td>1</td>"),
        ("text/x-rst", "a *word*", "<em>word</em>"),
        ("text/x-rst; charset=UTF-8", "Title\n=====\n\n- one\n- two", "<li>"),
        ("", "a *word*", "<em>word</em>"),
        (None, "a *word*", "<em>word</em>"),
    ],
)
def test_what_is_rendered(content_type: str | None, source: str, expected: str) -> None:
    assert expected in (Readmes().html(source, content_type) or "")


@pytest.mark.parametrize(
    ("content_type", "source"),
    [
        ("text/plain", "a *word*"),
        ("text/html", "<b>bold</b>"),
        ("((((", "a *word*"),
        ("text/x-rst", ".. not:: known\n\n   at all <b>"),
        ("text/x-rst", "a |missing| substitution"),
        ("text/x-rst", "a" * 300_001),
        ("text/markdown", "a" * 300_001),
    ],
)
def test_what_is_shown_as_it_is(content_type: str, source: str) -> None:
    assert Readmes().html(source, content_type) is None


RST, MARKDOWN = "text/x-rst", "text/markdown"
# Each is made of n pieces; some renderer takes their square in time, or as many calls in a call.
HOSTILE: dict[tuple[str, str], Callable[[int], str]] = {
    (RST, "quotes"): lambda n: "> " * n,
    (RST, "lists"): lambda n: "- " * n,
    (RST, "stairs"): lambda n: "\n".join("  " * step + "- a" for step in range(int(n**0.5))),
    (RST, "substitutions"): lambda n: "|a" * n,
    (RST, "roles"): lambda n: ":a:`b " * n,
    (MARKDOWN, "quotes"): lambda n: ">" * n,
    (MARKDOWN, "numbered lists"): lambda n: "1. " * n,
    (MARKDOWN, "tables in tables"): lambda n: "<table><tr><td>" * n,
    (MARKDOWN, "boxes in boxes"): lambda n: "<div>" * n,
    (MARKDOWN, "code without an end"): lambda n: '<pre lang="a"><code>x' * n,
    (MARKDOWN, "one footnote for all"): lambda n: "[^1]" * n + "\n\n[^1]: a",
    (MARKDOWN, "emphasis"): lambda n: "*a **" * n,
}


@pytest.mark.parametrize(("content_type", "name"), HOSTILE)
def test_a_hostile_source_does_not_hold_this_process(content_type: str, name: str) -> None:
    """Whatever it costs elsewhere, and what costs too much is ended there."""
    spent = []
    for count in (3_000, 12_000):
        begin = time.thread_time()
        html = Readmes().html(HOSTILE[content_type, name](count), content_type)
        spent.append(time.thread_time() - begin)
        assert html is None or len(html) <= 2_000_000
    assert spent[1] < 20 * spent[0]


@pytest.mark.parametrize("content_type", ["text/x-rst", "text/markdown"])
@pytest.mark.parametrize("marker", [">", "> ", "- ", "  * ", "1) ", "\t> "])
def test_what_is_too_deep_is_not_even_tried(
    marker: str, content_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/python")
    deepest = DEEPEST_RENDERED
    assert Readmes().html(f"text\n\n{marker * (deepest + 1)}a", content_type) is None
    with pytest.raises(Unavailable):
        Readmes().html(f"text\n\n{marker * deepest}b", content_type)


def test_each_is_rendered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known needs no process any more, which here cannot be had."""
    readmes = Readmes()
    good, bad = "known *here*", "a |missing| substitution of this test"
    shown = [readmes.html(source, "text/x-rst") for source in (good, bad)]
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert [readmes.html(source, "text/x-rst") for source in (good, bad)] == shown
    with pytest.raises(Unavailable):
        readmes.html("not known *here*", "text/x-rst")


def test_only_the_last_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    readmes = Readmes(kept=600)
    assert [readmes.html(letter * 200, "text/markdown") for letter in "abcd"]
    monkeypatch.setattr(sys, "executable", "/no/python")
    assert readmes.html("d" * 200, "text/markdown") == f"<p>{'d' * 200}</p>\n"
    with pytest.raises(Unavailable):
        readmes.html("a" * 200, "text/markdown")


def test_a_server_that_calls_itself_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "uwsgi"))
    assert Readmes().html("from *there*", "text/markdown") == "<p>from <em>there</em></p>\n"


# What it may hold


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("![passing](https://ci.example/badge.svg)", '<img alt="passing">'),
        (
            '<img src="a.png" alt="a > b &quot;c&quot;" width="9">',
            '<img alt="a &gt; b &quot;c&quot;">',
        ),
        ('<img alt="&lt;script&gt;alert(1)&lt;/script&gt;" src=x>', "<img alt="),
        ('text <img src="a.png"> goes on', "text <img> goes on"),
    ],
)
def test_pictures_are_their_texts(source: str, shown: str) -> None:
    html = Readmes().html(source, "text/markdown") or ""
    assert shown in html
    assert "src=" not in html
    assert "<script" not in html


def test_links_lead_elsewhere_or_within() -> None:
    source = "[a](#b) [c](https://d.example/) <a href=e target=_top>f</a>"
    html = Readmes().html(source, "text/markdown")
    assert html == (
        '<p><a target="_self" href="#user-content-b" rel="nofollow noopener noreferrer">a</a> '
        '<a href="https://d.example/" rel="nofollow noopener noreferrer">c</a> '
        '<a href="e" rel="nofollow noopener noreferrer">f</a></p>\n'
    )


def test_text_about_links_stays_as_it_is() -> None:
    html = Readmes().html('Write `<a href="#b">` or \\<a href="#b">.', "text/markdown") or ""
    assert html.count('&lt;a href="#b"&gt;') == 2


class _Elements(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _value in attrs)


@pytest.fixture(scope="module")
def old_sanitiser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the last nh3 that left `<` in attributes as it was."""
    folder = tmp_path_factory.mktemp("old")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "nh3==0.3.6"]
    subprocess.run([*pip, "--target", str(folder)], check=True)
    return folder


@pytest.mark.parametrize(
    "source",
    [
        '<img alt="<script>alert(1)</script>" src=x>',
        "<img alt='\"><script>alert(1)</script>' src=x>",
        '<img alt="<img alt=&quot;&gt;<script>alert(1)</script>&quot;>">',
        '<a title="<img src=x onerror=alert(1)>" href="https://a.example/">a</a>',
        '<img alt="<a href=&quot;#x&quot; onclick=alert(1)>">',
    ],
)
def test_an_older_sanitiser_gives_no_script_either(
    source: str, old_sanitiser: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is changed in what it returned, which could open again what it closed."""
    monkeypatch.syspath_prepend(old_sanitiser)
    html = Readmes().html(f"By an older one: {source}", "text/markdown; variant=CommonMark")
    assert html is not None
    assert re.search('="[^"]*<[a-z]', html), "the older one was used"
    elements = _Elements(html)
    assert elements.names <= {"p", "img", "a"}
    assert elements.attributes <= {"alt", "title", "href", "rel", "target"}


# What the public index could not render


def _described(description: str, *headers: str) -> CoreMetadata:
    head = "\n".join(["Metadata-Version: 2.1", "Name: demo", "Version: 1.0", *headers])
    return CoreMetadata.parse(f"{head}\n\n{description}".encode(), RULES["pypi"])


BROKEN = "Title\n==\n\n.. nonsense::\n\n`unfinished\n"


def test_a_description_that_does_not_render_is_refused() -> None:
    """U41: reStructuredText is what it is taken for, if nothing is said."""
    for headers in ((), ("Description-Content-Type: text/x-rst",)):
        with pytest.raises(InvalidMetadata, match="cannot be rendered"):
            Readmes().check(_described(BROKEN, *headers))


def test_other_descriptions_are_allowed() -> None:
    """U41"""
    Readmes().check(_described(BROKEN, "Description-Content-Type: text/markdown"))
    Readmes().check(_described(BROKEN, "Description-Content-Type: text/plain"))
    Readmes().check(_described("Title\n=====\n\nText.\n"))
    Readmes().check(_described(""))
