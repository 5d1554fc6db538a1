"""The text fields of an upload."""

import hashlib
import io
from dataclasses import replace

import pytest
from packaging.version import Version

from pypi_repo.domain.digests import DigestingCounter
from pypi_repo.domain.errors import (
    DigestMismatch,
    InvalidFilename,
    InvalidForm,
    InvalidName,
)
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.names import normalize
from pypi_repo.domain.validation.profiles import RULES, Profile
from pypi_repo.domain.validation.upload_form import UploadForm
from tests.support.distributions import Distribution, sdist, upload_form, wheel
from tests.support.uploads import form_of

WHEEL = wheel()
SDIST = sdist()


def _check_digests(
    form: UploadForm, content: bytes = WHEEL.content, profile: Profile = "private"
) -> None:
    """Of a form that came with such content."""
    received = _received(content).digests()
    form.check_digests(received, lambda: io.BytesIO(content), RULES[profile])


def test_the_form_that_twine_sends() -> None:
    form = form_of(wheel("Some.Thing", "1.0"))
    assert form.filename == DistributionFilename.parse("some_thing-1.0-py3-none-any.whl")
    assert form.stated.keys() == {"sha256", "blake2_256"}


@pytest.mark.parametrize("value", ["2", "1.0", "x", "0"])
def test_only_protocol_version_1(value: str) -> None:
    """U09"""
    with pytest.raises(InvalidForm, match="protocol_version"):
        form_of(WHEEL, protocol_version=value)


@pytest.mark.parametrize("value", ["1", "", None])
def test_protocol_version_may_be_absent(value: str | None) -> None:
    """U09, U12"""
    assert form_of(WHEEL, protocol_version=value).filename.project == "demo"


@pytest.mark.parametrize("unknown", ["UNKNOWN", " UNKNOWN ", "UNKNOWN\n"])
def test_unknown_counts_as_not_sent(unknown: str) -> None:
    """U10"""
    assert form_of(WHEEL, md5_digest=unknown, summary=["a", unknown]).filename.project == "demo"
    with pytest.raises(InvalidForm, match="field name is missing"):
        form_of(WHEEL, name=unknown)


def test_nul_never_gets_into_a_value() -> None:
    """U10"""
    with pytest.raises(InvalidName, match=r"x00"):
        form_of(WHEEL, name="de\0mo")


@pytest.mark.parametrize(
    "field", ["name", "version", "filetype", "pyversion", "sha256_digest", "protocol_version"]
)
def test_a_scalar_that_is_sent_twice_is_refused(field: str) -> None:
    """U12"""
    value = upload_form(WHEEL)[field]
    assert isinstance(value, str)
    with pytest.raises(InvalidForm, match=f"{field} .*only once"):
        form_of(WHEEL, **{field: [value, value]})


@pytest.mark.parametrize("field", ["summary", "description", "license", "author_email"])
def test_descriptive_scalars_are_not_repeated_either(field: str) -> None:
    """U12"""
    with pytest.raises(InvalidForm, match=field):
        form_of(WHEEL, **{field: ["one", "two"]})


@pytest.mark.parametrize(
    "field",
    [
        "classifiers",
        "requires_dist",
        "project_urls",
        "dynamic",
        "license_file",
        "platform",
        "colour",
    ],
)
def test_lists_travel_as_repeated_keys_and_unknown_fields_are_ignored(field: str) -> None:
    """U12, U13"""
    assert form_of(WHEEL, **{field: ["one", "two"]}).filename.project == "demo"


@pytest.mark.parametrize("field", ["requires_python", "description", "md5_digest", "comment"])
def test_an_empty_value_counts_as_not_sent(field: str) -> None:
    """U12: uv and hatch send such."""
    assert form_of(WHEEL, **{field: ""}).filename.project == "demo"


@pytest.mark.parametrize("field", ["name", "version", "filetype", "pyversion"])
@pytest.mark.parametrize("value", [None, ""])
def test_what_must_be_there(field: str, value: str | None) -> None:
    """U24, U25, U26, U32"""
    with pytest.raises(InvalidForm, match=f"field {field} is missing"):
        form_of(WHEEL, **{field: value})


