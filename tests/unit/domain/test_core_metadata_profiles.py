"""Core metadata by profile: what each field must be, as the artifact has it."""

import pytest

from pypi_repo.domain.errors import InvalidMetadata
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata.core_metadata import CoreMetadata
from pypi_repo.domain.validation.profiles import RULES, Profile
from tests.support.inspecting import NO_RULES

# Core metadata depend on one rule, `valid_metadata`: on in private and pypi, off in lenient.
STRICT_AND_LENIENT: tuple[Profile, ...] = ("private", "lenient")


def _document(*lines: str, version: str = "2.4", body: str = "") -> bytes:
    head = [f"Metadata-Version: {version}", "Name: demo", "Version: 1.0", *lines]
    return ("\n".join(head) + "\n\n" + body).encode()


def _parse(*lines: str, profile: Profile = "private", version: str = "2.4") -> CoreMetadata:
    return CoreMetadata.parse(_document(*lines, version=version), RULES[profile])


_REFUSED = {
    "U33 summary without end": ["Summary: " + "x" * 513],
    "U33 summary without end, folded": ["Summary: " + "x" * 300, "  " + "x" * 300],
    "U36 home page without a scheme": ["Home-page: example.org"],
    "U36 home page of a script": ["Home-page: javascript:alert(1)"],
    "U36 home page without a host": ["Home-page: https://"],
    "U36 home page with a host longer than any": ["Home-page: https://" + "a" * 301],
    "U36 home page that cannot be split": ["Home-page: http://[::1"],
    "U36 download by FTP": ["Download-URL: ftp://example.org/demo"],
    "U36 project URL without a label": ["Project-URL: , https://example.org"],
    "U36 project URL with a long label": ["Project-URL: " + "x" * 33 + ", https://example.org"],
    "U36 project URL without a URL": ["Project-URL: Home"],
    "U36 project URL of a script": ["Project-URL: Home, javascript:alert(1)"],
    "U36 label twice": ["Project-URL: A, https://example.org", "Project-URL: A, https://e.org"],
    "U37 requirement that is none": ["Requires-Dist: other >==1"],
    "U38 specifier that is none": ["Requires-Python: three"],
    "U39 dynamic field that does not exist": ["Dynamic: Colour"],
    "U39 dynamic name": ["Dynamic: Name"],
    "U39 dynamic version": ["Dynamic: Version"],
    "U39 dynamic metadata version": ["Dynamic: Metadata-Version"],
    "U40 two licences": ["License: MIT", "License-Expression: MIT"],
    "U40 expression that is none": ["License-Expression: Do What You Like"],
    "U40 licence file of the root": ["License-File: /etc/passwd"],
    "U40 licence file of the parent": ["License-File: ../LICENSE"],
    "U40 licence file of a pattern": ["License-File: LICEN[CS]E*"],
    "U40 licence file with backslashes": ["License-File: docs\\LICENSE"],
    "U41 description of another type": ["Description-Content-Type: text/html"],
    "U41 description of another charset": ["Description-Content-Type: text/plain; charset=latin-1"],
    "U41 description of another variant": [
        "Description-Content-Type: text/markdown; variant=Pandoc"
    ],
    "U42 extra that cannot be a name": ["Provides-Extra: not valid!"],
}


@pytest.mark.parametrize("shape", _REFUSED)
def test_fields_are_validated(shape: str) -> None:
    """U33, U34, U36 to U42"""
    with pytest.raises(InvalidMetadata) as refused:
        _parse(*_REFUSED[shape])
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize("shape", _REFUSED)
def test_lenient_takes_what_old_files_have(shape: str) -> None:
    """U33 to U42"""
    assert _parse(*_REFUSED[shape], profile="lenient").name == "demo"


@pytest.mark.parametrize(
    "specifier", [">=3.6.*", "!=3.0*", ">=2.7, !=3.0.*, <=3.*", "three", "3.8"]
)
def test_lenient_keeps_an_old_requires_python_as_it_is(specifier: str) -> None:
    """U38: installers still read most of them."""
    kept = _parse(f"Requires-Python: {specifier}", profile="lenient")
    assert kept.requires_python == specifier
    assert kept.warnings == (f"Requires-Python {specifier!r} is not a valid version specifier.",)
    with pytest.raises(InvalidMetadata, match="Requires-Python"):
        _parse(f"Requires-Python: {specifier}")


