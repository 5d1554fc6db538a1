"""U53: a quota bounds what is stored, whoever uploads beside whom; what is refused is not kept."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from threading import Barrier
from typing import Any

import pytest

from pypi_repo import OPERATOR, Access, Actor, GrantPolicy, Grants, Permission, Registry, Settings
from pypi_repo.domain.errors import PermissionDenied, TooLarge
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import Repository
from pypi_repo.settings import KIB
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.blobs.urls import open_blob_store
from tests.support.attestations import attestation
from tests.support.distributions import Distribution, wheel
from tests.support.uploads import UPLOADER, damage, filenames, page, publish, upload

FULL, FREE = "full", "free"
SIGNATURE = b"a signature"
LATE = Actor("late", grants=Grants(Access.WRITE))
"""Is refused by the transaction that would publish what it uploads, when all of it is stored."""
BUSY = Actor("busy", grants=Grants(Access.WRITE))
"""Before its upload is published, `Policy.meanwhile` happens."""


class Policy(GrantPolicy):
    """Is asked for a project twice: before anything is stored, and within the transaction."""

    def __init__(self) -> None:
        self._asked = ContextVar[list[None]]("asked")
        self.meanwhile: Callable[[], None] = lambda: None

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: NormalizedName | None = None,
    ) -> bool:
        if actor in (LATE, BUSY) and project is not None:
            asked = self._asked.get([])
            self._asked.set(asked)
            asked.append(None)
            if len(asked) % 2 == 0 and actor == LATE:
                return False
            if len(asked) % 2 == 0:
                self.meanwhile()
        return super().allows(actor, permission, repository, project)


@pytest.fixture
def files(real_files: dict[str, Any]) -> dict[str, Any]:
    return real_files


@pytest.fixture
def policy() -> Policy:
    return Policy()


@pytest.fixture
def registry(database_url: str, files: dict[str, Any], policy: Policy) -> Iterator[Registry]:
    """With a repository in which nothing fits, and one without a quota."""
    with Registry(Settings(database=database_url, **files), policy=policy) as registry:
        registry.acting_as(OPERATOR).repositories.create(FULL, quota=1, allow_overwrite=True)
        registry.acting_as(OPERATOR).repositories.create(FREE, allow_reuse=True)
        yield registry


@pytest.fixture
def store(files: dict[str, Any]) -> BlobStore:
    return open_blob_store(files["blobs"], files.get("blob_options", {}))


def stored(store: BlobStore) -> set[str]:
    """All paths, with what is beside files and what is staged."""
    return {blob.path for blob in store.walk()}


def takes(dist: Distribution) -> int:
    return len(dist.content) + len(dist.metadata)


def test_what_does_not_fit_is_not_stored(registry: Registry, store: BlobStore) -> None:
    with pytest.raises(TooLarge):
        publish(registry, wheel(), FULL, signature=SIGNATURE)
    assert stored(store) == set()


def test_what_is_refused_at_the_end_is_removed_at_once(
    registry: Registry, store: BlobStore
) -> None:
    with pytest.raises(PermissionDenied):
        publish(registry, wheel(), FREE, LATE, signature=SIGNATURE)
    assert stored(store) == set()


def test_what_others_have_of_the_same_content_stays(registry: Registry, store: BlobStore) -> None:
    """All but the signature, which nobody else has."""
    registry.acting_as(OPERATOR).repositories.create("other")
    publish(registry, wheel(), "other", signature=b"another signature")
    before = stored(store)
    with pytest.raises(PermissionDenied):
        publish(registry, wheel(), FREE, LATE, signature=SIGNATURE)
    assert stored(store) == before
    assert damage(registry) == []


def test_what_somebody_deletes_meanwhile_is_put_again(
    registry: Registry, store: BlobStore, policy: Policy
) -> None:
    """A sweep, or the refusal of another upload of the same content."""

    def delete_all() -> None:
        for path in stored(store):
            store.delete(path)

    policy.meanwhile = delete_all
    dist = wheel(padding=3 * 1024 * KIB)
    publish(registry, dist, FREE, BUSY, signature=SIGNATURE)
    assert len(stored(store)) == 3
    assert damage(registry) == []


def test_uploads_of_one_content_refused_and_published_at_once(
    registry: Registry, store: BlobStore
) -> None:
    """What is removed of one is never what another has just published."""
    dist = wheel()
    together = 4
    for _ in range(6):
        start = Barrier(together)

        def work(number: int, start: Barrier = start) -> None:
            start.wait(120)
            if number == 0:
                publish(registry, dist, FREE, signature=SIGNATURE)
                return
            with pytest.raises(PermissionDenied):
                publish(registry, dist, "main", LATE, signature=b"%d" % number)

        registry.acting_as(OPERATOR).repositories.create("main")
        with ThreadPoolExecutor(together) as threads:
            list(threads.map(work, range(together)))
        assert damage(registry) == []
        assert filenames(registry, repository=FREE) == [dist.filename]
        assert len(stored(store)) == 3, "something of the refused ones is still there"
        registry.acting_as(OPERATOR).projects.delete(FREE, "demo")
        registry.acting_as(OPERATOR).repositories.delete("main")


def test_uploads_of_one_file_with_several_signatures_at_once(
    registry: Registry, store: BlobStore
) -> None:
    """One of them is published; the others find it there, and leave nothing beside it."""
    together = 4
    for number in range(6):
        dist = wheel(version=f"{number}.0")
        start = Barrier(together)

        def work(signer: int, dist: Distribution = dist, start: Barrier = start) -> bool:
            start.wait(120)
            return publish(registry, dist, FREE, signature=b"%d" % signer).is_unchanged

        with ThreadPoolExecutor(together) as threads:
            assert sorted(threads.map(work, range(together))) == [False, True, True, True]
        assert len(stored(store)) == 3 * (number + 1)
    assert damage(registry) == []


def test_it_holds_when_many_upload_at_once(registry: Registry, store: BlobStore) -> None:
    versions = [wheel(version=f"{number}.0", padding=10 * KIB) for number in range(8)]
    size = max(map(takes, versions))
    registry.acting_as(OPERATOR).repositories.create("main", quota=3 * size)
    start = Barrier(len(versions))

    def work(dist: Distribution) -> int:
        start.wait(120)
        try:
            upload(registry, dist, "main")
        except TooLarge:
            return 0
        return takes(dist)

    with ThreadPoolExecutor(len(versions)) as threads:
        taken = list(threads.map(work, versions))
    assert len([size for size in taken if size]) == 3
    assert len(page(registry, repository="main").files) == 3
    assert sum(blob.size for blob in store.walk()) == sum(taken) <= 3 * size
    assert damage(registry) == []


def test_signatures_metadata_and_attestations_count(registry: Registry) -> None:
    dist = wheel()
    attestations = json.dumps([attestation(dist)])
    upload(registry, dist, FREE, attestations=attestations)
    source = registry.repository(FREE).source
    document = source.provenance(UPLOADER, "demo", "1.0", dist.filename)
    whole = takes(dist) + len(SIGNATURE) + len(document.encode())
    for name, quota in (("tight", whole - 1), ("exact", whole)):
        registry.acting_as(OPERATOR).repositories.create(name, quota=quota)
    with pytest.raises(TooLarge):
        publish(registry, dist, "tight", signature=SIGNATURE, attestations=attestations)
    publish(registry, dist, "exact", signature=SIGNATURE, attestations=attestations)


def test_what_is_replaced_makes_room_with_all_that_is_beside_it(registry: Registry) -> None:
    one, other = wheel(), wheel(files={"demo/x.py": b"x"})
    room = max(takes(one), takes(other)) + len(SIGNATURE)
    registry.acting_as(OPERATOR).repositories.change(FULL, quota=room)
    for dist in (one, other, one, one):
        publish(registry, dist, FULL, signature=SIGNATURE)
    registry.acting_as(OPERATOR).repositories.change(FULL, quota=room + 10)
    with pytest.raises(TooLarge):
        publish(registry, wheel(version="2.0"), FULL)


def test_a_form_is_not_read_that_can_neither_fit_nor_replace(registry: Registry) -> None:
    uploads = registry.repository(FULL).uploads
    registry.acting_as(OPERATOR).repositories.change(FULL, quota=100 * KIB)
    assert uploads.admit(UPLOADER).file_limit == 100 * KIB
    dist = wheel(padding=60 * KIB)
    upload(registry, dist, FULL)
    free = 100 * KIB - takes(dist)
    assert uploads.admit(UPLOADER).file_limit == free + len(dist.content)
    registry.acting_as(OPERATOR).repositories.change(FULL, quota=1)
    assert uploads.admit(UPLOADER).file_limit == len(dist.content)  # identical: 200
    upload(registry, dist, FULL)
    assert registry.repository(FREE).uploads.admit(UPLOADER).file_limit == 4 * 1024**3
