"""Pages of other indexes in HTML, in the many ways in which people and programs write it."""

from __future__ import annotations

import codecs
from datetime import UTC, datetime

import pytest

from pypi_repo.domain.errors import UnreadablePage
from pypi_repo.domain.pages.simple_pages import Links, project_html, project_json
from pypi_repo.domain.records import ProjectPage
from pypi_repo.domain.upstreams.pages import UpstreamFile, UpstreamPage
from tests.support.upstream_pages import read

WHEEL = "demo-1.0-py3-none-any.whl"
SHA256 = "ab" * 32
HERE = "https://index.example/simple/demo/"


def _one(html: str) -> UpstreamFile:
    (file,) = read(html).files
    return file


def _anchor(attributes: str) -> UpstreamFile:
    return _one(f'<a href="{WHEEL}" {attributes}>x</a>')


def test_all_that_an_anchor_says() -> None:
    """P2"""
    metadata, provenance = "cd" * 32, "https://index.example/provenance"
    file = _anchor(
        f'data-requires-python="&gt;=3.9" data-yanked="bad &amp; ugly" data-gpg-sig="true" '
        f'data-core-metadata="sha256={metadata}" data-provenance="{provenance}" '
        'data-size="12" data-upload-time="2024-05-01T12:30:15.000042Z"'
    )
    assert file == UpstreamFile(
        filename=WHEEL,
        project=file.project,
        version="1.0",
        kind="bdist_wheel",
        python_tag="py3",
        url=f"{HERE}{WHEEL}",
        size=12,
        requires_python=">=3.9",
        yanked="bad & ugly",
        metadata_hashes={"sha256": metadata},
        is_signed=True,
        provenance=provenance,
        uploaded_at=datetime(2024, 5, 1, 12, 30, 15, 42, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("href", "url"),
    [
        (WHEEL, HERE + WHEEL),
        (f"../../files/ab/{WHEEL}", f"https://index.example/files/ab/{WHEEL}"),
        (f"/files/{WHEEL}", f"https://index.example/files/{WHEEL}"),
        (f"//cdn.example/{WHEEL}", f"https://cdn.example/{WHEEL}"),
        (f"http://cdn.example:8080/{WHEEL}", f"http://cdn.example:8080/{WHEEL}"),
        (f"  {WHEEL}\n", HERE + WHEEL),
        (f"{WHEEL}?a=1&amp;b=/2", f"{HERE}{WHEEL}?a=1&b=/2"),
        (f"{WHEEL}#sha256={SHA256}", HERE + WHEEL),
        ("demo%2D1.0-py3-none-any.whl?x#y", f"{HERE}demo%2D1.0-py3-none-any.whl?x"),
    ],
)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_links(href: str, url: str, quote: str) -> None:
    """P2: relative, absolute, to another host."""
    file = _one(f"<a href={quote}{href}{quote}>x</a>")
    assert (file.filename, file.url) == (WHEEL, url)


def test_a_link_without_quotes() -> None:
    """P2"""
    file = _one(f"<A HREF=../../{WHEEL}#sha256={SHA256} data-yanked>x</A>")
    assert file.url == f"https://index.example/{WHEEL}"
    assert (file.hashes, file.yanked) == ({"sha256": SHA256}, "")


def test_blanks_around_equals() -> None:
    assert _anchor('data-requires-python = ">=3.9,<4"').requires_python == ">=3.9,<4"
    assert _anchor("data-yanked\n=\n'a > b'").yanked == "a > b"


@pytest.mark.parametrize(
    ("fragment", "hashes"),
    [
        (f"sha256={SHA256}", {"sha256": SHA256}),
        (f"sha256={SHA256.upper()}", {"sha256": SHA256}),
        (f"md5={'ab' * 16}", {"md5": "ab" * 16}),
        (f"sha512={'ab' * 64}&amp;egg=demo-1.0", {"sha512": "ab" * 64}),
        (f"egg=demo&sha256={SHA256}", {"sha256": SHA256}),
        ("egg=demo-1.0", {}),
        ("sha256=", {}),
        ("=", {}),
        ("", {}),
    ],
)
def test_fragments(fragment: str, hashes: dict[str, str]) -> None:
    """P2"""
    assert _one(f'<a href="{WHEEL}#{fragment}">x</a>').hashes == hashes


@pytest.mark.parametrize(
    ("attribute", "yanked"),
    [
        ("data-yanked", ""),
        ('data-yanked=""', ""),
        ('data-yanked="why"', "why"),
        ("DATA-YANKED=why", "why"),
        ('data-yanked="first" data-yanked="second"', "first"),
        ("", None),
    ],
)
def test_yanked(attribute: str, yanked: str | None) -> None:
    """P2, X22"""
    assert _anchor(attribute).yanked == yanked


@pytest.mark.parametrize("name", ["data-core-metadata", "data-dist-info-metadata"])
@pytest.mark.parametrize(
    ("value", "hashes"),
    [
        ("", {}),
        ('=""', {}),
        ('="true"', {}),
        (f'="sha256={SHA256}"', {"sha256": SHA256}),
        ('="sha256=unknown"', {}),
        ('="false"', None),
    ],
)
def test_core_metadata(name: str, value: str, hashes: dict[str, str] | None) -> None:
    """P2 (PEP 714)"""
    assert _anchor(f"{name}{value}").metadata_hashes == hashes


def test_the_new_name_of_core_metadata_counts() -> None:
    """P2 (PEP 714)"""
    both = f'data-dist-info-metadata="true" data-core-metadata="sha256={SHA256}"'
    assert _anchor(both).metadata_hashes == {"sha256": SHA256}


@pytest.mark.parametrize(
    ("attribute", "is_signed"),
    [('data-gpg-sig="true"', True), ('data-gpg-sig="false"', False), ("data-gpg-sig", False)],
)
def test_signatures(attribute: str, is_signed: bool) -> None:
    assert _anchor(attribute).is_signed is is_signed


@pytest.mark.parametrize(
    ("attributes", "size", "uploaded_at"),
    [
        ('data-size="12"', 12, None),
        ('data-size="-12"', None, None),
        ('data-size="1e3"', None, None),
        (f'data-size="{"9" * 5000}"', None, None),
        ("data-size data-upload-time", None, None),
        ('data-upload-time="soon"', None, None),
    ],
)
def test_what_is_in_no_standard(
    attributes: str, size: int | None, uploaded_at: datetime | None
) -> None:
    """X24"""
    file = _anchor(attributes)
    assert (file.size, file.uploaded_at) == (size, uploaded_at)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://cdn.example/files/", f"https://cdn.example/files/{WHEEL}"),
        ("https://cdn.example/files", f"https://cdn.example/{WHEEL}"),
        ("/files/", f"https://index.example/files/{WHEEL}"),
        ("../../", f"https://index.example/{WHEEL}"),
        ("//cdn.example/", f"https://cdn.example/{WHEEL}"),
        ("", HERE + WHEEL),
        ("javascript:alert(1)", HERE + WHEEL),
        ("file:///", HERE + WHEEL),
    ],
)
def test_the_base_of_links(base: str, url: str) -> None:
    """P2: wherever it is in the document, and the first that has a URL."""
    link = f'<a href="{WHEEL}">x</a>'
    assert _one(f'<head><base href="{base}"></head>{link}').url == url
    assert (
        _one(f'{link}<BASE target=x><BASE HREF="{base}"/><base href="https://no.example/">').url
        == url
    )