@pytest.mark.parametrize(
    "specifier", [">=3\0", ">=3\x1b[2J", "\N{RIGHT-TO-LEFT OVERRIDE}3", "3" * 1025]
)
def test_lenient_keeps_nothing_that_a_page_could_not_hold(specifier: str) -> None:
    """U38"""
    with pytest.raises(InvalidMetadata, match="Requires-Python"):
        _parse(f"Requires-Python: {specifier}", profile="lenient")


_ODD = {
    "author without an address": ["Author-email: not an address"],
    "last address is none": ["Author-email: Ada <ada@example.org>, nonsense"],
    "maintainer without an address": ["Maintainer-email: Ada at home"],
    "home page for SSH": ["Home-page: ssh://git@example.org/team/demo.git"],
    "home page as Git writes it": ["Home-page: git@example.org:team/demo.git"],
    "home page of Git": ["Home-page: git://example.org/demo"],
    "download from a repository": ["Download-URL: git+https://example.org/demo@v1.0"],
    "project URL of another kind of repository": ["Project-URL: Source, hg+ssh://example.org/demo"],
}


@pytest.mark.parametrize("shape", _ODD)
def test_contacts_that_only_people_understand_are_a_warning(shape: str) -> None:
    """U34, U36: and none of the public index's."""
    (line,) = _ODD[shape]
    (warning,) = _parse(line).warnings
    assert warning.startswith(line.partition(":")[0])
    assert _parse(line, profile="lenient").warnings == ()
    (check,) = RULES["pypi"].metadata_checks
    with pytest.raises(InvalidMetadata, match=r"e-mail address|https URL"):
        check(_parse(line, profile="pypi"))


def test_of_many_odd_contacts_the_first_are_named() -> None:
    """U36: what is said of an upload is kept in the journal."""
    urls = [f"Project-URL: {number}, ssh://example.org/demo" for number in range(9_000)]
    assert len(_parse(*urls[:5]).warnings) == 5
    *first, rest = _parse(*urls).warnings
    assert first == list(_parse(*urls[:5]).warnings)
    assert rest == "So it is with 8,995 URLs more."


@pytest.mark.parametrize("profile", STRICT_AND_LENIENT)
@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("Home-page", "home_page"),
        ("Download-URL", "download_url"),
        ("Author", "author"),
        ("Author-email", "author_email"),
        ("Maintainer", "maintainer"),
        ("Maintainer-email", "maintainer_email"),
        ("Summary", "summary"),
        ("License", "license"),
        ("Keywords", "keywords"),
        ("Platform", "platforms"),
        ("Description", "description"),
        ("Description-Content-Type", "description_content_type"),
        ("Requires-Python", "requires_python"),
        ("Classifier", "classifiers"),
        ("Project-URL", "project_urls"),
        ("License-File", "license_files"),
    ],
)
@pytest.mark.parametrize("value", ["UNKNOWN", "  UNKNOWN  ", "\n UNKNOWN"])
def test_unknown_is_no_value(field: str, key: str, value: str, profile: Profile) -> None:
    """U10: setuptools and flit wrote it for whatever nobody had said."""
    parsed = _parse(f"{field}: {value}", "License-Expression: MIT", profile=profile)
    assert key not in parsed.fields
    assert parsed.warnings == ()
    assert parsed.requires_python is None


@pytest.mark.parametrize("profile", STRICT_AND_LENIENT)
def test_a_description_that_is_unknown_is_none(profile: Profile) -> None:
    """U10: setuptools wrote it as the body, too."""
    for body in ("UNKNOWN\n", "\nUNKNOWN\n\n"):
        parsed = CoreMetadata.parse(_document(body=body), RULES[profile])
        assert "description" not in parsed.fields
    parsed = CoreMetadata.parse(_document(body="UNKNOWN is a word.\n"), RULES[profile])
    assert parsed.fields["description"] == "UNKNOWN is a word.\n"


@pytest.mark.parametrize("profile", STRICT_AND_LENIENT)
def test_one_value_of_a_list_may_be_unknown(profile: Profile) -> None:
    """U10"""
    parsed = _parse(
        "Platform: UNKNOWN", "Platform: any", "Keywords: UNKNOWN-thing", profile=profile
    )
    assert parsed.fields["platforms"] == ["any"]
    assert parsed.fields["keywords"] == ["UNKNOWN-thing"]