@pytest.mark.parametrize("name", ["-demo", "demo-", "de mo", "demo\n", "dèmo", "../demo"])
def test_an_invalid_name_is_refused(name: str) -> None:
    """U24"""
    with pytest.raises(InvalidName):
        form_of(WHEEL, name=name)


@pytest.mark.parametrize(
    "filetype",
    ["bdist_egg", "bdist_wininst", "bdist_rpm", "bdist_dumb", "wheel", "SDIST", "x" * 999],
)
def test_only_sdists_and_wheels(filetype: str) -> None:
    """U25"""
    with pytest.raises(InvalidForm, match="neither sdist nor bdist_wheel"):
        form_of(WHEEL, filetype=filetype)


@pytest.mark.parametrize("pyversion", ["source", None, ""])
def test_the_pyversion_of_an_sdist_is_source_or_absent(pyversion: str | None) -> None:
    """U26: flit sends none."""
    assert form_of(SDIST, pyversion=pyversion).filename.kind == "sdist"


def test_another_pyversion_of_an_sdist_is_refused() -> None:
    """U26"""
    with pytest.raises(InvalidForm, match="'source'"):
        form_of(SDIST, pyversion="py3")


@pytest.mark.parametrize("version", ["one", "1.0-", "1.0..1", "1.0+", "1.0+a b", " ", "1.0\0"])
def test_an_invalid_version_is_refused(version: str) -> None:
    """U32"""
    with pytest.raises(InvalidForm):
        form_of(WHEEL, version=version)


def test_a_local_version_is_accepted() -> None:
    """U32"""
    distribution = wheel(version="1.0+corp.7")
    assert str(form_of(distribution).filename.version) == "1.0+corp.7"


def test_an_upload_without_any_digest_is_refused() -> None:
    """U27"""
    with pytest.raises(InvalidForm, match="no digest"):
        form_of(WHEEL, sha256_digest=None, blake2_256_digest="")


@pytest.mark.parametrize("field", ["sha256_digest", "blake2_256_digest"])
@pytest.mark.parametrize("value", ["a" * 63, "a" * 65, "g" * 64, "a" * 64 + "\n", "٣" * 64])
def test_a_digest_that_cannot_be_one_is_refused(field: str, value: str) -> None:
    """U27"""
    with pytest.raises(InvalidForm, match="64 hexadecimal digits"):
        form_of(WHEEL, **{field: value})


def _received(content: bytes) -> DigestingCounter:
    counter = DigestingCounter()
    counter.update(content)
    return counter


@pytest.mark.parametrize(
    "fields",
    [
        {"sha256_digest": WHEEL.sha256},
        {"sha256_digest": WHEEL.sha256.upper()},
        {"blake2_256_digest": WHEEL.blake2_256.upper()},
        {"md5_digest": WHEEL.md5},
        {"md5_digest": WHEEL.md5.upper()},
        {
            "sha256_digest": WHEEL.sha256,
            "blake2_256_digest": WHEEL.blake2_256,
            "md5_digest": WHEEL.md5,
        },
    ],
)
def test_any_set_of_right_digests_is_accepted_in_any_case(fields: dict[str, str]) -> None:
    """U27, U28"""
    given: dict[str, str | None] = {"sha256_digest": None, "blake2_256_digest": None, **fields}
    form = form_of(WHEEL, **given)
    assert len(form.stated) == len(fields)
    _check_digests(form)


@pytest.mark.parametrize("field", ["sha256", "blake2_256", "md5"])
def test_every_stated_digest_must_be_right(field: str) -> None:
    """U28"""
    right = {"sha256": WHEEL.sha256, "blake2_256": WHEEL.blake2_256, "md5": WHEEL.md5}
    stated = {
        f"{name}_digest": hashlib.sha256(b"other").hexdigest() if name == field else value
        for name, value in right.items()
    }
    form = form_of(WHEEL, **stated)
    with pytest.raises(DigestMismatch, match=field):
        _check_digests(form)


