"""Small files that are served from memory: as good, and as well kept, as those from the store."""

import pytest

from pypi_repo import OPERATOR, Registry
from tests.support.distributions import wheel
from tests.support.http import Site
from tests.support.sql import count_statements

SMALL = wheel("demo", "1.0")
LARGE = wheel("large", "1.0", padding=100_000)


@pytest.fixture
def url(stored_site: Site) -> str:
    """Of a small file, which is in memory."""
    stored_site.upload(SMALL)
    url = stored_site.file_url(SMALL)
    for path in (url, f"{url}.metadata"):
        assert stored_site.get(path).status_code == 200
    return url


def lose_all_blobs(registry: Registry) -> None:
    for blob in list(registry._blobs.walk()):
        registry._blobs.delete(blob.path)


def test_the_store_is_asked_once(stored: Registry, stored_site: Site, url: str) -> None:
    lose_all_blobs(stored)
    for path, content in ((url, SMALL.content), (f"{url}.metadata", SMALL.metadata)):
        whole = stored_site.get(path)
        assert (whole.status_code, whole.data) == (200, content)
        part = stored_site.get(path, Range="bytes=3-9")
        assert (part.status_code, part.data) == (206, content[3:10])
        assert part.headers["Content-Range"] == f"bytes 3-9/{len(content)}"
        head = stored_site.get(path, method="HEAD")
        assert list(head.headers) == list(whole.headers)
        assert stored_site.get(path, Range="bytes=999999-").status_code == 416


def test_what_is_large_is_read_from_the_store(stored: Registry, stored_site: Site) -> None:
    stored_site.upload(LARGE)
    url = stored_site.file_url(LARGE)
    assert stored_site.get(url).data == LARGE.content
    lose_all_blobs(stored)
    assert stored_site.get(url).status_code == 404
    assert stored_site.get(url, method="HEAD").status_code == 404


def test_who_may_read_it_is_asked_each_time(stored: Registry, stored_site: Site, url: str) -> None:
    for path in (url, f"{url}.metadata"):
        assert stored_site.client.get(path).status_code == 401
        stored.acting_as(OPERATOR).repositories.change("main", public=True)
        assert stored_site.client.get(path).data == stored_site.get(path).data
        stored.acting_as(OPERATOR).repositories.change("main", public=False)
        assert stored_site.client.get(path).status_code == 401
        with count_statements(stored._database) as statements:
            assert stored_site.get(path).status_code == 200
        assert len(statements) == 2  # who is it, and what is it


def test_a_quarantined_file_is_refused_at_once(
    stored: Registry, stored_site: Site, url: str
) -> None:
    stored.acting_as(OPERATOR).projects.set_status("main", "demo", "quarantined")
    for path in (url, f"{url}.metadata"):
        assert stored_site.get(path).status_code == 403
    stored.acting_as(OPERATOR).projects.set_status("main", "demo", "active")
    assert stored_site.get(url).data == SMALL.content


def test_a_deleted_file_is_gone_at_once(stored: Registry, stored_site: Site, url: str) -> None:
    stored.acting_as(OPERATOR).projects.delete_file("main", SMALL.filename)
    for path in (url, f"{url}.metadata"):
        for method in ("GET", "HEAD"):
            assert stored_site.get(path, method=method).status_code == 404


def test_an_overwritten_file_is_the_new_one_at_once(
    stored: Registry, stored_site: Site, url: str
) -> None:
    stored.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    other = wheel("demo", "1.0", description="another")
    assert other.filename == SMALL.filename
    assert stored_site.upload(other).status_code == 200
    assert stored_site.get(url).status_code == 404
    assert stored_site.get(f"{url}.metadata").status_code == 404
    assert stored_site.get(stored_site.file_url(other)).data == other.content


def test_what_is_damaged_is_not_served(stored: Registry, stored_site: Site) -> None:
    """Until it is put right."""
    stored_site.upload(SMALL)
    url, blobs = stored_site.file_url(SMALL), stored._blobs
    path = stored.acting_as(OPERATOR).projects.get("main", "demo")[1][0].path
    for content, status in ((bytes(len(SMALL.content)), 404), (SMALL.content, 200)):
        with blobs.stage() as staged:
            staged.write(content, len(content))
            blobs.put(path, staged, {})
        assert stored_site.get(url).status_code == status
    assert stored_site.get(url).data == SMALL.content


def test_verify_reads_what_is_stored(stored: Registry, url: str) -> None:
    for is_lost in (False, True):
        if is_lost:
            lose_all_blobs(stored)
        problems = [problem for checked in stored.upkeep.verify() for problem in checked.problems]
        assert bool(problems) is is_lost


def test_downloads_are_counted_from_memory_too(
    stored: Registry, stored_site: Site, url: str
) -> None:
    for _ in range(4):
        stored_site.get(url)
        stored_site.get(url, Range="bytes=0-5")
        stored_site.get(url, Range="bytes=5-9")
        stored_site.get(url, method="HEAD")
        stored_site.get(f"{url}.metadata")
    (today,) = stored.acting_as(OPERATOR).usage.days(1)
    assert today.downloads == 9
