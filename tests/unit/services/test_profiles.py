"""The three validation profiles, from an upload to the index."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text
from werkzeug.test import Client

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.errors import (
    FileAlreadyExists,
    FilenameRetired,
    InvalidArchive,
    InvalidFilename,
    InvalidForm,
    InvalidMetadata,
    InvalidName,
    InvalidSetting,
    ReleaseClosed,
    TooLarge,
    UnknownProject,
)
from pypi_repo.domain.validation.profiles import PROFILES, Profile
from pypi_repo.settings import KIB
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.hostile_archives import Member, build_wheel, build_zip
from tests.support.http import Site, basic
from tests.support.journal import journal_of
from tests.support.uploads import UPLOADER, publish
from tests.support.uploads import page as page_of

USER, PASSWORD = "user@example.com", "correct horse"
STRICT: tuple[Profile, ...] = ("private", "pypi")


@pytest.fixture
def index(both: Registry) -> Registry:
    """A repository of each profile, and of its name."""
    for profile in PROFILES:
        both.acting_as(OPERATOR).repositories.create(profile, profile=profile)
    return both


def _site(registry: Registry, repository: str) -> Site:
    base = f"/repositories/{repository}"
    return Site(
        Client(registry.wsgi_app()),
        f"{base}/",
        f"{base}/simple/",
        f"{base}/files/",
        basic(USER, PASSWORD),
    )


def _as(distribution: Distribution, filename: str, content: bytes | None = None) -> Distribution:
    return Distribution(
        filename=filename,
        content=distribution.content if content is None else content,
        name=distribution.name,
        version=distribution.version,
        filetype=distribution.filetype,
        pyversion=distribution.pyversion,
        metadata=distribution.metadata,
    )


def _assert_nothing(registry: Registry, repository: str, project: str = "demo") -> None:
    with pytest.raises(UnknownProject):
        page_of(registry, project, repository)


# What a profile is


def test_private_is_the_default(registry: Registry) -> None:
    """Section 0"""
    assert registry.acting_as(OPERATOR).repositories.get("main").profile == "private"


def test_a_profile_is_one_of_three(registry: Registry) -> None:
    """Section 0"""
    with pytest.raises(InvalidSetting, match="private, pypi, lenient"):
        registry.acting_as(OPERATOR).repositories.change("main", profile="strict")
    with pytest.raises(InvalidSetting):
        registry.acting_as(OPERATOR).repositories.create("other", profile="")  # type: ignore[arg-type]


def test_a_profile_can_be_changed(registry: Registry) -> None:
    """Section 0: from the next upload on."""
    local = wheel(version="1.0+local")
    registry.acting_as(OPERATOR).repositories.change("main", profile="pypi")
    with pytest.raises(InvalidFilename):
        publish(registry, local)
    registry.acting_as(OPERATOR).repositories.change("main", profile="private")
    assert publish(registry, local).file.version == "1.0+local"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("build", [wheel, sdist])
def test_a_sound_file_passes_everywhere(
    index: Registry, build: Callable[..., Distribution], profile: Profile
) -> None:
    """Section 0"""
    accepted = publish(index, build(), profile)
    assert accepted.warnings == ()
    assert page_of(index, repository=profile).files == (accepted.file,)


# Metadata come from the artifact

_BAD_FIELDS = {
    "U30": "Metadata-Version: 2.x",
    "U33": "Summary: " + "x" * 513,
    "U36": "Home-page: javascript:alert(1)",
    "U37": "Requires-Dist: other >==1",
    "U39": "Dynamic: Colour",
    "U40": "License-File: ../LICENSE",
    "U41": "Description-Content-Type: text/html",
    "U42": "Provides-Extra: not valid!",
}


def _bad(rule: str) -> Distribution:
    field = _BAD_FIELDS[rule]
    if rule == "U30":
        return wheel(metadata_version="2.x")
    return wheel(metadata_version="2.4", extra_metadata=field)


@pytest.mark.parametrize("profile", STRICT)
@pytest.mark.parametrize("rule", _BAD_FIELDS)
def test_bad_fields_of_the_artifact_are_refused(
    index: Registry, rule: str, profile: Profile
) -> None:
    """U30, U31, U33, U34, U36 to U42: even where the form says nothing of them."""
    silent = dict.fromkeys(
        [
            "summary",
            "author_email",
            "home_page",
            "requires_dist",
            "dynamic",
            "license_file",
            "provides_extra",
        ]
    )
    with pytest.raises((InvalidMetadata, InvalidArchive)):
        publish(
            index,
            _bad(rule),
            profile,
            metadata_version="2.1",
            description_content_type=None,
            **silent,
        )
    _assert_nothing(index, profile)


@pytest.mark.parametrize("rule", [rule for rule in _BAD_FIELDS if rule != "U30"])
def test_lenient_takes_bad_fields(index: Registry, rule: str) -> None:
    """U33 to U42"""
    assert publish(index, _bad(rule), "lenient").file.filename == wheel().filename


def test_what_is_odd_about_metadata_is_told_and_journalled(index: Registry) -> None:
    """U34, U38: in the answer to the upload, and for good."""
    told = publish(index, wheel(extra_metadata="Author-email: nonsense"), "private").warnings
    old = publish(index, wheel(requires_python=">=3.6.*"), "lenient", requires_python=None)
    assert (old.file.requires_python, page_of(index, repository="lenient").files[0]) == (
        ">=3.6.*",
        old.file,
    )
    assert [
        entry.detail["warnings"] for entry in journal_of(index) if entry.action == "upload file"
    ] == [
        *told,
        *old.warnings,
    ]


@pytest.mark.parametrize("profile", STRICT)
def test_a_requires_python_that_clients_drop_is_refused(index: Registry, profile: Profile) -> None:
    """U38"""
    with pytest.raises(InvalidMetadata, match="Requires-Python"):
        publish(index, wheel(requires_python="three"), profile, requires_python=">=3")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_form_may_say_anything_else(index: Registry, profile: Profile) -> None:
    """U31: flit sends another metadata version and no licence, others rewrite or forget."""
    dist = wheel(
        metadata_version="2.4",
        requires_python=">=3.9",
        extra_metadata="License-Expression: MIT\nSummary: what is true",
    )
    accepted = publish(
        index,
        dist,
        profile,
        metadata_version="99.9",
        summary="x" * 1000,
        author_email="nonsense",
        requires_python=">=2",
        license="GPL",
        license_expression="Nonsense or not",
        classifiers=["Private :: Do Not Upload"],
        home_page="javascript:alert(1)",
        requires_dist=["other >==1", "a @ https://example.org/a.zip"],
    )
    assert accepted.file.requires_python == ">=3.9"
    (file,) = page_of(index, repository=profile).files
    assert file.requires_python == ">=3.9"
    details = index.repository(profile).source.project_details(UPLOADER, file.project).load()
    assert details.fields["summary"] == "what is true"
    assert details.fields["license_expression"] == "MIT"
    assert "classifiers" not in details.fields


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    "metadata",
    [
        b"Metadata-Version: 2.1\nName: other\nVersion: 1.0\n",
        b"Metadata-Version: 2.1\nName: demo\nVersion: 2.0\n",
    ],
)
@pytest.mark.parametrize("build", [wheel, sdist])
def test_name_and_version_must_agree(
    index: Registry, build: Callable[..., Distribution], metadata: bytes, profile: Profile
) -> None:
    """U31, U49, U72: of form, filename and artifact."""
    path = "PKG-INFO" if build is sdist else "demo-1.0.dist-info/METADATA"
    lying = build(files={path: metadata})
    with pytest.raises(InvalidMetadata, match="build the distribution again"):
        publish(index, lying, profile, name="demo", version="1.0")
    _assert_nothing(index, profile)
    with pytest.raises(InvalidFilename):
        publish(index, build(), profile, name="other")
    with pytest.raises(InvalidFilename):
        publish(index, build(), profile, version="2.0")


@pytest.mark.parametrize("profile", PROFILES)
def test_values_are_compared_and_not_spellings(index: Registry, profile: Profile) -> None:
    """U49, U72, U82"""
    dist = wheel(
        "some-demo",
        files={
            "some_demo-1.0.dist-info/METADATA": (
                b"Metadata-Version: 2.1\nName: Some.Demo\nVersion: v1.0.0\n"
            )
        },
    )
    assert publish(index, dist, profile, name="SOME_demo", version="1").file.version == "1.0"


@pytest.mark.parametrize("version", ["1.0+local.7"])
def test_local_versions(index: Registry, version: str) -> None:
    """U32: for private builds, not for a public index."""
    for build in (wheel, sdist):
        for profile in ("private", "lenient"):
            assert publish(index, build(version=version), profile).file.version == version
        with pytest.raises(InvalidFilename, match="local"):
            publish(index, build(version=version), "pypi")


@pytest.mark.parametrize(
    "field",
    [
        "Classifier: Private :: Do Not Upload",
        "Classifier: Framework :: Nonsense",
        "Requires-Dist: other @ https://example.org/other-1.0.zip",
    ],
)
def test_what_only_a_private_index_takes(index: Registry, field: str) -> None:
    """U35, U37"""
    dist = wheel(metadata_version="2.4", extra_metadata=field)
    publish(index, dist, "private")
    publish(index, dist, "lenient")
    with pytest.raises(InvalidMetadata):
        publish(index, dist, "pypi")
    _assert_nothing(index, "pypi")


@pytest.mark.parametrize("tag", ["py3-none-linux_x86_64", "py3-none-any.linux_x86_64"])
def test_platform_tags(index: Registry, tag: str) -> None:
    """U50: `linux_x86_64` is what an internal build is tagged with."""
    publish(index, wheel(tag=tag), "private")
    publish(index, wheel(tag=tag), "lenient")
    with pytest.raises(InvalidFilename, match="not portable"):
        publish(index, wheel(tag=tag), "pypi")
    publish(index, wheel(tag="py3-none-manylinux_2_28_x86_64"), "pypi")


# Spellings and completeness


def test_filenames_that_are_not_normalised(index: Registry) -> None:
    """U45, U48, U49: two spellings of one file would be two truths."""
    odd = Distribution(
        filename="Demo.Pkg-1.0.0-py3-none-any.whl",
        content=build_wheel_of("Demo.Pkg-1.0.0"),
        name="Demo.Pkg",
        version="1.0.0",
        filetype="bdist_wheel",
        pyversion="py3",
        metadata=b"Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0.0\n",
    )
    for profile in STRICT:
        with pytest.raises(InvalidFilename, match=r"demo_pkg-1\.0\.0-"):
            publish(index, odd, profile)
    assert publish(index, odd, "lenient").file.project == "demo-pkg"
    old = _as(sdist("demo-pkg"), "Demo-Pkg-1.0.tar.gz")
    for profile in STRICT:
        with pytest.raises(InvalidFilename, match=r"demo_pkg-1\.0\.tar\.gz"):
            publish(index, old, profile)
    (warning,) = publish(index, old, "lenient").warnings
    assert "Demo-Pkg-1.0" in warning


def build_wheel_of(stem: str) -> bytes:
    name, version = stem.split("-")
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    return build_zip(
        [
            Member(name=f"{stem}.dist-info/METADATA", content=metadata),
            Member(name=f"{stem}.dist-info/WHEEL", content=b"Wheel-Version: 1.0\n"),
        ]
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_zip_sdists(index: Registry, profile: Profile) -> None:
    """U45, U81: PEP 625 left the .tar.gz; old ones can be imported."""
    content = build_zip([Member(name="demo-1.0/PKG-INFO", content=sdist().metadata)])
    old = _as(sdist(), "demo-1.0.zip", content)
    if profile == "lenient":
        assert publish(index, old, profile).file.kind == "sdist"
    else:
        with pytest.raises(InvalidFilename, match=r"demo-1\.0\.tar\.gz"):
            publish(index, old, profile)


@pytest.mark.parametrize("filetype", ["bdist_egg", "bdist_wininst", "bdist_rpm"])
def test_eggs_and_the_like_are_off(index: Registry, filetype: str) -> None:
    """U25: even in lenient; forms are read before anybody asks for the profile."""
    with pytest.raises(InvalidForm, match="filetype"):
        publish(index, wheel(), "lenient", filetype=filetype)


def test_missing_records(index: Registry) -> None:
    """U67"""
    old = _as(wheel(), wheel().filename, build_wheel(without="demo-1.0.dist-info/RECORD"))
    for profile in STRICT:
        with pytest.raises(InvalidArchive, match="RECORD"):
            publish(index, old, profile)
    publish(index, old, "lenient")


def test_wrong_hashes_in_record(index: Registry) -> None:
    """U68: verified in private, and nowhere else."""
    record = {"demo-1.0.dist-info/RECORD": b"demo/__init__.py,sha256=abc,\n"}
    dist = wheel(files=record)
    with pytest.raises(InvalidArchive, match="RECORD"):
        publish(index, dist, "private")
    assert "RECORD does not list" in publish(index, dist, "pypi").warnings[0]
    assert publish(index, dist, "lenient").warnings == ()


def test_warnings_are_told_and_journalled(index: Registry) -> None:
    """U68, U80: to whoever uploads, and to whoever looks later."""
    odd = wheel(files={"demo-1.0.dist-info/RECORD": b"demo-1.0.dist-info/RECORD,,\n"})
    answer = _site(index, "private").upload(odd)
    assert answer.status_code == 200
    assert answer.text.startswith("Warning: RECORD does not list ")
    (entry,) = [e for e in journal_of(index, "private") if e.action == "upload file"]
    assert entry.detail is not None
    assert entry.detail["warnings"] in answer.text


# Space, copies, names and ages


def test_the_quota_holds_for_all_files_together(index: Registry) -> None:
    """U53: and what is replaced makes room."""
    first, second = wheel(padding=40 * KIB), wheel(version="2.0", padding=40 * KIB)
    index.acting_as(OPERATOR).repositories.change("private", quota=64 * KIB, allow_overwrite=True)
    publish(index, first, "private")
    with pytest.raises(TooLarge, match="quota of 64 KiB"):
        publish(index, second, "private")
    assert page_of(index, repository="private").versions == ("1.0",)
    publish(index, wheel(padding=50 * KIB), "private")
    index.acting_as(OPERATOR).projects.delete_release("private", "demo", "1.0")
    publish(index, second, "private")
    publish(index, second, "private")  # identical: nothing is added


def test_a_quota_is_of_one_repository(index: Registry) -> None:
    """U53"""
    for profile in STRICT:
        index.acting_as(OPERATOR).repositories.change(profile, quota=64 * KIB)
        publish(index, wheel(padding=40 * KIB), profile)


def test_an_exact_fit_fits(index: Registry) -> None:
    """U53"""
    dist = wheel()
    metadata = len(dist.metadata)
    index.acting_as(OPERATOR).repositories.change("private", quota=len(dist.content) + metadata - 1)
    with pytest.raises(TooLarge):
        publish(index, dist, "private")
    index.acting_as(OPERATOR).repositories.change("private", quota=len(dist.content) + metadata)
    publish(index, dist, "private")
    with pytest.raises(TooLarge):
        publish(index, wheel(version="2.0"), "private")


def test_the_same_content_under_another_name(index: Registry) -> None:
    """U56: re-tagging is legitimate, though not on the public index."""
    content = build_wheel(wheel=b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
    one = _as(wheel(), "demo-1.0-py3-none-any.whl", content)
    other = _as(wheel(), "demo-1.0-py2-none-any.whl", content)
    for profile in ("private", "lenient"):
        publish(index, one, profile)
        publish(index, other, profile)
        assert len(page_of(index, repository=profile).files) == 2
    index.acting_as(OPERATOR).repositories.delete("private")
    index.acting_as(OPERATOR).repositories.delete("lenient")
    publish(index, one, "pypi")
    with pytest.raises(FileAlreadyExists, match=r"as demo-1\.0-py3-none-any\.whl"):
        publish(index, other, "pypi")
    publish(index, one, "pypi")


def test_another_repository_is_another_index(index: Registry) -> None:
    """U56: nobody learns what private repositories hold."""
    content = build_wheel(wheel=b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
    publish(index, _as(wheel(), "demo-1.0-py2-none-any.whl", content), "private")
    publish(index, _as(wheel(), "demo-1.0-py3-none-any.whl", content), "pypi")


def test_in_lenient_a_release_has_all_its_old_sdists(index: Registry) -> None:
    """U46, U58, U81: two formats, two spellings of the name, and of the version."""
    zipped = build_zip([Member(name="demo-1.0/PKG-INFO", content=sdist().metadata)])
    publish(index, sdist(), "lenient")
    publish(index, _as(sdist(), "demo-1.0.zip", zipped), "lenient")
    publish(index, _as(sdist(), "Demo-1.0.tar.gz"), "lenient")
    publish(index, _as(sdist(version="1.0.post9"), "demo-1.0-9.tar.gz"), "lenient")
    files = page_of(index, repository="lenient").files
    assert [(file.filename, file.version) for file in files] == [
        ("demo-1.0.tar.gz", "1.0"),
        ("demo-1.0.zip", "1.0"),
        ("Demo-1.0.tar.gz", "1.0"),
        ("demo-1.0-9.tar.gz", "1.0.post9"),
    ]
    with pytest.raises(FileAlreadyExists):
        publish(index, _as(sdist(description="other"), "demo-1.0.zip"), "lenient")


@pytest.mark.parametrize("profile", STRICT)
def test_a_release_has_one_sdist(index: Registry, profile: Profile) -> None:
    """U58: by any name; wheels as many as one likes."""
    publish(index, sdist(version="1.0"), profile)
    with pytest.raises(ReleaseClosed, match="source distribution"):
        publish(index, sdist(version="1.0.0"), profile)
    publish(index, wheel(), profile)
    publish(index, wheel(tag="py2-none-any"), profile)
    publish(index, sdist(version="1.1"), profile)


def test_overwriting_lifts_the_limit_of_sdists_but_not_in_pypi(index: Registry) -> None:
    """U58, section 0"""
    for profile in STRICT:
        index.acting_as(OPERATOR).repositories.change(profile, allow_overwrite=True)
        publish(index, sdist(version="1.0"), profile)
        publish(index, sdist(version="1.0", description="again"), profile)
    publish(index, sdist(version="1.0.0"), "private")
    with pytest.raises(ReleaseClosed):
        publish(index, sdist(version="1.0.0"), "pypi")


@pytest.fixture
def dated(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Registry, Callable[..., None]]]:
    """A registry, and a function that makes all its releases older."""
    path = tmp_path_factory.mktemp("dated") / "registry.db"
    url = f"sqlite:///{path}"
    registry = Registry(Settings(database=url, blobs="memory://", password_cost=4))
    for profile in PROFILES:
        registry.acting_as(OPERATOR).repositories.create(profile, profile=profile)
    engine = create_engine(url)

    def set_back(**age: float) -> None:
        created = datetime.now(UTC) - timedelta(**age)
        with engine.begin() as connection:
            before = connection.execute(text("SELECT created_at FROM releases LIMIT 1")).scalar()
            assert isinstance(before, str)
            like_before = created.isoformat(sep=before[10])[: len(before)]
            connection.execute(text("UPDATE releases SET created_at = :at"), {"at": like_before})

    yield registry, set_back
    engine.dispose()
    registry.close()


def test_old_releases_are_closed_in_pypi(dated: tuple[Registry, Callable[..., None]]) -> None:
    """U59: after 14 days, and what is there already is there (U54, U55)."""
    registry, set_back = dated
    for profile in PROFILES:
        publish(registry, wheel(), profile)
    set_back(days=13, hours=23)
    for profile in PROFILES:
        publish(registry, wheel(tag="py2-none-any"), profile)
    set_back(days=14, minutes=1)
    publish(registry, sdist(), "private")
    publish(registry, sdist(), "lenient")
    with pytest.raises(ReleaseClosed, match="older than 14 days"):
        publish(registry, sdist(), "pypi")
    publish(registry, wheel(), "pypi")
    with pytest.raises(FileAlreadyExists):
        publish(registry, wheel(description="other"), "pypi")
    publish(registry, wheel(version="1.1"), "pypi")


@pytest.mark.parametrize(
    ("name", "like"), [("json", "library"), ("dem0", "'demo'"), ("d-emo", "demo")]
)
def test_names_that_could_be_mistaken(index: Registry, name: str, like: str) -> None:
    """U83: a matter of a public index."""
    for profile in PROFILES:
        publish(index, wheel(), profile)
    for profile in ("private", "lenient"):
        publish(index, wheel(name), profile)
    with pytest.raises(InvalidName, match=like):
        publish(index, wheel(name), "pypi")
    _assert_nothing(index, "pypi", name)


def test_a_name_taken_before_stays_usable(index: Registry) -> None:
    """U83: it is asked of new projects only."""
    publish(index, wheel("json"), "private")
    index.acting_as(OPERATOR).repositories.change("private", profile="pypi")
    publish(index, wheel("json", "2.0"), "private")


def test_deleted_names_stay_taken(index: Registry) -> None:
    """U57: unless the repository allows overwriting."""
    for profile in PROFILES:
        publish(index, wheel(), profile)
        index.acting_as(OPERATOR).projects.delete_file(profile, wheel().filename)
        with pytest.raises(FilenameRetired, match="raise the version"):
            publish(index, wheel(), profile)
        index.acting_as(OPERATOR).repositories.change(profile, allow_overwrite=True)
        publish(index, wheel(), profile)


# Statuses


@pytest.mark.parametrize(
    ("profile", "conflict", "too_large"),
    [("private", 409, 413), ("lenient", 409, 413), ("pypi", 400, 400)],
)
def test_pypi_answers_400_to_everything(
    index: Registry, profile: Profile, conflict: int, too_large: int
) -> None:
    """U52, U53, U55 and section 0: with the words that clients look for."""
    site = _site(index, profile)
    assert site.upload(wheel()).status_code == 200
    assert site.upload(wheel()).status_code == 200
    refused = site.upload(wheel(description="other"))
    assert refused.status_code == conflict
    assert "already exists" in refused.status
    assert "already exists" in refused.text
    index.acting_as(OPERATOR).repositories.change(profile, max_file_size=len(wheel().content) + KIB)
    assert site.upload(wheel(version="2.0", padding=9 * KIB)).status_code == too_large
    index.acting_as(OPERATOR).repositories.change(profile, max_file_size=None, quota=2 * KIB)
    assert site.upload(wheel(version="2.0", padding=9 * KIB)).status_code == too_large
    assert [file["filename"] for file in site.page("demo")["files"]] == [wheel().filename]


# Two spellings


def test_two_spellings_of_a_version_are_one_release(index: Registry) -> None:
    """U85: the first spelling stays; two files of one release."""
    publish(index, wheel(version="1.0"), "private")
    publish(index, wheel(version="1.0.0", tag="py2-none-any"), "private")
    publish(index, sdist(version="1"), "private")
    page = page_of(index, repository="private")
    assert page.versions == ("1.0",)
    assert [file.version for file in page.files] == ["1.0"] * 3
    assert page.files[1].filename == "demo-1.0.0-py2-none-any.whl"


@pytest.mark.parametrize(
    ("one", "other"), [("1.0.post1", "1.0-1"), ("1.0a1", "1.0.alpha.1"), ("1.0", "v1.0")]
)
def test_other_spellings_in_the_form_join_too(index: Registry, one: str, other: str) -> None:
    """U85"""
    publish(index, wheel(version=one), "private")
    publish(index, wheel(version=one, tag="py2-none-any"), "private", version=other)
    assert page_of(index, repository="private").versions == (one,)


def test_epochs_and_locals_are_releases_of_their_own(index: Registry) -> None:
    """U85"""
    for version in ("1.0", "1!1.0", "1.0+a", "1.0+b", "1.0.dev0"):
        publish(index, wheel(version=version), "private")
    assert len(page_of(index, repository="private").versions) == 5


def test_two_spellings_of_a_name_are_one_project(index: Registry) -> None:
    """U82: shown as the latest upload spelled it."""
    publish(index, wheel("Foo.Bar", "1.0"), "private", name="Foo.Bar")
    publish(index, wheel("foo_bar", "2.0"), "private", name="foo_bar")
    publish(index, wheel("foo--bar", "3.0"), "private", name="foo--bar")
    (project,) = index.acting_as(OPERATOR).projects.all("private")
    assert (project.name, project.normalized_name) == ("foo--bar", "foo-bar")
    assert page_of(index, "foo-bar", "private").versions == ("1.0", "2.0", "3.0")


def test_metadata_are_kept_for_each_file(index: Registry) -> None:
    """U86: and the newest wheel's describe the release."""
    publish(index, wheel(requires_python=">=3.8", extra_metadata="Summary: first"), "private")
    later = wheel(tag="py2-none-any", requires_python=">=3.9", extra_metadata="Summary: second")
    publish(index, later, "private")
    publish(index, sdist(requires_python=">=3.10", extra_metadata="Summary: third"), "private")
    files = page_of(index, repository="private").files
    assert [file.requires_python for file in files] == [">=3.8", ">=3.9", ">=3.10"]
    assert len({file.metadata_sha256 for file in files}) == 3
    details = index.repository("private").source.project_details(UPLOADER, files[0].project).load()
    assert details.fields["summary"] == "second"


