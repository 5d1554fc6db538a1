"""Files of upstreams: fetched once, checked, kept, and served while they arrive."""

import hashlib
import http.client
import io
import random
import threading
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from tests.support.distributions import wheel
from tests.support.live import LiveServer
from tests.support.scripted_index import (
    Answers,
    Installer,
    ScriptedIndex,
    in_pieces,
    serves,
)
from tests.support.scripted_server import Asked, Cut, reply
from tests.support.upstreams import keep_metadata
from tests.support.waiting import wait_until

NAME = "demo-1.0-py3-none-any.whl"
LARGE = random.Random(1).randbytes(700_000)
SMALL = b"PK, or not"

GZIP = {"Content_Encoding": "gzip"}


def stored(folder: Path) -> list[str]:
    """The names of all files that the file store has, also of those on their way."""
    return sorted(path.name for path in (folder / "blobs").rglob("*") if path.is_file())


def metric(registry: Registry, result: str) -> int:
    return registry._upstream_files.results()[result]


@pytest.mark.parametrize("content", [SMALL, LARGE[:65536], LARGE[:65537], LARGE])
def test_a_file_comes_once_and_is_kept(
    content: bytes, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    """F1, F2, F6."""
    index.add(NAME, content, core_metadata=None)
    digest = hashlib.sha256(content).hexdigest()
    for _time in range(3):
        got = installer.download(NAME)
        assert (got.status, got.body, got.is_whole) == (200, content, True)
        assert got.headers["content-length"] == str(len(content))
        assert got.headers["etag"] == f'"{digest}"'
    assert len(index.asked) == 1
    wait_until(lambda: stored(tmp_path) == [NAME])  # the disk may be slower than the client
    place = tmp_path / "blobs" / digest[:2] / digest[2:4] / digest[4:] / NAME
    assert place.read_bytes() == content


def test_what_was_fetched_is_served_while_the_upstream_is_down(
    index: ScriptedIndex, installer: Installer
) -> None:
    """F6."""
    other = NAME.replace("1.0", "2.0")
    index.add(NAME, LARGE)
    index.add(other, LARGE[1:])
    installer.download(NAME)
    place = installer.place(other)
    index.close()
    assert installer.download(NAME).body == LARGE
    cold = installer.get(place)
    assert cold.status == 502
    assert int(cold.headers["retry-after"]) > 0


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def wrong_bytes(asked: Asked, content: bytes) -> bytes:
    return serves(asked, flipped(content))


def too_long(_asked: Asked, content: bytes) -> bytes:
    """Until the end of the connection."""
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content + b"more"


@pytest.mark.parametrize("size", [len(LARGE), None])
@pytest.mark.parametrize("wrong", [wrong_bytes, too_long])
def test_a_wrong_file_never_comes_as_a_whole_one(
    wrong: Callable[[Asked, bytes], bytes],
    size: int | None,
    index: ScriptedIndex,
    installer: Installer,
    on_disk: Registry,
    tmp_path: Path,
) -> None:
    """F1, F2: the last block does not come; if the size is unknown, the last chunk does not."""
    has_begun = threading.Event()

    def answers(asked: Asked, content: bytes) -> Iterable[bytes]:
        answer = wrong(asked, content)
        yield answer[:200_000]
        assert has_begun.wait(60)
        yield answer[200_000:]
        raise Cut

    index.answers = answers
    index.add(NAME, LARGE, size=size)
    with installer.asking(installer.place(NAME)) as answer:
        assert answer.status == 200
        body = answer.read(1)
        has_begun.set()
        with pytest.raises(http.client.IncompleteRead) as cut:
            answer.read()
    body += cut.value.partial
    assert len(body) <= len(LARGE) - 64 * 1024 + 4
    assert stored(tmp_path) == []
    assert metric(on_disk, "wrong") == 1


def test_a_small_wrong_file_is_refused_before_anything_of_it_is_sent(
    index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    """F2."""
    index.answers = wrong_bytes
    index.add(NAME, SMALL)
    got = installer.download(NAME)
    assert got.status == 502
    assert b"something else" in got.body
    assert stored(tmp_path) == []


@pytest.mark.parametrize(
    "answers",
    [
        lambda asked, content: reply(content[:-1]),
        lambda asked, content: reply(content + b"x"),
        lambda asked, content: reply(content, "206 Partial Content", Content_Range="bytes 0-9/10"),
        lambda asked, content: reply(content, "206 Partial Content"),
        lambda asked, content: reply(status="204 No Content"),
        lambda asked, content: reply(status="500 Internal Server Error"),
        lambda asked, content: reply(status="403 Forbidden"),
    ],
    ids=["shorter", "longer", "part", "nameless part", "nothing", "failing", "refusing"],
)
def test_what_is_no_such_file_is_refused_at_once(
    answers: Answers, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    index.answers = answers
    index.add(NAME, LARGE)
    got = installer.download(NAME)
    assert (got.status, len(index.asked)) == (502, 1)
    assert stored(tmp_path) == []


def test_a_failed_file_is_not_tried_again_at_once_and_then_comes(
    index: ScriptedIndex, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.answers = wrong_bytes
    index.add(NAME, LARGE)
    place = installer.place(NAME)
    for _time in range(5):
        installer.get(place)
    assert len(index.asked) == 1
    index.answers = serves
    monkeypatch.setattr("pypi_repo.services.upstreams.fetching.errands._NOT_TRIED_AGAIN", 0)
    assert installer.get(place).body == LARGE


FAULTS: list[Answers] = [
    lambda asked, content: reply(content[:-1]),
    lambda asked, content: reply(flipped(content)),
    lambda asked, content: reply(content, "206 Partial Content"),
    lambda asked, content: reply(
        content[:5], "206 Partial Content", Content_Range="bytes 5-9/700000"
    ),
    lambda asked, content: reply(status="403 Forbidden"),
    lambda asked, content: cut_after(9)(asked, content),
]


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("redirected", [False, True])
@pytest.mark.parametrize("answers", FAULTS)
def test_no_log_has_the_query_of_a_signed_url(
    answers: Answers,
    redirected: bool,
    index: ScriptedIndex,
    installer: Installer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """S1: of a link, and of where it leads."""

    def after_a_redirect(asked: Asked, content: bytes) -> bytes | Iterable[bytes]:
        if redirected and "again" not in asked.target:
            where = asked.target.replace("?", "?again&")
            return reply(status="302 Found", Location=where)
        return answers(asked, content)

    index.answers = after_a_redirect
    index.add(NAME, LARGE, size=None, url=f"../../files/x?Signature=secret&name=/{NAME}")
    place = installer.place(NAME)
    for how in ({}, {"Range": "bytes=0-9"}):
        got = installer.get(place, **how)
        assert (got.status, got.is_whole) != (200, True)
        assert b"Signature" not in got.body
    assert index.asked
    assert "Signature" not in caplog.text


def test_a_file_that_the_upstream_has_no_more_is_unknown(
    index: ScriptedIndex, installer: Installer
) -> None:
    index.answers = lambda _asked, _content: reply(status="404 Not Found")
    index.add(NAME, LARGE)
    assert installer.download(NAME).status == 404


def cut_after(*sizes: int) -> Answers:
    """Cuts the first answers after so many bytes of content."""
    left = list(sizes)

    def answers(asked: Asked, content: bytes) -> Iterable[bytes]:
        whole = serves(asked, content)
        if not left:
            yield whole
            return
        head, blank, body = whole.partition(b"\r\n\r\n")
        yield head + blank + body[: left.pop(0)]
        raise Cut

    return answers


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("sizes", [(1,), (300_000,), (699_999,), (10, 0, 200_000, 1, 5)])
def test_a_cut_transfer_goes_on_where_it_was(
    sizes: tuple[int, ...], index: ScriptedIndex, installer: Installer
) -> None:
    """F4."""
    index.answers = cut_after(*sizes)
    index.add(NAME, LARGE)
    got = installer.download(NAME)
    assert (got.body, got.is_whole) == (LARGE, True)
    assert index.ranges[0] is None
    assert index.ranges[1:2] == [f"bytes={sizes[0]}-"]
    assert len(index.asked) == len(sizes) + 1


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("hashes", [None, {}])
def test_a_cut_transfer_is_compared_where_the_upstream_sends_no_parts(
    hashes: dict[str, str] | None, index: ScriptedIndex, installer: Installer
) -> None:
    """F4: with and without a digest."""
    cut = cut_after(300_000)

    def answers(asked: Asked, content: bytes) -> bytes | Iterable[bytes]:
        headers = {name: value for name, value in asked.headers.items() if name != "range"}
        return cut(Asked(asked.method, asked.target, headers, asked.connection), content)

    index.answers = answers
    index.add(NAME, LARGE, **({} if hashes is None else {"hashes": hashes}))
    got = installer.download(NAME)
    assert (got.body, got.is_whole) == (LARGE, True)


@pytest.mark.usefixtures("no_pauses")
def test_another_file_in_the_middle_is_noticed(
    index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    """F4: by its ETag, and by its beginning."""
    cut = cut_after(300_000)
    contents = iter([LARGE, b"x" * len(LARGE)])

    def answers(asked: Asked, _content: bytes) -> bytes | Iterable[bytes]:
        return cut(asked, next(contents))

    index.answers = answers
    index.add(NAME, LARGE, hashes={})
    got = installer.download(NAME)
    assert not got.is_whole
    assert stored(tmp_path) == []


@pytest.mark.usefixtures("no_pauses")
def test_an_upstream_that_brings_nothing_is_given_up_and_what_came_is_used_later(
    index: ScriptedIndex, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F4."""
    monkeypatch.setattr("pypi_repo.services.upstreams.fetching.errands._NOT_TRIED_AGAIN", 0)
    index.answers = cut_after(300_000, *[0] * 4)
    index.add(NAME, LARGE)
    assert not installer.download(NAME).is_whole
    assert len(index.asked) == 5
    got = installer.download(NAME)
    assert (got.body, got.is_whole) == (LARGE, True)
    assert index.ranges[5:] == ["bytes=300000-"]


def test_an_archive_that_is_said_to_be_compressed_comes_as_it_is(
    index: ScriptedIndex, installer: Installer
) -> None:
    index.answers = lambda _asked, content: reply(content, **GZIP)
    index.add(NAME, LARGE)
    got = installer.download(NAME)
    assert (got.body, got.is_whole) == (LARGE, True)
    assert "content-encoding" not in got.headers
    assert index.asked[0].headers["accept-encoding"] == "identity"


def test_the_first_bytes_leave_before_the_last_have_come(
    index: ScriptedIndex, installer: Installer
) -> None:
    """F2: once 5 % have come."""
    goes_on = threading.Event()

    def answers(asked: Asked, content: bytes) -> Iterable[bytes]:
        head, blank, body = serves(asked, content).partition(b"\r\n\r\n")
        yield head + blank + body[:35_000]
        assert goes_on.wait(60)
        yield body[35_000:]

    index.answers = answers
    index.add(NAME, LARGE)
    with installer.asking(installer.place(NAME)) as answer:
        assert answer.read(30_000) == LARGE[:30_000]
        goes_on.set()
        assert answer.read() == LARGE[30_000:]


def test_what_came_before_a_pause_is_sent(index: ScriptedIndex, installer: Installer) -> None:
    """F2: however small the pieces are in which it came."""
    goes_on = threading.Event()

    def answers(asked: Asked, content: bytes) -> Iterable[bytes]:
        yield from in_pieces(serves(asked, content)[:200_000], 1_000)
        assert goes_on.wait(60)
        yield serves(asked, content)[200_000:]

    index.answers = answers
    index.add(NAME, LARGE)
    with installer.asking(installer.place(NAME)) as answer:
        assert answer.read(199_000) == LARGE[:199_000]
        goes_on.set()
        assert answer.read() == LARGE[199_000:]


def test_head_costs_no_request(index: ScriptedIndex, installer: Installer) -> None:
    """F5."""
    index.add(NAME, LARGE)
    got = installer.get(installer.place(NAME), "HEAD")
    assert (got.status, got.headers["content-length"]) == (200, str(len(LARGE)))
    assert index.asked == []


def test_a_client_that_has_the_file_costs_no_request(
    index: ScriptedIndex, installer: Installer
) -> None:
    index.add(NAME, LARGE)
    digest = hashlib.sha256(LARGE).hexdigest()
    assert installer.download(NAME, If_None_Match=f'"{digest}"').status == 304
    assert index.asked == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-99", range(100)),
        ("bytes=100-199999", range(100, 200_000)),
        ("bytes=100-", range(100, 700_000)),
        ("bytes=-100", range(699_900, 700_000)),
        ("bytes=-9999999", range(700_000)),
        ("bytes=699999-800000", range(699_999, 700_000)),
    ],
)
@pytest.mark.parametrize("size", [len(LARGE), None])
def test_a_part_passes_through_and_nothing_is_kept(
    asked: str,
    expected: range,
    size: int | None,
    index: ScriptedIndex,
    installer: Installer,
    tmp_path: Path,
) -> None:
    """F5."""
    index.add(NAME, LARGE, size=size)
    got = installer.download(NAME, Range=asked)
    assert (got.status, got.is_whole) == (206, True)
    assert got.body == LARGE[expected.start : expected.stop]
    assert got.headers["content-range"] == f"bytes {expected.start}-{expected.stop - 1}/700000"
    assert got.headers["content-length"] == str(len(expected))
    assert stored(tmp_path) == []
    assert None not in index.ranges


@pytest.mark.parametrize("size", [len(LARGE), None])
def test_a_part_beyond_the_end_is_refused(
    size: int | None, index: ScriptedIndex, installer: Installer
) -> None:
    """F5."""
    index.add(NAME, LARGE, size=size)
    assert installer.download(NAME, Range="bytes=700000-").status == 416


def test_the_whole_file_comes_where_the_upstream_sends_no_parts(
    index: ScriptedIndex, installer: Installer
) -> None:
    """F5."""
    index.answers = lambda _asked, content: reply(content)
    index.add(NAME, LARGE)
    got = installer.download(NAME, Range="bytes=0-9")
    assert (got.status, got.body, got.is_whole) == (206, LARGE[:10], True)
    assert got.headers["content-range"] == "bytes 0-9/700000"


@pytest.mark.parametrize("said", ["bytes 1-10/700000", "bytes 0-10/700000", "bytes 0-9/5", ""])
def test_another_part_than_asked_for_is_refused(
    said: str, index: ScriptedIndex, installer: Installer
) -> None:
    """F5."""
    index.answers = lambda _asked, content: reply(
        content[:11], "206 Partial Content", Content_Range=said
    )
    index.add(NAME, LARGE)
    assert installer.download(NAME, Range="bytes=0-9").status == 502


def test_a_part_that_is_cut_is_cut(index: ScriptedIndex, installer: Installer) -> None:
    index.answers = cut_after(300_000)
    index.add(NAME, LARGE)
    got = installer.download(NAME, Range="bytes=100-")
    assert (got.status, got.is_whole) == (206, False)


def test_what_was_not_fetched_is_unknown_when_the_upstream_is_offline(
    index: ScriptedIndex, installer: Installer, on_disk: Registry
) -> None:
    """O2."""
    other = NAME.replace("1.0", "2.0")
    index.add(NAME, LARGE)
    index.add(other, LARGE[1:], beside=b"Name: demo")
    installer.download(NAME)
    wait_until(lambda: metric(on_disk, "whole") == 1)
    asked = len(index.asked)
    on_disk.acting_as(OPERATOR).upstreams.change("elsewhere", offline=True)
    assert installer.download(NAME).body == LARGE
    place = installer.place(other)
    for path, how in ((place, {}), (place, {"Range": "bytes=0-9"}), (f"{place}.metadata", {})):
        got = installer.get(path, **how)
        assert got.status == 404
        assert b"offline" in got.body
    assert len(index.asked) == asked


@pytest.mark.parametrize("size", [len(LARGE), None])
@pytest.mark.parametrize("hashes", [{}, {"md5": hashlib.md5(LARGE).hexdigest()}])
def test_a_file_without_a_digest_gets_one(
    size: int | None, hashes: dict[str, str], index: ScriptedIndex, installer: Installer
) -> None:
    """P7."""
    index.add(NAME, LARGE, size=size, hashes=hashes)
    before = installer.place(NAME)
    assert before.endswith(f"/unhashed/demo/{NAME}")
    got = installer.get(before)
    assert (got.body, got.is_whole) == (LARGE, True)
    digest = hashlib.sha256(LARGE).hexdigest()
    wait_until(lambda: "sha256" in installer.page("demo")[0]["hashes"])
    (listed,) = installer.page("demo")
    assert listed["hashes"] == {**hashes, "sha256": digest}
    after = installer.place(NAME)
    assert digest[4:] in after
    for place, is_immutable in ((before, False), (after, True)):
        got = installer.get(place)
        assert (got.body, got.headers["etag"]) == (LARGE, f'"{digest}"')
        assert ("immutable" in got.headers["cache-control"]) == is_immutable
    assert len(index.asked) == 1


def test_a_digest_of_another_algorithm_is_checked(
    index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    index.add(NAME, SMALL, hashes={"md5": "0" * 32})
    assert installer.download(NAME).status == 502
    assert stored(tmp_path) == []


def test_what_cannot_be_told_to_be_whole_is_refused(
    index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    """F1: neither a digest, nor a size, nor chunks: it may have been cut."""

    def answers(_asked: Asked, content: bytes) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content
        raise Cut

    index.answers = answers
    index.add(NAME, LARGE, size=None, hashes={})
    assert installer.download(NAME).status == 502
    assert stored(tmp_path) == []


def test_metadata_are_those_of_the_upstream(
    on_disk: Registry, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    """P5."""
    index.add(NAME, LARGE, beside=b"Name: other\n")
    place = f"{installer.place(NAME)}.metadata"
    for _time in range(3):
        got = installer.get(place)
        assert (got.status, got.body) == (200, b"Name: other\n")
    assert [asked.target for asked in index.asked] == [f"/files/{NAME}.metadata"]
    keep_metadata(on_disk)
    (kept,) = stored(tmp_path)
    assert kept.endswith(".metadata")


def test_wrong_metadata_are_refused(
    index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    """P5."""
    index.add(NAME, LARGE, beside=b"Name: other\n")
    index.put(f"{NAME}.metadata", b"Name: wrong\n")
    assert installer.get(f"{installer.place(NAME)}.metadata").status == 502
    assert stored(tmp_path) == []


def test_metadata_without_a_digest_get_one(index: ScriptedIndex, installer: Installer) -> None:
    """P5."""
    index.add(NAME, LARGE, beside=b"Name: other\n", core_metadata=True)
    place = f"{installer.place(NAME)}.metadata"
    assert installer.get(place).body == b"Name: other\n"
    digest = hashlib.sha256(b"Name: other\n").hexdigest()
    wait_until(lambda: installer.page("demo")[0]["core-metadata"] == {"sha256": digest})
    assert installer.get(place).headers["etag"] == f'"{digest}"'
    assert len(index.asked) == 1


def test_metadata_come_from_the_wheel_where_the_upstream_has_none(
    index: ScriptedIndex, installer: Installer
) -> None:
    """P5: once it is here."""
    demo = wheel("demo", "1.0")
    index.add(demo.filename, demo.content)
    place = installer.place(demo.filename)
    assert not installer.page("demo")[0].get("core-metadata")
    assert installer.get(f"{place}.metadata").status == 404
    installer.get(place)
    digest = hashlib.sha256(demo.metadata).hexdigest()
    wait_until(lambda: installer.page("demo")[0].get("core-metadata") == {"sha256": digest})
    got = installer.get(f"{place}.metadata")
    assert (got.body, got.headers["etag"]) == (demo.metadata, f'"{digest}"')
    assert len(index.asked) == 1


def test_metadata_that_are_offered_and_missing_come_from_the_wheel(
    index: ScriptedIndex, installer: Installer
) -> None:
    """P5: never offered unless they can be served."""
    demo = wheel("demo", "1.0")
    index.add(demo.filename, demo.content, core_metadata=True)
    got = installer.get(f"{installer.place(demo.filename)}.metadata")
    assert (got.status, got.body) == (200, demo.metadata)


def test_provenance_is_passed_on(index: ScriptedIndex, installer: Installer) -> None:
    """F8."""
    document = b'{"version": 1, "attestation_bundles": []}'
    index.put("demo.provenance", document)
    index.add(NAME, LARGE, provenance=f"{index.server.url}/files/demo.provenance")
    for _time in range(2):
        got = installer.get(f"/integrity/demo/1.0/{NAME}/provenance")
        assert (got.status, got.body) == (200, document)
    assert len(index.asked) == 1


@pytest.mark.parametrize("document", [b"[]", b"no JSON", b"\xff", b"[" * 100_000])
def test_what_is_no_provenance_is_refused(
    document: bytes, index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    """F8."""
    index.put("demo.provenance", document)
    index.add(NAME, LARGE, provenance=f"{index.server.url}/files/demo.provenance")
    assert installer.get(f"/integrity/demo/1.0/{NAME}/provenance").status == 502
    assert stored(tmp_path) == []


class Gate:
    """Answers that begin, and go on when they may."""

    def __init__(self, begin: int) -> None:
        self.goes_on = threading.Event()
        self._begin = begin

    def __call__(self, asked: Asked, content: bytes) -> Iterable[bytes]:
        whole = serves(asked, content)
        size = whole.index(b"\r\n\r\n") + 4 + self._begin if self._begin else 0
        yield whole[:size]
        if not self.goes_on.wait(60):
            raise Cut
        yield from in_pieces(whole[size:], 100_000)


def together(number: int, work: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize("begin", [0, 300_000])
def test_many_who_wait_cost_one_request_and_no_thread(
    begin: int, index: ScriptedIndex, installer: Installer, on_disk: Registry
) -> None:
    """F3: and whoever wants something else is answered meanwhile."""
    gate = index.answers = Gate(begin)
    index.add(NAME, LARGE)
    place = installer.place(NAME)
    got: list[bytes] = []
    threads = together(100, lambda: got.append(installer.get(place).body))
    try:
        wait_until(lambda: len(index.asked) == 1)
        for _time in range(20):
            assert installer.page("demo")
        assert got == []
    finally:
        gate.goes_on.set()
        for thread in threads:
            thread.join(60)
    assert got == [LARGE] * 100
    assert len(index.asked) == 1
    assert metric(on_disk, "whole") == 1


def test_another_process_follows(
    index: ScriptedIndex, installer: Installer, on_disk: Registry, tmp_path: Path
) -> None:
    """F3: here another registry on the same database and the same files."""
    gate = index.answers = Gate(300_000)
    index.add(NAME, LARGE)
    place = installer.place(NAME)
    got: list[bytes] = []
    first = together(1, lambda: got.append(installer.get(place).body))
    with (
        Registry(on_disk._settings) as other,
        LiveServer(other.wsgi_app()) as server,
    ):
        wait_until(lambda: len(index.asked) == 1)
        follower = Installer(f"{server.url}/repositories/main")
        with follower.asking(place) as answer:
            assert answer.read(100_000) == LARGE[:100_000]
            gate.goes_on.set()
            assert answer.read() == LARGE[100_000:]
        first[0].join(60)
        assert follower.get(place).body == LARGE
        wait_until(lambda: stored(tmp_path) == [NAME])
    assert got == [LARGE]
    assert len(index.asked) == 1


def test_a_fetch_goes_on_when_its_client_has_left(
    index: ScriptedIndex, installer: Installer, tmp_path: Path
) -> None:
    gate = index.answers = Gate(300_000)
    index.add(NAME, LARGE)
    with installer.asking(installer.place(NAME)) as answer:
        assert answer.read(10) == LARGE[:10]
    gate.goes_on.set()
    wait_until(lambda: stored(tmp_path) == [NAME])


def test_a_registry_that_is_closed_ends_its_fetches_and_another_goes_on(
    index: ScriptedIndex, installer: Installer, on_disk: Registry, tmp_path: Path
) -> None:
    gate = index.answers = Gate(300_000)
    index.add(NAME, LARGE)
    place = installer.place(NAME)
    with installer.asking(place) as answer, suppress(OSError):
        assert answer.read(10) == LARGE[:10]
        closing = together(1, on_disk.close)
        gate.goes_on.set()
        closing[0].join(60)
    with Registry(on_disk._settings) as other, LiveServer(other.wsgi_app()) as server:
        assert Installer(f"{server.url}/repositories/main").get(place).body == LARGE
        wait_until(lambda: stored(tmp_path) == [NAME])


def test_many_who_wait_for_a_page_cost_one_request_and_no_thread(
    index: ScriptedIndex, installer: Installer
) -> None:
    """P3: and what is known is answered meanwhile."""
    index.add(NAME, SMALL)
    index.add("slow-1.0-py3-none-any.whl", SMALL)
    assert installer.page("demo")
    goes_on = index.holds_back("slow")
    got: list[int] = []
    threads = together(50, lambda: got.append(len(installer.page("slow"))))
    try:
        wait_until(lambda: index.pages_asked.count("slow") == 1)
        for _time in range(20):
            assert installer.page("demo")
        assert got == []
    finally:
        goes_on.set()
        for thread in threads:
            thread.join(60)
    assert got == [1] * 50
    assert index.pages_asked.count("slow") == 1


def test_a_decompression_bomb_is_passed_on_and_not_opened_beyond_the_limits(
    index: ScriptedIndex, installer: Installer
) -> None:
    """S4."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demo-1.0.dist-info/METADATA", bytes(200_000_000))
    index.add(NAME, packed.getvalue())
    assert installer.download(NAME).body == packed.getvalue()
    assert not installer.page("demo")[0].get("core-metadata")
    assert installer.get(f"{installer.place(NAME)}.metadata").status == 404


def test_an_archive_that_no_upload_could_be_is_passed_on(
    index: ScriptedIndex, installer: Installer
) -> None:
    """S4: it is what the index serves."""
    name = "demo-1.0-py2.7.egg"
    index.add(name, LARGE)
    assert installer.download(name).body == LARGE


@pytest.mark.parametrize("number", range(20))
@pytest.mark.usefixtures("no_pauses")
def test_whatever_happens_to_a_transfer_the_file_is_right_or_broken(
    number: int, index: ScriptedIndex, installer: Installer
) -> None:
    """F1, F2, F4."""
    chance = random.Random(number)
    knows = {"size": chance.choice([len(LARGE), None])}
    if chance.random() < 0.3:
        knows["hashes"] = {}  # type: ignore[assignment]
    faults = [chance.choice(["cut", "wrong", "ignore", "good"]) for _ in range(4)]

    def answers(asked: Asked, content: bytes) -> Iterable[bytes]:
        fault = faults.pop(0) if faults else "good"
        if fault == "wrong":
            content = flipped(content)
        if fault == "ignore":
            asked = Asked(asked.method, asked.target, {}, asked.connection)
        whole = serves(asked, content)
        yield whole[: chance.randrange(len(whole))] if fault == "cut" else whole
        if fault == "cut":
            raise Cut

    index.answers = answers
    index.add(NAME, LARGE, **knows)
    got = installer.download(NAME)
    if got.status == 200 and got.is_whole and knows.get("hashes") != {}:
        assert got.body == LARGE
    else:
        assert got.status in (200, 502)


def test_a_location_without_a_digest_is_that_of_one_project(
    index: ScriptedIndex, installer: Installer
) -> None:
    """V5: two projects may have files of one name."""
    name = "demo-1.0-9.tar.gz"
    index.add(name, LARGE, hashes={})
    for project in ("other", "demo-1-0"):
        assert installer.get(f"/files/unhashed/{project}/{name}").status == 404
    assert installer.page("demo")
    assert installer.get(f"/files/unhashed/demo/{name}").status == 200
