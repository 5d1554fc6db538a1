"""Whatever reads something from outside takes time in proportion to its size, up to its bound.

Each input is of the shape that makes a parser go over it again and again. U113.
"""

from __future__ import annotations

import tarfile
import urllib.parse
from collections.abc import Callable, Mapping

import pytest

from pypi_repo.domain.archives.entry_points import script_names
from pypi_repo.domain.metadata.core_metadata import CoreMetadata
from pypi_repo.domain.metadata.headers import split_headers
from pypi_repo.domain.metadata.raw_metadata import Document
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.upstreams.pages import read_page
from pypi_repo.domain.validation.profiles import RULES, Profile
from pypi_repo.domain.versions import parse_version
from pypi_repo.settings import Limits
from tests.support.growth import assert_linear
from tests.support.hostile_archives import (
    TOP,
    Entry,
    build_sdist,
    build_wheel,
    header,
    pax_record,
)
from tests.support.inspecting import SDIST_NAME, STRICT, inspected

Text = Callable[[int], str]

DEMO = NormalizedName("demo")
_MUST = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"

DOCUMENTS: Mapping[str, tuple[int, Text]] = {
    "other names": (9_900, lambda size: "".join(f"x{n}: 1\n" for n in range(size))),
    "other spellings of a name": (
        9_900,
        lambda size: "".join(f"{_spelling(n)}: 1\n" for n in range(size)),
    ),
    "one name": (9_900, "Classifier:\n".__mul__),
    "one name, not ASCII": (9_900, "Classifier: é\n".__mul__),
    "folded": (9_900, lambda size: "License: é\n" + " é\n" * size),
    "a long line": (250_000, lambda size: "Summary: " + "x" * size),
    "a long line, not ASCII": (120_000, lambda size: "Summary: " + "é" * size),
    "encoded words": (16_000, lambda size: "Summary: é" + "=?utf-8?q?a?= " * size),
    "encoded words, not closed": (32_000, lambda size: "Summary: é" + "=?utf-8?q" * size),
    "keywords": (120_000, lambda size: "Keywords: " + "a," * size),
    "project URLs": (
        9_900,
        lambda size: "".join(f"Project-URL: {n}, https://a\n" for n in range(size)),
    ),
    "the same project URL": (9_900, "Project-URL: a, https://a\n".__mul__),
    "messages within messages": (
        1_000_000,
        lambda size: (
            "".join(
                f"Content-Type: multipart/mixed; boundary={n}\n\n--{n}\n"
                for n in range(min(size // 4000, 100))
            )
            + "x\n" * size
        ),
    ),
    "an attached message": (
        1_000_000,
        lambda size: "Content-Type: message/rfc822\n\n" + "\n" * size,
    ),
    "an encoded body": (
        1_000_000,
        lambda size: "Content-Transfer-Encoding: quoted-printable\n\n" + "=41=\n" * (size // 5),
    ),
    "empty lines": (2_000_000, lambda size: "\n" * size),
    "carriage returns": (2_000_000, lambda size: "\n" + "\r" * size),
    "no headers": (200_000, lambda size: "!" * size),
    "envelopes": (9_900, "From \n".__mul__),
    "colons": (9_900, ":\n".__mul__),
}
FIELDS: Mapping[str, tuple[int, Text]] = {
    "specifiers": (4_000, lambda size: "Requires-Python: " + ">=1," * size),
    "a blank specifier": (200_000, lambda size: "Requires-Python: >=" + " " * size + "x"),
    "a long specifier": (200_000, lambda size: "Requires-Python: ~=" + "1." * (size // 2) + "x"),
    "markers": (16_000, lambda size: "Requires-Dist: a; " + "os_name=='x' and " * size),
    "markers within each other": (200_000, lambda size: "Requires-Dist: a; " + "(" * size),
    "extras": (32_000, lambda size: "Requires-Dist: a[" + "x," * size + "x]"),
    "requirements of many versions": (32_000, lambda size: "Requires-Dist: a " + ">=1," * size),
    "a blank requirement": (200_000, lambda size: "Requires-Dist: a" + " " * size + "!"),
    "an open quote": (200_000, lambda size: "Requires-Dist: a; os_name=='" + "x" * size),
    "requirements": (9_900, "Requires-Dist: a >=1; os_name=='x'\n".__mul__),
    "a licence of many": (32_000, lambda size: "License-Expression: MIT" + " OR MIT" * size),
    "licences within each other": (200_000, lambda size: "License-Expression: " + "(" * size),
    "a licence with exceptions": (16_000, lambda size: "License-Expression: " + "MIT WITH " * size),
    "comments in an address": (200_000, lambda size: "Author-email: " + "(" * size),
    "comments after each other": (64_000, lambda size: "Author-email: " + "() " * size + "a@b"),
    "quotes in an address": (200_000, lambda size: "Maintainer-email: " + '"' * size),
    "groups of addresses": (64_000, lambda size: "Maintainer-email: " + "a:" * size),
    "routes of addresses": (64_000, lambda size: "Maintainer-email: <" + "@a," * size),
    "many addresses": (60_000, lambda size: "Author-email: " + "a@b," * size),
    "comments in a content type": (
        200_000,
        lambda size: "Description-Content-Type: text/plain" + "(" * size,
    ),
    "parameters of a content type": (
        32_000,
        lambda size: "Description-Content-Type: text/plain" + "; a=b" * size,
    ),
    "encoded words in a content type": (
        16_000,
        lambda size: 'Description-Content-Type: text/plain; x="' + "=?utf-8?q?a?=" * size,
    ),
    "a blank content type": (
        200_000,
        lambda size: "Description-Content-Type: text/plain" + " " * size + "!",
    ),
    "labels": (200_000, lambda size: "Project-URL: " + "a" * size + ", https://b"),
    "a URL": (200_000, lambda size: "Home-page: http://" + "[" * size),
    "a host of marks on marks": (
        64_000,
        lambda size: "Home-page: http://a" + "\u0300\u0316" * (size // 2),
    ),
    "extras that are provided": (9_900, "Provides-Extra: a\n".__mul__),
    "a name of dashes": (200_000, lambda size: "Provides-Extra: a" + "-_." * (size // 3) + "a"),
    "dynamic fields": (9_900, "Dynamic: Summary\n".__mul__),
    "names to import": (64_000, lambda size: "Import-Name: " + "a." * size + "a"),
    "licence files": (9_900, "License-File: a/b\n".__mul__),
}
# As bytes, because the file need not be UTF-8.
ENTRY_POINTS: Mapping[str, Callable[[int], bytes]] = {
    "blanks": lambda size: b"[console_scripts]\na" + b" " * size + b"b\n",
    "blanks before a value": lambda size: b"[console_scripts]\na =" + b" " * size + b"b\n",
    "blanks in a section": lambda size: b"[" + b" " * size + b"\n",
    "sections": lambda size: b"[a]\n" * (size // 4),
    "brackets": b"[".__mul__,
    "equals": lambda size: b"[a]\na" + b"=" * size,
    "lines": b"\n".__mul__,
    "a value of many lines": lambda size: b"[console_scripts]\na =\n" + b" b\n" * (size // 3),
    "the same name": lambda size: b"[console_scripts]\n" + b"a=b\n" * (size // 4),
    "names": lambda size: (
        b"[console_scripts]\n" + b"".join(b"a%d=b\n" % number for number in range(size // 8))
    ),
    "ends of lines that are not ASCII": lambda size: b"[a]\n" + b"\xc2\x85" * (size // 2),
}
RECORDS: Mapping[str, Callable[[int], bytes]] = {
    "commas": b",".__mul__,
    "quotes": b'"'.__mul__,
    "quotes over many lines": lambda size: b'",\n' * (size // 3),
    "rows": lambda size: b"".join(b"demo/%d.py,,\n" % number for number in range(size // 14)),
    "blanks": b" ".__mul__,
    "ends of lines": b"\r\n".__mul__,
    "backslashes": lambda size: b"\\" * size + b",,\n",
}
SDISTS: Mapping[str, tuple[int, Callable[[int], bytes]]] = {
    "digits in an extended header": (
        60_000,
        lambda size: build_sdist(Entry(name=f"{TOP}/a.py", pax={"comment": "1" * size})),
    ),
    "digits of 64 in extended headers": (
        80,
        lambda size: build_sdist(
            *[Entry(name=f"{TOP}/a.py", pax={"comment": ("1" * 64 + "x") * 900})] * size
        ),
    ),
    "records of an extended header": (
        3_000,
        lambda size: build_sdist(
            Entry(name=f"{TOP}/a.py", pax={f"x.{number}": "y" for number in range(size)})
        ),
    ),
    "the map of a sparse file": (
        8_000_000,
        lambda size: build_sdist(
            Entry(
                name=f"{TOP}/a.bin",
                content=b"999999\n" + b"1" * size,
                pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"},
            )
        ),
    ),
    "maps of a sparse file": (
        16_000,
        lambda size: build_sdist(
            header(
                tarfile.XHDTYPE,
                60_000,
                pax_record("GNU.sparse.size", "1") + b"1" * 59_000,
            ),
            Entry(name=f"{TOP}/a.bin"),
        ),
    ),
    "an old sparse file": (
        60_000,
        lambda size: build_sdist(
            Entry(raw=_extended_sparse(f"{TOP}/a.bin")),
            *[Entry(raw=(b"7" * 11 + b"\0") * 42 + b"\1" + b"\0" * 7)] * size,
        ),
    ),
    "headers of headers": (
        4_000,
        lambda size: build_sdist(*[header(tarfile.XHDTYPE, 512, b"9 a=bcde\n")] * size),
    ),
    "headers for all": (
        4_000,
        lambda size: build_sdist(
            *[
                header(tarfile.XGLTYPE, 512, pax_record(f"x.{number % 99}", "y"))
                for number in range(size)
            ]
        ),
    ),
    "members": (
        8_000,
        lambda size: build_sdist(
            *[Entry(name=f"{TOP}/{number}", format=tarfile.USTAR_FORMAT) for number in range(size)]
        ),
    ),
    "folders within each other": (
        2_000,
        lambda size: build_sdist(*[Entry(name=f"{TOP}/" + "a/" * 98 + "b")] * size),
    ),
    "links": (
        4_000,
        lambda size: build_sdist(
            *[
                Entry(name=f"{TOP}/{number}", target=str(number + 1), kind=tarfile.SYMTYPE)
                for number in range(size)
            ]
        ),
    ),
}
VERSIONS: Mapping[str, Text] = {
    "digits": "1".__mul__,
    "parts": "1.".__mul__,
    "parts, wrong at the end": lambda size: "1." * size + "x",
    "blanks": lambda size: "1" + " " * size + "x",
    "a local version": lambda size: "1+" + "a." * size + "!",
    "suffixes": lambda size: "1" + ".post" * size,
}
_FILE = '<a href="demo-1.0.zip">'
PAGES: Mapping[str, Text] = {
    "comments that do not end": "<!--".__mul__,
    "a comment of dashes": lambda size: "<!--" + "-- " * size,
    "declarations that do not end": "<!".__mul__,
    "documents that do not begin": "<!doctype".__mul__,
    "marked sections": "<![CDATA[x]]>".__mul__,
    "marked sections that do not end": "<![CDATA[".__mul__,
    "a marked section of brackets": lambda size: "<![if " + "] " * size,
    "processing instructions": "<?".__mul__,
    "angles": "<".__mul__,
    "angles with blanks": "< ".__mul__,
    "tags that do not end": "<a ".__mul__,
    "ends of tags that do not end": "</a".__mul__,
    "quotes that do not end": "<a a='".__mul__,
    "quotes in quotes": '<a a=\'x" b="'.__mul__,
    "quotes behind blanks": '<a a= " '.__mul__,
    "attributes": lambda size: "<a" + " a" * size + ">",
    "attributes with values": lambda size: "<a" + " a=''" * size + ">",
    "a blank attribute": lambda size: "<a a" + " " * size + "x",
    "a blank value": lambda size: "<a a=" + " " * size + "'",
    "equals": lambda size: "<a a" + "=" * size + "'>",
    "slashes": lambda size: "<a" + "/ " * size,
    "zeros": "<a\0".__mul__,
    "scripts": "<script></script>".__mul__,
    "a script of ends": lambda size: "<script>" + "</script" * size,
    "a script of angles": lambda size: "<script>" + "</ " * size,
    "titles": "<title>".__mul__,
    "ampersands": lambda size: _FILE + "&" * size,
    "references": lambda size: "<a a='" + "&am" * size + "'>",
    "a reference": lambda size: "<a a='&#x" + "1" * size + "'>",
    "anchors": '<a href="../">'.__mul__,
    "bases": '<base href="x">'.__mul__,
    "metas": "<meta name=a content=b>".__mul__,
    "files": _FILE.__mul__,
    "files with a base": lambda size: f"<base href='/{'a/' * 400}'>" + _FILE * size,
    "a fragment": lambda size: f'<a href="demo-1.0.zip#{"&" * size}">',
    "a way up": lambda size: f'<a href="{"../" * size}demo-1.0.zip">',
    "a way down": lambda size: f'<a href="{"x/" * size}demo-1.0.zip">',
    "an encoded way": lambda size: f'<a href="{"%41" * size}/demo-1.0.zip">',
    "a name of hyphens": lambda size: f'<a href="demo{"-1" * size}.zip">',
    "names of hyphens": f'<a href="demo{"-1" * 100}x.zip">'.__mul__,
    "charsets": "charset= ".__mul__,
    "arrays": lambda size: '{"files": ' + "[" * size,
    "objects": lambda size: '{"files": ' + '{"":' * size,
    "values": lambda size: '{"files": [' + "0," * size + "0]}",
    "keys": lambda size: '{"files": [{' + ",".join(f'"{n}":0' for n in range(size)) + "}]}",
    "a text": lambda size: '{"files": [], "name": "' + "\\n" * size + '"}',
    "a number": lambda size: '{"files": [{"size": ' + "9" * size + "}]}",
    "a name of a project": lambda size: '{"files": [], "name": "' + "-_." * size + '"}',
    "versions": lambda size: (
        '{"files": [], "versions": [' + ",".join(f'"1.{n}"' for n in range(size)) + "]}"
    ),
    "files without names": lambda size: '{"files": [' + "{}," * size + "{}]}",
    "files of wrong types": lambda size: '{"files": [' + '{"url":0},' * size + "{}]}",
}


def _spelling(number: int) -> str:
    """Of `description-content-type`, one for each number."""
    letters = enumerate("description-content-type")
    return "".join(each.upper() if number >> place & 1 else each for place, each in letters)


def _extended_sparse(name: str) -> bytes:
    """The header of an old GNU sparse file, whose map goes on in the next block."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize("shape", DOCUMENTS)
def test_core_metadata_are_taken_apart_in_linear_time(shape: str) -> None:
    """A METADATA of 28 kB could take 8 s."""
    size, text = DOCUMENTS[shape]
    assert_linear(
        lambda content: Document(content).parsed, lambda size: (_MUST + text(size)).encode(), size
    )


@pytest.mark.parametrize("shape", DOCUMENTS)
def test_headers_are_split_in_linear_time(shape: str) -> None:
    """WHEEL is read so."""
    size, text = DOCUMENTS[shape]
    assert_linear(split_headers, lambda size: text(size).encode(), size)


@pytest.mark.parametrize("shape", FIELDS)
def test_fields_are_judged_in_linear_time(shape: str) -> None:
    size, text = FIELDS[shape]

    def judge(content: bytes) -> None:
        urllib.parse.clear_cache()  # which would answer when it is measured again
        CoreMetadata.parse(content, RULES["private"])

    assert_linear(judge, lambda size: f"{_MUST}{text(size)}\n".encode(), size)


@pytest.mark.parametrize("shape", SDISTS)
def test_sdists_are_read_in_linear_time(shape: str) -> None:
    """U77, U79: the standard library's reader of tars has seen attacks of its own."""
    size, content = SDISTS[shape]
    assert_linear(lambda content: inspected(content, SDIST_NAME), content, size)


@pytest.mark.parametrize("shape", VERSIONS)
def test_versions_are_parsed_in_linear_time(shape: str) -> None:
    assert_linear(parse_version, VERSIONS[shape], 1_000_000)


@pytest.mark.parametrize("shape", ENTRY_POINTS)
def test_entry_points_are_read_in_linear_time(shape: str) -> None:
    """U69: a line of 80,000 blanks could take 33 s, in which nothing else ran."""
    assert_linear(lambda content: list(script_names(content)), ENTRY_POINTS[shape], 1_000_000)


@pytest.mark.parametrize("profile", STRICT)
@pytest.mark.parametrize("shape", RECORDS)
def test_records_are_read_in_linear_time(shape: str, profile: Profile) -> None:
    """U68"""
    limits = Limits(archive_members=1_000_000)
    assert_linear(
        lambda content: inspected(content, profile=profile, limits=limits),
        lambda size: build_wheel(record=RECORDS[shape](size)),
        2_000_000,
    )


@pytest.mark.parametrize("shape", PAGES)
def test_pages_of_other_indexes_are_read_in_linear_time(shape: str) -> None:
    """P2, S3: html.parser of some Pythons goes over unfinished markup again and again."""
    page = PAGES[shape]
    length = len(page(100)) // 100
    assert_linear(
        lambda content: read_page(content, "", "https://index.example/simple/demo/", DEMO),
        lambda size: page(size // max(length, 1)).encode(),
        500_000,
    )