_SPELLINGS = [
    (name, version) for name in ("Foo.Bar", "foo_bar", "FOO-bar") for version in ("1.0", "1.0.0")
]


def test_concurrent_first_uploads_in_several_spellings(database_url: str) -> None:
    """U60, U82, U85: one project and one release, whoever comes first."""
    registry = Registry(Settings(database=database_url, blobs="memory://", password_cost=4))
    registry.upgrade()
    registry.acting_as(OPERATOR).repositories.create("main")
    start = threading.Barrier(len(_SPELLINGS))

    def upload(number: int) -> None:
        name, version = _SPELLINGS[number]
        dist = wheel("foo-bar", version, build=f"{number}")
        start.wait(timeout=120)
        publish(registry, dist, name=name)

    with ThreadPoolExecutor(len(_SPELLINGS)) as threads:
        list(threads.map(upload, range(len(_SPELLINGS))))
    (project,) = registry.acting_as(OPERATOR).projects.all("main")
    page = page_of(registry, "foo-bar")
    assert project.normalized_name == "foo-bar"
    assert len(page.versions) == 1
    assert len(page.files) == len(_SPELLINGS)
    assert {file.version for file in page.files} == set(page.versions)
    registry.close()


@pytest.mark.parametrize("profile", STRICT)
def test_concurrent_uploads_of_one_filename(database_url: str, profile: Profile) -> None:
    """U58, U60: different content, so one is stored and the others hear of it."""
    registry = Registry(Settings(database=database_url, blobs="memory://", password_cost=4))
    registry.upgrade()
    registry.acting_as(OPERATOR).repositories.create("main", profile=profile)
    start = threading.Barrier(4)

    def upload(number: int) -> int:
        dist = sdist(description=f"{number}")
        start.wait(timeout=120)
        try:
            publish(registry, dist)
        except FileAlreadyExists:
            return 0
        return 1

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(upload, range(4))) == 1
    assert len(page_of(registry).files) == 1
    registry.close()
