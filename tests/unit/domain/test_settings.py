"""Settings and sizes."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.settings import (
    GIB,
    KIB,
    MIB,
    Limits,
    Settings,
    data_folder,
    format_size,
    in_folder,
    parse_size,
)
from pypi_repo.variables import from_mapping, proxies_in


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1048576", MIB),
        ("100b", 100),
        ("1k", KIB),
        ("1KiB", KIB),
        ("500MiB", 500 * MIB),
        ("500 MiB", 500 * MIB),
        ("500m", 500 * MIB),
        (" 4GiB ", 4 * GIB),
        ("4gib", 4 * GIB),
        ("4G", 4 * GIB),
    ],
)
def test_sizes_are_read_in_binary_units(text: str, size: int) -> None:
    """U52"""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        *("", "GiB", "G", "-1", "4 TiB", "4 g ib", "1e9", "9" * 16, "4GiB\0"),
        *("1.", ".5 GiB", "1,5 GiB", "5 GBit", "1.5.5", "1.1234567 GiB"),
    ],
)
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (100 * MIB, "100 MiB"),
        (4 * GIB, "4 GiB"),
        (5000 * GIB, "5000 GiB"),
    ],
)
def test_sizes_are_shown_in_binary_units(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("5 GB", 5 * 1000**3),
        ("5gb", 5 * 1000**3),
        ("2 MB", 2_000_000),
        ("10kB", 10_000),
        ("500M", 500 * MIB),
        ("4G", 4 * GIB),
        ("1.5 GiB", 3 * GIB // 2),
        ("0.5KiB", 512),
        ("512 bytes", 512),
        ("1 byte", 1),
    ],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@given(st.integers(1, 2**62))
def test_what_is_shown_can_be_read(size: int) -> None:
    assert abs(parse_size(format_size(size)) - size) <= size / 10


@given(st.integers(1, 2**50), st.sampled_from(["", "KiB", "MiB", "GiB"]))
def test_whole_units_survive_the_way_through_text(count: int, unit: str) -> None:
    size = parse_size(f"{count % 1000 + 1}{unit}")
    shown = format_size(size).replace("bytes", "b")
    assert unit != "" or size < 1024
    assert parse_size(shown) == size


def test_one_folder_holds_everything() -> None:
    settings = in_folder("/srv/packages")
    assert settings.database == Path("/srv/packages/registry.db")
    assert settings.blobs == Path("/srv/packages/blobs")


def test_a_folder_below_somebodys_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert data_folder("~/packages") == Path("/home/ada/packages")
    assert data_folder("./~/packages") == Path("~/packages")
    settings = in_folder("~/packages")
    assert settings.database == Path("/home/ada/packages/registry.db")
    assert settings.blobs == Path("/home/ada/packages/blobs")


def test_settings_from_environment_variables() -> None:
    settings = from_mapping(
        {
            "PYPI_REPO_DATABASE": "postgresql+psycopg://db.example.com/index",
            "PYPI_REPO_BLOBS": "s3://bucket/packages",
            "PYPI_REPO_MAX_UPLOAD_SIZE": "500MiB",
            "PYPI_REPO_OIDC_AUDIENCE": "packages",
            "PATH": "/bin",
        }
    )
    assert settings.database == "postgresql+psycopg://db.example.com/index"
    assert settings.blobs == "s3://bucket/packages"
    assert settings.limits.file_size == 500 * MIB
    assert settings.oidc_audience == "packages"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {f"PYPI_REPO_{name}": "" for name in ("DATA", "DATABASE", "BLOBS", "MAX_UPLOAD_SIZE")},
    ],
)
def test_what_is_not_said_is_one_folder(given: dict[str, str]) -> None:
    assert from_mapping(given) == in_folder("pypi-repo-data", variables=given)
    moved = {**given, "PYPI_REPO_DATA": "elsewhere"}
    assert from_mapping(moved) == in_folder("elsewhere", variables=moved)


def test_a_size_in_the_environment_that_makes_no_sense() -> None:
    with pytest.raises(ValueError, match=r"^PYPI_REPO_MAX_UPLOAD_SIZE: 'huge' is not"):
        from_mapping({"PYPI_REPO_MAX_UPLOAD_SIZE": "huge"})


def test_the_largest_upload_is_4_gib_unless_set_otherwise() -> None:
    """U52"""
    assert Limits().file_size == 4 * GIB


def test_settings_are_values() -> None:
    settings = Settings()
    with pytest.raises(FrozenInstanceError):
        settings.database = "sqlite://"  # type: ignore[misc]
    assert Settings() == settings


def test_credentials_of_the_store_are_not_shown() -> None:
    settings = Settings(blob_options={"secret": "swordfish"})
    assert "swordfish" not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "proxies"),
    [
        ({}, {}),
        ({"HTTPS_PROXY": "", "https_proxy": "", "ALL_PROXY": "x", "FTP_PROXY": "y"}, {}),
        (
            {"HTTPS_PROXY": "a", "HTTP_PROXY": "b", "NO_PROXY": "c,d"},
            {"https": "a", "http": "b", "no": "c,d"},
        ),
        ({"https_proxy": "a", "HTTPS_PROXY": "b"}, {"https": "a"}),
        ({"https_proxy": "", "HTTPS_PROXY": "b"}, {"https": "b"}),
        # Under CGI, HTTP_PROXY is a header of the request.
        ({"REQUEST_METHOD": "GET", "HTTP_PROXY": "evil", "HTTPS_PROXY": "a"}, {"https": "a"}),
        ({"REQUEST_METHOD": "GET", "http_proxy": "a"}, {"http": "a"}),
    ],
)
def test_s5_proxies_are_those_of_the_environment(
    environment: dict[str, str], proxies: dict[str, str]
) -> None:
    assert proxies_in(environment) == proxies
    assert from_mapping(environment).proxies == proxies
    assert Settings().proxies == {}


def test_s1_credentials_of_proxies_are_not_shown() -> None:
    settings = Settings(proxies={"https": "http://ci:swordfish@proxy.example.com:3128"})
    assert "swordfish" not in repr(settings)


def test_sizes_are_written_in_ascii_digits() -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size("\u0664")
