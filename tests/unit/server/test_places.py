"""Threads for uploads are shared out."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pypi_repo.server.places import Places


def taken(places: Places, wanted: int, holders: Sequence[str]) -> list[object]:
    """The uploads, of as many as are wanted, that got a place."""
    uploads = [object() for _ in range(wanted)]
    return [upload for upload in uploads if places.take(upload, holders)]


def test_one_alone_may_hold_half_of_them() -> None:
    assert len(taken(Places(32), 50, ["amy"])) == 16


def test_whoever_comes_finds_one() -> None:
    places = Places(32)
    held = [len(taken(places, 50, [name])) for name in ("amy", "bob", "cat", "dan", "eve")]

    assert held == [16, 8, 4, 2, 1]


def test_all_that_an_upload_counts_for_is_looked_at() -> None:
    """The account from several addresses, and the address with several accounts."""
    places = Places(32)
    taken(places, 50, ["amy", "here"])

    assert taken(places, 1, ["amy", "there"]) == []
    assert taken(places, 1, ["bob", "here"]) == []
    assert len(taken(places, 1, ["bob", "there"])) == 1


def test_a_place_is_given_back_once() -> None:
    places = Places(4)
    uploads = taken(places, 4, ["amy"])
    stranger = object()
    for upload in (*uploads, *uploads, stranger):
        places.leave(upload)

    assert len(uploads) == 2
    assert len(taken(places, 4, ["amy"])) == 2
    assert len(taken(places, 4, ["bob"])) == 1


def test_nobody_is_remembered_who_holds_none() -> None:
    places = Places(4)
    for number in range(100):
        for upload in taken(places, 1, [f"user {number}"]):
            places.leave(upload)

    assert not places._held
    assert not places._taken


def test_many_threads_take_and_leave() -> None:
    places = Places(8)

    def work(name: str) -> None:
        for _ in range(2_000):
            for upload in taken(places, 3, [name]):
                places.leave(upload)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, "abcdef"))

    assert len(taken(places, 20, ["g"])) == 4
