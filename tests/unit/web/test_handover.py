"""Files that somebody else sends: what is handed over, and what never is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, DownloadApp, Registry, SignedUrls, XAccel, XSendfile
from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.settings import parse_files_sent_by
from pypi_repo.variables import from_mapping
from tests.support.distributions import wheel
from tests.support.http import Site, basic
from tests.support.s3 import S3Server

DIST = wheel("demo", "1.0+local.1")
PLACE = f"{DIST.sha256[:2]}/{DIST.sha256[2:4]}/{DIST.sha256[4:]}"
AUTHORIZED = basic("user@example.com", "correct horse")
ESCAPED = f"{PLACE}/{DIST.filename.replace('+', '%2B')}"


@pytest.fixture
def on_disk(new_site: Callable[..., Site], tmp_path: Path) -> Callable[..., Site]:
    """A site over a folder, with one file; takes the way in which files are sent."""

    def make(sent_by: Any) -> Site:
        site = new_site(blobs=f"file://{tmp_path}/blobs", files_sent_by=sent_by)
        assert site.upload(DIST).status_code == 200
        return site

    return make


@pytest.fixture
def in_s3(new_site: Callable[..., Site], s3: S3Server, tmp_path: Path) -> Site:
    bucket = s3.create_bucket(f"signed-{tmp_path.name.replace('_', '-')[:40]}")
    site = new_site(
        blobs=f"s3://{bucket}/packages",
        blob_options=s3.storage_options,
        files_sent_by=SignedUrls(expires_in=60),
    )
    assert site.upload(DIST).status_code == 200
    return site


@pytest.mark.parametrize("location", ["/protected/", "/protected", "protected/"])
def test_x_accel_names_a_location(on_disk: Callable[..., Site], location: str) -> None:
    site = on_disk(XAccel(location))
    response = site.get(site.file_url(DIST))
    assert (response.status_code, response.data) == (200, b"")
    assert response.headers["X-Accel-Redirect"] == f"/protected/{ESCAPED}"
    assert response.headers["ETag"] == f'"{DIST.sha256}"'


def test_x_sendfile_names_a_path(on_disk: Callable[..., Site], tmp_path: Path) -> None:
    site = on_disk(XSendfile())
    response = site.get(site.file_url(DIST))
    assert (response.status_code, response.data) == (200, b"")
    path = response.headers["X-Sendfile"]
    assert path == f"{tmp_path}/blobs/{PLACE}/{DIST.filename}"
    assert Path(path).read_bytes() == DIST.content


def test_x59_a_signed_url_opens_the_file_for_a_while(in_s3: Site) -> None:
    response = in_s3.get(in_s3.file_url(DIST))
    assert (response.status_code, response.data) == (302, b"")
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "ETag" not in response.headers
    url = response.headers["Location"]
    assert urlsplit(url).path.endswith(f"/packages/{ESCAPED}")
    parameters = parse_qs(urlsplit(url).query)
    lasts = int(parameters.get("X-Amz-Expires", ["0"])[0])
    assert lasts == 60 or "Expires" in parameters
    with urlopen(url, timeout=60) as answer:
        assert answer.read() == DIST.content


def test_x57_x59_what_stays_here(in_s3: Site) -> None:
    """pip dies of a HEAD that is redirected, and uv forgets a range."""
    url = in_s3.file_url(DIST)
    head = in_s3.get(url, method="HEAD")
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(DIST.content)))
    part = in_s3.get(url, Range="bytes=0-9")
    assert (part.status_code, part.data) == (206, DIST.content[:10])
    metadata = in_s3.get(f"{url}.metadata")
    assert (metadata.status_code, metadata.data) == (200, DIST.metadata)
    assert in_s3.get(url, If_None_Match=f'"{DIST.sha256}"').status_code == 304


def test_head_and_metadata_stay_here(on_disk: Callable[..., Site]) -> None:
    for sent_by in (XAccel(), XSendfile()):
        site = on_disk(sent_by)
        url = site.file_url(DIST)
        head = site.get(url, method="HEAD")
        assert head.headers["Content-Length"] == str(len(DIST.content))
        metadata = site.get(f"{url}.metadata")
        assert metadata.data == DIST.metadata
        for response in (head, metadata):
            assert "X-Accel-Redirect" not in response.headers
            assert "X-Sendfile" not in response.headers


def test_nothing_is_handed_to_who_may_not_read(on_disk: Callable[..., Site], in_s3: Site) -> None:
    for site in (on_disk(XAccel()), on_disk(XSendfile()), in_s3):
        response = site.client.get(site.file_url(DIST))
        assert response.status_code == 401
        for name in ("Location", "X-Accel-Redirect", "X-Sendfile"):
            assert name not in response.headers


def test_by_default_nothing_is_offloaded(site: Site) -> None:
    site.upload(DIST)
    response = site.get(site.file_url(DIST))
    assert response.data == DIST.content
    assert not {"X-Accel-Redirect", "X-Sendfile", "Location"} & set(response.headers.keys())


def test_downloads_are_counted_all_the_same(
    new_registry: Callable[..., Registry], tmp_path: Path
) -> None:
    registry = new_registry(blobs=f"file://{tmp_path}/blobs", files_sent_by=XAccel())
    root = "/repositories/main/"
    site = Site(Client(registry.wsgi_app()), root, f"{root}simple/", f"{root}files/",
                headers=AUTHORIZED)  # fmt: skip
    site.upload(DIST)
    url = site.file_url(DIST)
    site.get(url)
    site.get(url, Range="bytes=0-99")  # the beginning of a download
    site.get(url, Range="bytes=100-")  # its end
    site.get(url, Range="bytes=999999999-")
    site.get(url, method="HEAD")
    versions = registry.acting_as(OPERATOR).usage.downloads_of_versions("main", "demo", 1)
    assert versions == {"1.0+local.1": 2}


@pytest.mark.parametrize(
    ("sent_by", "blobs"),
    [(XSendfile(), "memory://"), (SignedUrls(), "memory://"), (SignedUrls(), "file://{}")],
)
def test_what_a_store_cannot_do_is_told_at_once(
    new_registry: Callable[..., Registry], sent_by: Any, blobs: str, tmp_path: Path
) -> None:
    registry = new_registry(blobs=blobs.format(tmp_path))
    with pytest.raises(ConfigurationError):
        DownloadApp(registry.repository("main"), sent_by=sent_by)
    registry = new_registry(blobs=blobs.format(tmp_path), files_sent_by=sent_by)
    with pytest.raises(ConfigurationError):
        registry.wsgi_app()


def test_from_text() -> None:
    assert parse_files_sent_by("x-accel:/files/") == XAccel("/files/")
    assert parse_files_sent_by("x-sendfile") == XSendfile()
    assert parse_files_sent_by("signed-urls:60") == SignedUrls(60)
    assert from_mapping({"PYPI_REPO_FILES_SENT_BY": "x-sendfile"}).files_sent_by == XSendfile()
    assert from_mapping({"PYPI_REPO_FILES_SENT_BY": ""}).files_sent_by is None


@pytest.mark.parametrize(
    "text", ["x-accel", "x-accel:", "x-accel:files", "x-sendfile:/", "signed-urls", "nginx",
             "signed-urls:0", "signed-urls:-1", "signed-urls:1e3", "signed-urls:9999999"],
)  # fmt: skip
def test_from_text_that_makes_no_sense(text: str) -> None:
    with pytest.raises(ValueError, match="sends no files; write x-accel:/protected/"):
        parse_files_sent_by(text)