def test_one_changed_bit_is_noticed() -> None:
    """U28"""
    damaged = WHEEL.content[:-1] + bytes([WHEEL.content[-1] ^ 1])
    with pytest.raises(DigestMismatch):
        _check_digests(form_of(WHEEL), damaged)


BLAKE2_512 = hashlib.blake2b(WHEEL.content).hexdigest()


@pytest.mark.parametrize("stated", [BLAKE2_512, BLAKE2_512.upper()])
@pytest.mark.parametrize("others", [{}, {"sha256_digest": None}, {"md5_digest": WHEEL.md5}])
def test_the_long_blake2_of_distutils_is_compared_as_what_it_is(
    stated: str, others: dict[str, str | None]
) -> None:
    """U110: the public index refuses it."""
    form = form_of(WHEEL, blake2_256_digest=stated, **others)
    for profile in ("private", "lenient"):
        _check_digests(form, profile=profile)
        with pytest.raises(DigestMismatch, match="blake2_512"):
            _check_digests(replace(form, stated={"blake2_512": stated}), b"other", profile)
    with pytest.raises(InvalidForm, match="blake2_256_digest"):
        _check_digests(form, profile="pypi")


@pytest.mark.parametrize("stated", [BLAKE2_512[:-1], BLAKE2_512 + "0", "g" * 128])
def test_no_other_length_is_a_digest(stated: str) -> None:
    """U27"""
    with pytest.raises(InvalidForm, match="blake2_256_digest"):
        form_of(WHEEL, blake2_256_digest=stated)
    with pytest.raises(InvalidForm, match="sha256_digest"):
        form_of(WHEEL, sha256_digest=BLAKE2_512)


@pytest.mark.parametrize(
    "filename",
    [
        "Some_Thing-1.0.post9.tar.gz",
        "some-thing-1.0.post9.tar.gz",
        "some_thing-1.0-9.tar.gz",
        "some_thing-1.0.post09.tar.gz",
        "some_thing-1.0.tar.gz",
        "some_thing-1.0.post9.zip",
        "other_thing-1.0.post9.tar.gz",
        "some_thing_more-1.0.post9.tar.gz",
        "some_thing-1.0.post9-py3-none-any.whl",
    ],
)
def test_an_sdist_has_exactly_one_name(filename: str) -> None:
    """U44, U45, U46"""
    with pytest.raises(InvalidFilename, match=r"'some_thing-1\.0\.post9\.tar\.gz'"):
        form_of(sdist("some-thing", "1.0.post9"), filename).filename.check_normalized()


@pytest.mark.parametrize(
    ("filename", "name", "version"),
    [
        ("some_thing-1.0-9.tar.gz", "some-thing", "1.0.post9"),
        ("Some.Thing-1.0-9.tar.gz", "some-thing", "1.0-9"),
        ("some-thing-1.0-post9.zip", "some-thing", "1.0.post9"),
        ("some-thing-1.0-rc1.tar.gz", "some-thing", "1.0rc1"),
        ("some-thing-1.0-rc-1.tar.gz", "some-thing", "1.0rc1"),
        ("some-thing-1.0-beta.2.tar.gz", "Some_Thing", "1.0b2"),
        ("some-thing-1.0.dev-3.tar.gz", "some-thing", "1.0.dev3"),
        ("some-thing-1!1.0.tar.gz", "some-thing", "1!1.0"),
        ("some-1-1.tar.gz", "some", "1.post1"),
        ("some-1-1.tar.gz", "some-1", "1"),
        ("some-1-1-1.tar.gz", "some-1", "1.post1"),
    ],
)
def test_in_lenient_the_form_says_where_the_version_of_an_old_sdist_begins(
    filename: str, name: str, version: str
) -> None:
    """U46, U58: setuptools wrote hyphens into versions until 2024."""
    parsed = form_of(sdist(name, "1.0"), filename, name=name, version=version).filename
    assert (parsed.project, parsed.version) == (normalize(name), Version(version))
    assert f"{parsed.stem}." in filename
    with pytest.raises(InvalidFilename, match="'lenient'"):
        parsed.check_normalized()


