"""Forms arrive in pieces of any size, and mean the same."""

import io

import pytest
from werkzeug.exceptions import RequestEntityTooLarge

from pypi_repo.web.packages.multipart import Data, Part, events

BOUNDARY = b"b-1"
FILE = b"\r\n--b-1x\r\n--b-\r\r\n\r\n--b-1 \r\n" + bytes(range(256))
BODY = (
    b"a preamble\r\n--b-1\r\n"
    b'Content-Disposition: form-data; name="first"\r\n\r\n'
    b"one\r\n--b-1\r\n"
    b'content-disposition: form-data; name="a \\"quoted\\" one"; filename=plain.whl\r\n'
    b"Content-Type: text/plain;\r\n charset=utf-8\r\n\r\n" + FILE + b"\r\n--b-1\r\n"
    b'Content-Disposition: form-data; name="empty"; filename="e.whl"\r\n\r\n'
    b"\r\n--b-1--\r\nan epilogue"
)


class Slow(io.RawIOBase):
    """Gives a few bytes at a time, as a slow client does."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content, self._size = io.BytesIO(content), size

    def read(self, size: int = -1, /) -> bytes:
        return self._content.read(self._size)


def parts_of(body: bytes, size: int, most_parts: int = 10) -> list[tuple[Part, bytes]]:
    found: list[tuple[Part, bytes]] = []
    for event in events(Slow(body, size), BOUNDARY, most_parts):  # type: ignore[arg-type]
        if isinstance(event, Part):
            found.append((event, b""))
        else:
            assert isinstance(event, Data)
            found[-1] = found[-1][0], found[-1][1] + event.data
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64, 500, 100_000])
def test_pieces_of_any_size_mean_the_same(size: int) -> None:
    (first, one), (quoted, file), (empty, nothing) = parts_of(BODY, size)
    assert (first.name, first.filename, one) == ("first", None, b"one")
    assert (quoted.name, quoted.filename, file) == ('a "quoted" one', "plain.whl", FILE)
    assert quoted.headers["content-type"] == "text/plain; charset=utf-8"
    assert (empty.name, empty.filename, nothing) == ("empty", "e.whl", b"")


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_body_that_ends_anywhere_before_its_end_is_refused(size: int) -> None:
    whole = BODY.index(b"--b-1--") + len(b"--b-1--")
    for length in range(whole):
        with pytest.raises(ValueError, match="ends before"):
            parts_of(BODY[:length], size)
    assert len(parts_of(BODY[:whole], size)) == 3


def test_one_part_more_than_allowed_is_refused() -> None:
    assert len(parts_of(BODY, 100, 3)) == 3
    with pytest.raises(RequestEntityTooLarge):
        parts_of(BODY, 100, 2)
