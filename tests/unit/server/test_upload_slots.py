"""Threads for uploads are shared out."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pypi_repo.server.upload_slots import UploadSlots


def taken(slots: UploadSlots, wanted: int, holders: Sequence[str]) -> list[object]:
    """The uploads, of as many as are wanted, that got a slot."""
    uploads = [object() for _ in range(wanted)]
    return [upload for upload in uploads if slots.take(upload, holders)]


def test_one_alone_may_hold_half_of_them() -> None:
    assert len(taken(UploadSlots(32), 50, ["amy"])) == 16


def test_whoever_comes_finds_one() -> None:
    slots = UploadSlots(32)
    held = [len(taken(slots, 50, [name])) for name in ("amy", "bob", "cat", "dan", "eve")]

    assert held == [16, 8, 4, 2, 1]


def test_all_that_an_upload_counts_for_is_looked_at() -> None:
    """The account from several addresses, and the address with several accounts."""
    slots = UploadSlots(32)
    taken(slots, 50, ["amy", "here"])

    assert taken(slots, 1, ["amy", "there"]) == []
    assert taken(slots, 1, ["bob", "here"]) == []
    assert len(taken(slots, 1, ["bob", "there"])) == 1


def test_a_slot_is_given_back_once() -> None:
    slots = UploadSlots(4)
    uploads = taken(slots, 4, ["amy"])
    stranger = object()
    for upload in (*uploads, *uploads, stranger):
        slots.leave(upload)

    assert len(uploads) == 2
    assert len(taken(slots, 4, ["amy"])) == 2
    assert len(taken(slots, 4, ["bob"])) == 1


def test_nobody_is_remembered_who_holds_none() -> None:
    slots = UploadSlots(4)
    for number in range(100):
        for upload in taken(slots, 1, [f"user {number}"]):
            slots.leave(upload)

    assert not slots._held
    assert not slots._taken


def test_many_threads_take_and_leave() -> None:
    slots = UploadSlots(8)

    def work(name: str) -> None:
        for _ in range(2_000):
            for upload in taken(slots, 3, [name]):
                slots.leave(upload)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, "abcdef"))

    assert len(taken(slots, 20, ["g"])) == 4
