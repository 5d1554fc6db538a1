"""METADATA and PKG-INFO, as the archive holds them."""

import re

import packaging.metadata
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from pypi_repo.domain.errors import InvalidMetadata
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata import raw_metadata
from pypi_repo.domain.metadata.core_metadata import CoreMetadata
from pypi_repo.domain.validation.profiles import RULES
from tests.support.inspecting import NO_RULES

WHEEL = DistributionFilename.parse("some_thing-1.0-py3-none-any.whl")


def _document(*headers: str, version: str = "2.1", body: str = "") -> bytes:
    lines = [f"Metadata-Version: {version}", "Name: some-thing", "Version: 1.0", *headers]
    return ("\n".join(lines) + f"\n\n{body}").encode()


def test_the_fields_that_the_index_speaks_of() -> None:
    metadata = CoreMetadata.parse(
        _document("Requires-Python: >=3.8,<4", body="# Readme\n"), RULES["private"]
    )
    assert metadata.name == "some-thing"
    assert metadata.version == Version("1.0")
    assert metadata.requires_python == ">=3.8,<4"


@pytest.mark.parametrize(
    "version", ["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.99"]
)
def test_known_and_newer_minor_versions_are_accepted(version: str) -> None:
    """U30"""
    document = _document("Field-Of-The-Future: yes", "Import-Name: thing", version=version)
    assert CoreMetadata.parse(document, RULES["private"]).name == "some-thing"


@pytest.mark.parametrize("version", ["3.0", "10.0", "0.9", "-1", "", "two", "v2.1", "2021.1"])
def test_other_major_versions_are_refused(version: str) -> None:
    """U30"""
    with pytest.raises(InvalidMetadata, match="Metadata-Version"):
        CoreMetadata.parse(_document(version=version), RULES["private"])


@pytest.mark.parametrize("specifier", [">=3.8", "==3.*", "~=3.9", ">=3.8, !=3.9.*", ">=3.11.0a1"])
def test_specifiers_of_all_kinds_are_kept_as_written(specifier: str) -> None:
    """U38"""
    document = _document(f"Requires-Python: {specifier}")
    assert CoreMetadata.parse(document, RULES["private"]).requires_python == specifier


@pytest.mark.parametrize("specifier", ["3.8", ">=3.8 <4", ">=3.x", "=>3.8", "python>=3.8", "<b>"])
def test_what_is_no_specifier_is_refused(specifier: str) -> None:
    """U38: uv would silently drop the file."""
    with pytest.raises(InvalidMetadata, match="Requires-Python"):
        CoreMetadata.parse(_document(f"Requires-Python: {specifier}"), RULES["private"])


@pytest.mark.parametrize("headers", [(), ("Requires-Python:",), ("Requires-Python: ",)])
def test_no_requirement_on_python_is_none(headers: tuple[str, ...]) -> None:
    """U12, X33"""
    assert CoreMetadata.parse(_document(*headers), RULES["private"]).requires_python is None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"Metadata-Version: 2.1\nName: demo\n",
        b"Metadata-Version: 2.1\nVersion: 1.0\n",
        b"Metadata-Version: 2.1\nName: demo\nVersion: one\n",
        b"Metadata-Version: 2.1\nName: demo\nName: other\nVersion: 1.0\n",
        b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nVersion: 2.0\n",
        b"Metadata-Version: 2.1\nName: d\xff\xfe\nVersion: 1.0\n",
        b"\n\nMetadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        b"\x00\x01\x02",
    ],
)
def test_documents_without_one_name_and_version_are_refused(document: bytes) -> None:
    """U30, U32, U72"""
    with pytest.raises(InvalidMetadata):
        CoreMetadata.parse(document, RULES["private"])


@given(
    st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda end: _document() + end))
)
def test_any_bytes_are_parsed_or_refused(document: bytes) -> None:
    try:
        metadata = CoreMetadata.parse(document, RULES["private"])
    except InvalidMetadata:
        return
    assert metadata.name
    assert str(metadata.version)


def test_text_of_other_encodings_beside_the_point_is_tolerated() -> None:
    """Old tools wrote Latin-1 summaries; the document is passed on as it is."""
    assert (
        CoreMetadata.parse(_document()[:-1] + b"Author: Zo\xeb\n", RULES["private"]).name
        == "some-thing"
    )


@pytest.mark.parametrize("name", ["some-thing", "Some.Thing", "some__thing"])
@pytest.mark.parametrize("version", ["1.0", "1.0.0", "v1", "01.0"])
def test_the_artifact_may_spell_name_and_version_its_own_way(name: str, version: str) -> None:
    """U49, U72: equality is that of normalized names and of version values."""
    CoreMetadata(name, Version(version), None, {}).check_against(WHEEL)


@pytest.mark.parametrize(
    ("name", "version"),
    [("something", "1.0"), ("other", "1.0"), ("some-thing", "1.1"), ("some-thing", "1.0+local")],
)
def test_an_artifact_of_another_name_or_version_is_refused(name: str, version: str) -> None:
    """U72"""
    with pytest.raises(InvalidMetadata, match=r"some-thing 1\.0"):
        CoreMetadata(name, Version(version), None, {}).check_against(WHEEL)


