"""What a file's URL stands for."""

from typing import Any

import pytest

from pypi_repo import ANONYMOUS, OPERATOR, Access, Actor, Grants, Registry, Settings
from pypi_repo.domain.errors import AuthenticationRequired, PermissionDenied, UnknownFile
from pypi_repo.storage.blobs.urls import open_blob_store
from tests.support.distributions import sdist, wheel
from tests.support.uploads import UPLOADER, upload

WHEEL = wheel()


@pytest.fixture
def files(real_files: dict[str, Any]) -> dict[str, Any]:
    """On disk, and in S3."""
    return real_files


def test_a_file_and_its_metadata(both: Registry) -> None:
    """X40, X55"""
    stored = upload(both, WHEEL)
    source = both.repository("main").source
    found = source.file(UPLOADER, stored.path)
    assert (found.filename, found.size) == (WHEEL.filename, len(WHEEL.content))
    assert (found.etag, found.public) == (WHEEL.sha256, False)
    beside = source.file(UPLOADER, stored.path + ".metadata")
    assert beside.filename == WHEEL.filename + ".metadata"
    assert beside.etag == stored.metadata_sha256
    content, size = beside.open()
    assert (content.read(), size) == (WHEEL.metadata, len(WHEEL.metadata))


def test_the_digest_in_the_path_counts(both: Registry) -> None:
    """X55"""
    path = upload(both, WHEEL).path
    first, second, rest, name = path.split("/")
    wrong = "0" if rest[0] != "0" else "1"
    for broken in (
        f"{first}/{second}/{wrong}{rest[1:]}/{name}",
        f"{first}/{second}/{rest.upper()}x/{name}",
        f"{first}{second}/{rest}/{name}",
        f"{first}/{second}/{rest}/other-{name}",
        f"{first}/{second}/{rest}/{name}/",
        f"{first}/{second}/{rest}/{name}\n",
        f"/{path}",
        f"../{path}",
        f"{path}.asc",
        f"{path}.metadata.metadata",
        name,
        "",
    ):
        with pytest.raises(UnknownFile):
            both.repository("main").source.file(UPLOADER, broken)


def test_an_sdist_has_no_metadata_beside_it(both: Registry) -> None:
    """X41, X42"""
    path = upload(both, sdist()).path
    with pytest.raises(UnknownFile, match="No core metadata"):
        both.repository("main").source.file(UPLOADER, path + ".metadata")


def test_a_file_of_another_repository_is_not_here(both: Registry) -> None:
    both.acting_as(OPERATOR).repositories.create("other")
    path = upload(both, WHEEL).path
    with pytest.raises(UnknownFile):
        both.repository("other").source.file(UPLOADER, path)


def test_who_may_download(both: Registry) -> None:
    """X71, X72, X73: for every path, existing or not."""
    path = upload(both, WHEEL).path
    source = both.repository("main").source
    stranger = Actor("stranger", grants=Grants(Access.NONE))
    for each in (path, path + ".metadata", "no/such/file"):
        with pytest.raises(AuthenticationRequired):
            source.file(ANONYMOUS, each)
        with pytest.raises(PermissionDenied):
            source.file(stranger, each)
    both.acting_as(OPERATOR).repositories.change("main", public=True)
    assert source.file(ANONYMOUS, path).public


def test_content_that_the_store_has_lost(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """X58: the operator reads which, the client that it is not its fault."""
    registry = Registry(Settings(database=database_url, blobs="memory://", password_cost=4))
    registry.acting_as(OPERATOR).repositories.create("main")
    path = upload(registry, WHEEL).path
    registry.close()
    without = Registry(Settings(database=database_url, blobs="memory://"))
    source = without.repository("main").source
    with pytest.raises(UnknownFile, match="missing"):
        source.file(UPLOADER, path).open()
    assert path in caplog.text
    assert "upkeep verify" in caplog.text
    without.close()


def test_files_lie_in_the_store_where_their_urls_say(
    database_url: str, blob_settings: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each engine with each store: what a CDN in front of the store relies on."""
    if "memory" in str(blob_settings["blobs"]):
        blob_settings = {"blobs": f"file://{tmp_path_factory.mktemp('again')}"}
    registry = Registry(Settings(database=database_url, **blob_settings))  # type: ignore[arg-type]
    registry.acting_as(OPERATOR).repositories.create("main")
    path = upload(registry, WHEEL).path
    options = blob_settings.get("blob_options", {})
    assert isinstance(options, dict)
    store = open_blob_store(str(blob_settings["blobs"]), options)
    assert {blob.path for blob in store.walk()} == {path, f"{path}.metadata"}
    with store.open(path) as content:
        assert content.read() == WHEEL.content
    registry.close()


def test_a_nul_in_a_path_is_an_unknown_file(both: Registry) -> None:
    """X55: PostgreSQL refuses NUL in a text, and anybody can put one into a URL."""
    with pytest.raises(UnknownFile):
        both.repository("main").source.file(UPLOADER, f"aa/bb/{'c' * 60}/a\0b.whl")