@pytest.mark.parametrize("field", ["Name", "Version"])
def test_nothing_is_named_unknown(field: str) -> None:
    """U10: as a setup() that says nothing would be."""
    document = _document().replace(f"\n{field}: ".encode(), f"\n{field}: UNKNOWN\nX-Was: ".encode())
    with pytest.raises(InvalidMetadata, match="one Name"):
        CoreMetadata.parse(document, NO_RULES)


@pytest.mark.parametrize("profile", STRICT_AND_LENIENT)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_folded_headers_are_one_line(end: str, profile: Profile) -> None:
    """U33: whatever the field; only texts of many lines keep theirs."""
    lines = [
        "Metadata-Version: 2.1",
        "Name:",
        " demo",
        "Version: 1.0",
        "Summary: one",
        "  two",
        "\tthree",
        "Classifier: Programming Language ::",
        " Python",
        "Project-URL: Home,",
        " https://example.org",
        "Requires-Python: >=3.8,",
        "  <4",
        "License: first",
        "        second",
        "",
        "",
    ]
    parsed = CoreMetadata.parse(end.join(lines).encode(), RULES[profile])
    assert parsed.name == "demo"
    assert parsed.requires_python == ">=3.8, <4"
    assert parsed.fields["summary"] == "one two three"
    assert parsed.fields["classifiers"] == ["Programming Language :: Python"]
    assert parsed.fields["project_urls"] == {"Home": "https://example.org"}
    assert parsed.fields["license"].splitlines() == ["first", "        second"]


@pytest.mark.parametrize("profile", STRICT_AND_LENIENT)
@pytest.mark.parametrize("version", ["1.2", "2.1", "2.3"])
@pytest.mark.parametrize(
    "path", ["../LICENSE", "../../LICENSE", "licenses\\MIT.txt", "/src/LICENSE", "C:\\LICENSE"]
)
def test_paths_of_licences_have_rules_since_2_4(path: str, version: str, profile: Profile) -> None:
    """U40, U70, U78"""
    parsed = _parse(f"License-File: {path}", version=version, profile=profile)
    assert parsed.fields["license_files"] == [path]
    if profile != "lenient":
        for newer in ("2.4", "2.5"):
            with pytest.raises(InvalidMetadata):
                _parse(f"License-File: {path}", version=newer, profile=profile)


_ACCEPTED = {
    "U33 longest summary": ["Summary: " + "x" * 512],
    "U34 name without an address": ["Author-email: Ada <>"],
    "U34 several addresses": ['Author-email: "Ada, B." <ada@example.org>, c@example.org'],
    "U35 private classifier": ["Classifier: Private :: Do Not Upload"],
    "U35 unknown classifier": ["Classifier: Topic :: Ours"],
    "U36 URLs": ["Home-page: http://[::1]:8080/x", "Project-URL: Home, https://example.org/a,b"],
    "U36 longest label": ["Project-URL: " + "x" * 32 + ", https://example.org"],
    "U37 requirements": ["Requires-Dist: a[b,c] (>=1) ; python_version < '4'"],
    "U37 direct reference": ["Requires-Dist: a @ https://example.org/a-1.0.zip"],
    "U38 specifiers": ["Requires-Python: >=3.8, !=3.9.*, <4"],
    "U39 dynamic fields": ["Dynamic: Requires-Dist", "Dynamic: License-File"],
    "U40 expression": ["License-Expression: (MIT OR Apache-2.0) AND LicenseRef-Ours"],
    "U40 licence files": ["License-File: LICENSE", "License-File: docs/more/COPYING"],
    "U41 markdown": ["Description-Content-Type: text/markdown; charset=UTF-8; variant=GFM"],
    "U41 plain": ["Description-Content-Type: text/plain"],
    "U42 extras": ["Provides-Extra: with-more"],
    "unknown fields": ["X-Ours: anything"],
}


@pytest.mark.parametrize("profile", STRICT_AND_LENIENT)
@pytest.mark.parametrize("shape", _ACCEPTED)
def test_sound_fields_are_taken(shape: str, profile: Profile) -> None:
    """U33 to U42: the public index asks more of some, see test_public_index."""
    assert str(_parse(*_ACCEPTED[shape], profile=profile).version) == "1.0"