@pytest.mark.parametrize("line", ["Metadata-Version: {}.1", "Version: {}", "Version: 1.{}"])
def test_numbers_that_python_refuses_to_read_are_refused(line: str) -> None:
    """U30, U32: int() raises a plain ValueError beyond 4300 digits, also on the filename's side."""
    fields = {"Metadata-Version": "2.1", "Name": "demo", "Version": "1.0"}
    name, _colon, value = line.format("9" * 5000).partition(": ")
    fields[name] = value
    with pytest.raises(InvalidMetadata):
        CoreMetadata.parse(
            "".join(f"{key}: {text}\n" for key, text in fields.items()).encode(), RULES["private"]
        )


@pytest.mark.parametrize(
    "header",
    [
        "Content-Type: multipart/mixed; boundary=x",
        "Content-Type: message/rfc822",
        "Content-Transfer-Encoding: base64",
        "MIME-Version: 1.0",
    ],
)
def test_core_metadata_are_no_e_mail(header: str) -> None:
    """U113: the body is the description, whatever a header says that is no field."""
    body = "--x\n\nU29tZSB0ZXh0\n"
    for profile in RULES:
        parsed = CoreMetadata.parse(_document(header, body=body), RULES[profile])
        assert parsed.fields["description"] == body


def test_names_of_headers_come_in_any_case() -> None:
    document = _document("SUMMARY: of it", "requires-dist: a", "Requires-Dist: b", "X-Of-Ours: c")
    fields = CoreMetadata.parse(document, RULES["private"]).fields
    assert (fields["summary"], fields["requires_dist"]) == ("of it", ["a", "b"])


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param("Classifier: Typing :: Typed\n" * 10_000, id="too many headers"),
        pytest.param("".join(f"X-{n}: 1\n" for n in range(10_000)), id="too many other headers"),
        pytest.param("License: MIT\n" + " more\n" * 50_000, id="too many lines"),
        pytest.param("License: " + "x" * 300_000 + "\n", id="too long a line"),
        pytest.param("Requires-Python: " + ">=3.8," * 200 + "<4\n", id="too many specifiers"),
        pytest.param("Name: some" + "-" * 200 + "thing\n", id="too long a name"),
        pytest.param("Version: 1" + ".0" * 100 + "\n", id="too long a version"),
    ],
)
def test_whatever_is_too_much_is_refused(headers: str) -> None:
    """U113: before a library sees it."""
    head = "Metadata-Version: 2.1\nName: some-thing\nVersion: 1.0\n"
    name = headers.partition(":")[0]
    others = [line for line in head.splitlines(keepends=True) if not line.startswith(name)]
    with pytest.raises(InvalidMetadata):
        CoreMetadata.parse(("".join(others) + headers).encode(), NO_RULES)


@pytest.mark.parametrize("depth", [1, 300, 20_000])
@pytest.mark.parametrize(
    "header",
    [
        "Description-Content-Type: text/plain {}",
        "Description-Content-Type: text/plain; charset={}",
        "Requires-Dist: other; {}",
        "License-Expression: {}",
    ],
)
def test_parentheses_within_each_other_are_refused(header: str, depth: int) -> None:
    """U113"""
    with pytest.raises(InvalidMetadata):
        CoreMetadata.parse(_document(header.format("(" * depth)), RULES["private"])


@pytest.mark.parametrize("field", ["Author-email", "Maintainer-email"])
@pytest.mark.parametrize("opening", ["(", "a:"])
def test_comments_and_groups_within_each_other_are_no_address(field: str, opening: str) -> None:
    """U34, U113"""
    document = _document(f"{field}: {opening * 20_000}")
    complaint = f"{field} .* is not an e-mail address"
    (check,) = RULES["pypi"].metadata_checks
    with pytest.raises(InvalidMetadata, match=complaint):
        check(CoreMetadata.parse(document, RULES["pypi"]))
    (warning,) = CoreMetadata.parse(document, RULES["private"]).warnings
    assert re.match(complaint, warning)


@pytest.mark.parametrize(
    "kind",
    [
        "text/markdown;charset=utf-8",
        "text/markdown ; charset = UTF-8 ; variant=CommonMark",
        'text/x-rst; charset="UTF-8"',
        "text/plain;",
        "Text/Plain",
    ],
)
def test_content_types_are_taken_in_any_spelling(kind: str) -> None:
    """U41"""
    parsed = CoreMetadata.parse(_document(f"Description-Content-Type: {kind}"), RULES["private"])
    assert parsed.fields["description_content_type"] == kind


def test_every_field_that_the_parser_knows_gets_to_it() -> None:
    known = {name.encode() for name in packaging.metadata._EMAIL_TO_RAW_MAPPING}
    assert known <= raw_metadata.FIELDS