def test_a_base_that_is_too_long() -> None:
    """S3: the URL of each file would repeat it."""
    with pytest.raises(UnreadablePage, match="URL of more than 1,000 characters"):
        read(f'<base href="/{"x" * 1000}/"><a href="{WHEEL}">x</a>')


@pytest.mark.parametrize(
    "anchor",
    [
        '<a href="../">up</a>',
        '<a href="https://demo.example/">home page</a>',
        '<a href="">x</a>',
        "<a href>x</a>",
        f"<a name={WHEEL}>{WHEEL}</a>",
        f'<a href="#{WHEEL}">x</a>',
        f'<a href="?{WHEEL}">x</a>',
        f'<a href="{WHEEL}.asc">x</a>',
        f'<a href="{WHEEL}.metadata">x</a>',
        f'<link href="{WHEEL}">',
        f'<area href="{WHEEL}">',
        f'<!-- <a href="{WHEEL}">x</a> -->',
        f'<script>"<a href=\\"{WHEEL}\\">"</script>',
        f'<style><a href="{WHEEL}"></style>',
        f"<abbr title=\"<a href='{WHEEL}'>\">x</abbr>",
        f"&lt;a href={WHEEL}&gt;",
    ],
)
def test_what_is_no_link_to_a_file(anchor: str) -> None:
    """P2"""
    found = read(f'{anchor}<a href="demo-1.0.tar.gz">x</a>{anchor}')
    assert [file.filename for file in found.files] == ["demo-1.0.tar.gz"]
    assert found.dropped == 0