@pytest.mark.parametrize(
    "filename", ["some-1.0.tar.gz", "some-thing-2.0.tar.gz", "some-thing.tar.gz", "thing-1.0.zip"]
)
def test_an_sdist_is_of_the_project_and_version_of_the_form(filename: str) -> None:
    """U45"""
    with pytest.raises(InvalidFilename):
        form_of(sdist("some-thing", "1.0"), filename)


@pytest.mark.parametrize(
    ("filename", "lenient_takes_it"),
    [
        ("Demo-1.0-py3-none-any.whl", True),
        ("demo-01.0-py3-none-any.whl", True),
        ("demo-1.0-py3-none-ANY.whl", False),
        ("Demo-1.0-py3-none-ANY.whl", False),
        ("other-1.0-py3-none-any.whl", False),
        ("Demo-2.0-py3-none-any.whl", False),
        ("demo-1.0.whl", False),
        ("demo-1.0.tar.gz", False),
    ],
)
def test_a_name_that_only_lenient_takes_says_so(filename: str, lenient_takes_it: bool) -> None:
    """U48, U49: and says nothing of a profile that would not help."""
    with pytest.raises(InvalidFilename) as refused:
        form_of(WHEEL, filename).filename.check_normalized()
    assert ("'lenient'" in refused.value.message) == lenient_takes_it


@pytest.mark.parametrize("version", ["1.0.post9", "1.0-9", "1.0-post9", "v1.0.post9", "1.0.POST9"])
def test_the_form_may_spell_the_version_its_own_way(version: str) -> None:
    """U45"""
    form = form_of(sdist("some-thing", "1.0.post9"), version=version)
    form.filename.check_normalized()
    assert form.filename.filename == "some_thing-1.0.post9.tar.gz"


@pytest.mark.parametrize("name", ["some-thing", "Some.Thing", "SOME_THING", "some--thing"])
def test_the_form_may_spell_the_name_its_own_way(name: str) -> None:
    """U48, U82"""
    form = form_of(wheel("some-thing", "1.0"), name=name)
    assert form.filename.project == "some-thing"


@pytest.mark.parametrize(
    "filename",
    [
        "Some_Thing-1.0-py3-none-any.whl",
        "some.thing-1.0-py3-none-any.whl",
        "some-thing-1.0-py3-none-any.whl",
        "something-1.0-py3-none-any.whl",
        "some_thing-1.1-py3-none-any.whl",
        "some_thing-1.0+local-py3-none-any.whl",
        "some_thing-1.0-py3-none.whl",
        "some_thing-1.0.tar.gz",
        "some_thing-1.0.zip",
        "some_thing-1.0.egg",
    ],
)
def test_a_wheel_of_another_name_version_or_shape_is_refused(filename: str) -> None:
    """U44, U47, U48, U49"""
    with pytest.raises(InvalidFilename):
        form_of(wheel("some-thing", "1.0"), filename).filename.check_normalized()


@pytest.mark.parametrize("distribution", [wheel(version="1.0.0"), sdist(version="1.0.0")])
def test_versions_are_compared_by_value(distribution: Distribution) -> None:
    """U49: 1.0.0 in the filename and 1.0 in the form are one version."""
    filename = form_of(distribution, version="1.0").filename
    filename.check_normalized()
    assert str(filename.version) == "1.0.0"


@pytest.mark.parametrize(
    "filename", ["a/demo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl\n", ""]
)
def test_an_unsafe_filename_does_not_get_into_the_form(filename: str) -> None:
    """U43"""
    fields = {key: [value] for key, value in upload_form(WHEEL).items() if isinstance(value, str)}
    with pytest.raises(InvalidFilename):
        UploadForm.from_fields(fields, filename)


def test_a_version_that_python_refuses_to_read_is_refused() -> None:
    """U32"""
    with pytest.raises(InvalidForm):
        form_of(WHEEL, version="9" * 5000)