@pytest.mark.parametrize(
    "version", ["", "3.0", "0.9", "two", "2", "2.", ".1", "2.x", "-2.1", "2.1.0", "\uff12.1"]
)
def test_unknown_metadata_versions_are_refused(version: str) -> None:
    """U30"""
    with pytest.raises(InvalidMetadata, match="Metadata-Version"):
        CoreMetadata.parse(_document(version=version), NO_RULES)


@pytest.mark.parametrize("profile", STRICT_AND_LENIENT)
@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5"])
def test_known_metadata_versions_are_taken(version: str, profile: Profile) -> None:
    """U30"""
    assert _parse(profile=profile, version=version).fields["metadata_version"] == version


@pytest.mark.parametrize("version", ["2.6", "2.10", "2.999"])
def test_newer_minor_versions_are_taken(version: str) -> None:
    """U30: they only add fields, and those are kept in the document."""
    assert _parse("New-Field: x", version=version).fields["metadata_version"] == version
    assert _parse("New-Field: x", version=version, profile="lenient").name == "demo"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"Metadata-Version: 2.1\n",
        b"Metadata-Version: 2.1\nName: demo\n",
        b"Metadata-Version: 2.1\nVersion: 1.0\n",
        b"Metadata-Version: 2.1\nName: demo\nName: other\nVersion: 1.0\n",
        b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nVersion: 2.0\n",
        b"Metadata-Version: 2.1\nName: demo\nVersion: one\n",
        b"Metadata-Version: 2.1\nName: demo\nVersion: \n",
        b"Metadata-Version: 2.1\nMetadata-Version: 2.2\nName: demo\nVersion: 1.0\n",
    ],
)
def test_name_and_version_are_given_once(document: bytes) -> None:
    """U24, U32, U72"""
    with pytest.raises(InvalidMetadata):
        CoreMetadata.parse(document, NO_RULES)


@pytest.mark.parametrize("field", ["Metadata-Version", "Version"])
def test_endless_numbers_are_refused(field: str) -> None:
    """U30, U32: Python makes no number of 5000 digits."""
    values = {"Metadata-Version": "2.1", "Name": "demo", "Version": "1.0", field: "2." + "1" * 5000}
    document = "".join(f"{name}: {value}\n" for name, value in values.items())
    with pytest.raises(InvalidMetadata):
        CoreMetadata.parse(document.encode(), NO_RULES)


@pytest.mark.parametrize("profile", STRICT_AND_LENIENT)
@pytest.mark.parametrize("version", ["2.1", "2.3"])
def test_licence_fields_came_before_their_version(version: str, profile: Profile) -> None:
    """U40: well-known builders wrote them early; only the public index minds."""
    early = ["License-File: LICENSE", "License-Expression: MIT"]
    assert _parse(*early, version=version, profile=profile).fields["license_files"]


@pytest.mark.parametrize("version", ["1.0+local.7", "2!1.0", "1.0.dev3", "1.0-1", "v1.0"])
def test_any_version_of_the_specification_is_taken(version: str) -> None:
    """U32: local ones too."""
    document = _document().replace(b"Version: 1.0\n", f"Version: {version}\n".encode(), 2)
    document = document.replace(f"Metadata-Version: {version}".encode(), b"Metadata-Version: 2.4")
    assert CoreMetadata.parse(document, RULES["private"]).version.public


@pytest.mark.parametrize(
    ("name", "version"), [("demo", "1.0"), ("Demo", "1.0.0"), ("DEMO", "v1"), ("d.emo", "1.0")]
)
def test_name_and_version_must_be_those_of_the_file(name: str, version: str) -> None:
    """U49, U72: in any spelling."""
    document = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    metadata = CoreMetadata.parse(document, RULES["private"])
    filename = DistributionFilename.parse("demo-1.0.tar.gz")
    if name == "d.emo":
        with pytest.raises(InvalidMetadata, match=r"demo 1\.0"):
            metadata.check_against(filename)
    else:
        metadata.check_against(filename)


def test_the_first_failure_is_that_of_the_most_important_field() -> None:
    """U30: metadata version, name and version, then by the alphabet."""
    lines = ["Summary: " + "x" * 600, "Requires-Dist: >==", "Dynamic: Colour"]
    with pytest.raises(InvalidMetadata, match="dynamic"):
        _parse(*lines)
    bad_name = _document(*lines).replace(b"Name: demo", b"Name: !")
    with pytest.raises(InvalidMetadata, match="name"):
        CoreMetadata.parse(bad_name, RULES["private"])