@pytest.mark.parametrize(
    "href",
    [
        f"javascript:alert(1)/{WHEEL}",
        f"JavaScript:x/{WHEEL}",
        f"java\nscript:x/{WHEEL}",
        f"data:text/html,/{WHEEL}",
        f"file:///tmp/{WHEEL}",
        f"ftp://files.example/{WHEEL}",
        "other-1.0.tar.gz",
        "demo%2F1.0.tar.gz",
        "..%2Fdemo-1.0.tar.gz",
        "%3Cscript%3Edemo-1.0.zip",
        "demo-1.0%00.zip",
        "demo-1.0%0A.zip",
        ".demo-1.0.zip",
        "demo-" + "1" * 300 + ".zip",
        "demo.zip",
    ],
)
def test_files_that_are_dropped(href: str) -> None:
    """P2: unsafe names, other projects, and URLs of no use."""
    found = read(f'<a href="{href}">x</a>')
    assert (found.files, found.dropped) == ((), 1)


def test_no_markup_gets_through() -> None:
    """P2: what is in texts of the upstream is text on our page, too."""
    evil = "<script>alert(1)</script>"
    escaped = evil.replace("<", "&lt;").replace('"', "&quot;")
    html = (
        f"<meta name='pypi:project-status' content='archived'>"
        f"<meta name='pypi:project-status-reason' content='{evil}'>"
        f"{evil}<h1>{evil}</h1><a href='{WHEEL}?\">{evil}' data-yanked='\">{evil}' "
        f"data-requires-python='{escaped}'>{evil}</a>"
    )
    found = read(html)
    shown = ProjectPage(
        name=found.files[0].project,
        status=found.status,
        status_reason=found.status_reason,
        serial=0,
        versions=found.versions,
        files=found.files,
    )
    ours = project_html(shown, Links("../../files/")).decode()
    assert "<script" not in ours
    assert ours.count("<a ") == 1
    assert read(ours).files[0].yanked == f'">{evil}'
    assert project_json(shown, Links("../../files/"))


@pytest.mark.parametrize(
    ("metas", "expected"),
    [
        ("<meta name=pypi:project-status content=archived>", ("archived", "")),
        (
            '<META NAME="pypi:project-status" CONTENT=" deprecated ">'
            '<meta name="pypi:project-status-reason" content="use &quot;other&quot;">',
            ("deprecated", 'use "other"'),
        ),
        ('<meta name="pypi:project-status" content="later">', ("active", "")),
        ('<meta name="pypi:project-status">', ("active", "")),
        ("<meta name=pypi:project-status content=archived>" * 2, ("archived", "")),
        ("<meta><meta content=archived>", ("active", "")),
    ],
)
def test_the_status(metas: str, expected: tuple[str, str]) -> None:
    """P2 (PEP 792)"""
    found = read(f'<html><head>{metas}</head><a href="{WHEEL}">x</a>')
    assert (found.status, found.status_reason) == expected


def test_versions_are_those_of_the_files() -> None:
    """P2: once each, however they are spelled."""
    names = ["demo-1.0.zip", "demo-v2.tar.gz", "demo-1.0.0-py3-none-any.whl", "demo-x1.zip"]
    found = read("".join(f'<a href="{name}">x</a>' for name in names))
    assert found.versions == ("1.0", "2")
    assert [file.version for file in found.files] == ["1.0", "2", "1.0"]
    assert found.dropped == 1


@pytest.mark.parametrize("version", ["2.0", "3", "10.0"])
def test_a_version_of_the_api_that_nobody_can_know(version: str) -> None:
    """PEP 629"""
    with pytest.raises(UnreadablePage, match=r"of which only 1 is known"):
        read(f'<meta name="pypi:repository-version" content="{version}"><a href="{WHEEL}">x</a>')


