"""An object store that refuses, hangs, fails, is slow or breaks off, before a real server."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo import Settings
from pypi_repo.domain.errors import Unavailable
from pypi_repo.storage.blobs import remote
from pypi_repo.storage.blobs.urls import open_blob_store
from tests.conftest import PASSWORD, USER
from tests.faults.conftest import populated
from tests.serve.conftest import publisher_of
from tests.support.distributions import Distribution, wheel
from tests.support.fault_proxy import (
    Fault,
    FaultProxy,
    answers,
    cuts_after,
    only_first,
    refuses,
    says_nothing,
    slow,
    takes_only,
)
from tests.support.installation import (
    PATHS,
    Installation,
    StoredInBucket,
    assert_all_is_well,
    s3_environment,
    stored_path,
)
from tests.support.live import ServeProcess
from tests.support.publisher import Publisher
from tests.support.s3 import S3Server
from tests.support.waiting import wait_until

SMALL = wheel("small", padding=100_000)  # yet more than is kept in memory
LARGE = wheel("large", padding=20_000_000)  # several parts of an upload, blocks of a download
READ_TIMEOUT = 1  # seconds

FAULTS = {
    "refuses": refuses,
    "says nothing": says_nothing,
    "500": answers("500 Internal Server Error"),
    "503": answers("503 Slow Down"),
    "breaks off its answers": cuts_after(20),
}


class Scene:
    """A server whose object store is behind a proxy, and everything that was uploaded to it."""

    def __init__(self, installation: Installation, proxy: FaultProxy, scratch: Path) -> None:
        self.installation = installation
        self.proxy = proxy
        self.scratch = scratch
        config = {"read_timeout": READ_TIMEOUT, "connect_timeout": READ_TIMEOUT}
        proxied = installation.over(s3_url=proxy.url).impatient(**config)
        proxied.environment["TMPDIR"] = str(scratch)
        self.server: ServeProcess = proxied.start()
        self.answered: list[Distribution] = []

    def upload(self, publisher: Publisher, dist: Distribution) -> None:
        assert publisher.upload(dist).status == 200
        self.answered.append(dist)


@pytest.fixture(scope="module")
def scene(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("store")
    bucket = s3.create_bucket("behind-a-proxy")
    settings = Settings(
        database=f"sqlite:///{folder}/registry.db",
        blobs=f"s3://{bucket}/packages",
        blob_options=s3.storage_options,
        password_cost=4,
    )
    stored = StoredInBucket(f"{bucket}/packages", s3.storage_options)
    installation = populated(Installation(settings, stored, USER, PASSWORD, s3_environment(s3)))
    scratch = folder / "scratch"
    scratch.mkdir()
    with FaultProxy(("127.0.0.1", s3.port)) as proxy:
        scene = Scene(installation, proxy, scratch)
        with scene.server:
            with publisher_of(scene.server) as publisher:
                scene.upload(publisher, SMALL)
                scene.upload(publisher, LARGE)
            yield scene


@pytest.fixture
def publisher(scene: Scene) -> Iterator[Publisher]:
    with publisher_of(scene.server) as publisher:
        yield publisher


def file_path(dist: Distribution) -> str:
    return PATHS[2] + stored_path(dist)


@pytest.mark.parametrize("name", FAULTS)
def test_a_store_that_fails(name: str, scene: Scene, publisher: Publisher) -> None:
    """503 after few attempts, pages as ever; and when it is well again, so is everything."""
    dist = wheel("failing", f"1.{list(FAULTS).index(name)}")
    before = scene.server.resources()
    scene.proxy.set_fault(FAULTS[name])
    before_faults = scene.proxy.faults
    upload, download = publisher.upload(dist), publisher.get(file_path(SMALL))
    attempts = scene.proxy.faults - before_faults
    page = publisher.get(f"{PATHS[1]}small/")
    shown = publisher.get(f"{PATHS[1]}failing/").text
    scene.proxy.set_fault(None)

    assert (upload.status, download.status, page.status) == (503, 503, 200)
    assert "file store cannot be used right now" in upload.reason
    assert int(upload.headers["Retry-After"]) > 0
    assert attempts <= 10, "two for each question, and a few questions"
    assert dist.filename not in shown
    scene.upload(publisher, dist)
    assert publisher.get(file_path(SMALL)).body == SMALL.content
    assert list(scene.scratch.iterdir()) == []
    after = scene.server.resources()
    assert after[0] <= before[0] + 8
    assert after[1] <= before[1] + 30_000


def test_what_is_in_memory_is_served_meanwhile(scene: Scene, publisher: Publisher) -> None:
    dist = wheel("tiny")
    scene.upload(publisher, dist)
    for fault in (None, refuses):
        scene.proxy.set_fault(fault)
        bodies = [publisher.get(file_path(dist)).body for _ in range(3)]
        scene.proxy.set_fault(None)
        assert bodies == [dist.content] * 3


@pytest.mark.parametrize(
    "fault",
    [refuses, answers("500 Internal Server Error"), answers("503 Slow Down"), cuts_after(20)],
)
def test_a_store_that_fails_for_a_moment(fault: Fault, scene: Scene, publisher: Publisher) -> None:
    """It is asked a second time, and nobody notices."""
    dist = wheel("moment", f"1.{len(scene.answered)}")
    scene.proxy.set_fault(only_first(fault))
    scene.upload(publisher, dist)
    scene.proxy.set_fault(only_first(fault))
    assert publisher.get(file_path(dist)).body == dist.content
    scene.proxy.set_fault(None)


def test_a_download_whose_blocks_break_off_once(scene: Scene, publisher: Publisher) -> None:
    """In the middle of a body, where nothing but asking for it again helps."""
    scene.proxy.set_fault(only_first(cuts_after(1_000_000)))
    faults = scene.proxy.faults
    assert publisher.get(file_path(LARGE)).body == LARGE.content
    assert scene.proxy.faults > faults
    scene.proxy.set_fault(None)


def test_an_upload_that_breaks_off_on_its_way_to_the_store(
    scene: Scene, publisher: Publisher
) -> None:
    dist = wheel("broken", padding=20_000_000)
    scene.proxy.set_fault(takes_only(5_000_000))
    assert publisher.upload(dist).status == 503
    scene.proxy.set_fault(None)
    assert stored_path(dist) not in scene.installation.stored.digests()
    assert list(scene.scratch.iterdir()) == []
    scene.upload(publisher, dist)


def test_a_slow_store(scene: Scene, publisher: Publisher) -> None:
    """Slow is not broken."""
    dist = wheel("slow", padding=100_000)
    scene.proxy.set_fault(slow(0.1))
    scene.upload(publisher, dist)
    assert publisher.get(file_path(dist)).body == dist.content
    scene.proxy.set_fault(None)


def test_nothing_was_lost_meanwhile(scene: Scene) -> None:
    """After all of the above. The S3 client may log errors of its own; no request may fail so."""
    assert "Exception while serving" not in scene.server.output, scene.server.output
    assert_all_is_well(scene.installation, scene.answered)


def test_a_store_that_says_nothing_is_asked_twice(s3: S3Server) -> None:
    """With the timeouts that hold where nobody has set any."""
    with FaultProxy(("127.0.0.1", s3.port)) as proxy:
        proxy.set_fault(says_nothing)
        client = {"endpoint_url": proxy.url, "region_name": "us-east-1"}
        store = open_blob_store(
            "s3://any/packages", {**s3.storage_options, "client_kwargs": client}
        )
        started = time.monotonic()
        with pytest.raises(Unavailable):
            store.exists("aa/bb/cc/demo.whl")
        assert time.monotonic() - started > 4
        assert proxy.faults == 2


def test_a_bucket_that_is_missing(s3: S3Server, tmp_path: Path) -> None:
    """The log says so before anybody uploads, and an upload is not told to come again soon."""
    settings = Settings(
        database=f"sqlite:///{tmp_path}/registry.db",
        blobs="s3://never-made/packages",
        blob_options=s3.storage_options,
        password_cost=4,
    )
    stored = StoredInBucket("never-made/packages", s3.storage_options)
    installation = populated(Installation(settings, stored, USER, PASSWORD, s3_environment(s3)))
    with installation.start() as server:
        wait_until(lambda: "Not ready: files: The file store has no such bucket" in server.output)
        with publisher_of(server) as publisher:
            uploads = [publisher.upload(wheel("demo", "1.0")), publisher.upload(LARGE)]

    for upload in uploads:
        assert upload.status == 503
        assert "has no such bucket" in upload.reason
        assert "never-made" not in upload.reason
    assert "(s3://never-made/packages: " in server.output


def test_a_staged_file_that_is_gone_is_no_missing_bucket(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where something tidies the folder for temporary files, which have names there."""
    monkeypatch.setattr(remote, "_DESCRIPTORS", "/nowhere")
    bucket = s3.create_bucket("that-is-there")
    store = open_blob_store(f"s3://{bucket}/packages", s3.storage_options)
    with store.stage() as staged:
        staged.write(b"x" * 2**21, 2**21)
        assert staged.path is not None
        Path(staged.path).unlink()
        with pytest.raises(Unavailable, match="cannot be used right now"):
            store.put("aa/bb/cc/demo.whl", staged, {})