@pytest.mark.parametrize(
    ("content_type", "head", "encoding"),
    [
        ("text/html", "", "utf-8"),
        ("text/html; charset=utf-8", "", "utf-8"),
        ('text/html; charset="UTF-8"', "", "utf-8"),
        ("text/html; charset=iso-8859-1", "", "latin-1"),
        ("text/html; charset=iso-8859-1", "<meta charset=utf-8>", "latin-1"),
        ("text/html", '<meta charset="windows-1252">', "windows-1252"),
        (
            "text/html",
            "<meta http-equiv='Content-Type' content='text/html; charset=iso-8859-1'>",
            "latin-1",
        ),
        ("text/html; charset=unheard-of", "", "utf-8"),
        ("text/html; charset=iso-8859-99", "", "utf-8"),
        ("text/html; charset=punycode", "", "utf-8"),
        ("text/html; charset=rot13", "", "utf-8"),
        ("text/html; charset=idna", "", "utf-8"),
        ("text/html; charset=zlib", "", "utf-8"),
        ("text/html; charset=utf-16", "", "utf-8"),
        ("text/html; charset=iso-8859-1", "", "utf-8-sig"),
        ("text/html", "", "utf-16"),
        ("application/json", "", "utf-8"),
        ("application/octet-stream", "", "utf-8"),
        ("", "", "utf-8"),
    ],
)
def test_encodings(content_type: str, head: str, encoding: str) -> None:
    """P2: of a byte order mark, of the Content-Type, of the document; else UTF-8."""
    html = f'<html>{head}<a href="{WHEEL}" data-yanked="größer">x</a>'
    (file,) = read(html.encode(encoding), content_type=content_type).files
    assert file.yanked == "größer"


def test_bytes_that_are_no_text() -> None:
    """P2: they cost nothing but themselves."""
    html = f'<html><a href="{WHEEL}" data-yanked="'.encode() + b'a\xff\xfeb">x</a>'
    (file,) = read(html).files
    assert file.yanked == "a\ufffd\ufffdb"
    assert len(read(codecs.BOM_UTF8 + html).files) == 1


@pytest.mark.parametrize(
    "html",
    [
        "",
        "not found",
        "<html><body>Log in<form action=login><input name=password></form></body></html>",
        '<html><a href="../">up</a><a href="https://sso.example/">Log in</a></html>',
        "<html>",
    ],
)
def test_a_web_page_is_no_project_without_files(html: str) -> None:
    """V4: who asks for a password has not said who supplies the name."""
    with pytest.raises(UnreadablePage, match="a web page without any file"):
        read(html)


def test_a_project_without_files_is_one_if_the_page_says_so() -> None:
    """X05"""
    html = '<!DOCTYPE html><meta name="pypi:repository-version" content="1.0"><h1>Links</h1>'
    assert read(html) == UpstreamPage(name="demo")


@pytest.mark.parametrize(
    "end",
    ["<a href='demo-2.0.zip", "<a href=demo-2.0.zip", "<!-- ", "<", "</a", "<script>x<", "<!doc"],
)
def test_a_page_that_was_cut(end: str) -> None:
    """P2: half a page would look like a project that has lost files."""
    with pytest.raises(UnreadablePage, match="in the middle of a tag"):
        read(f'<a href="{WHEEL}">x</a>{end}')


@pytest.mark.parametrize("piece", ["<![foo[", "<![", "<![CDATA", f"<a x='&#{'1' * 5000};'>"])
def test_what_the_parser_of_the_standard_library_may_not_take(piece: str) -> None:
    """Some of its versions raise errors that are no HTML errors."""
    html = f'{piece}<a href="{WHEEL}">x</a>'
    try:
        found = read(html)
    except UnreadablePage:
        return
    assert len(found.files) <= 1


def test_more_files_than_allowed() -> None:
    """S3"""
    links = [f'<a href="demo-1.{number}.zip">x</a>' for number in range(11)]
    assert len(read("".join(links[:10]), max_files=10).files) == 10
    with pytest.raises(UnreadablePage, match="has more than 10 files"):
        read("".join(links), max_files=10)


def test_tags_are_counted_before_they_are_read() -> None:
    """S3"""
    with pytest.raises(UnreadablePage, match=r"has more than [0-9,]+ tags"):
        read("<b>" * 20_000, max_files=10)
