"""Multipart bodies as strangers send them: refused in words, never a crash, nothing kept."""

import io
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from pypi_repo import OPERATOR, Limits, Registry, Settings
from tests.support.distributions import multipart, upload_form, wheel
from tests.support.http import Site, basic, call, environ_of, reason

USER, PASSWORD = "user@example.com", "correct horse"
NewRegistry = Callable[..., Registry]

DIST = wheel(padding=3_000)
BOUNDARY = b"the-boundary-of-these-tests"
TYPE = f"multipart/form-data; boundary={BOUNDARY.decode()}"


def with_known_boundary(body: bytes, content_type: str) -> bytes:
    return body.replace(content_type.partition("boundary=")[2].encode(), BOUNDARY)


BODY = with_known_boundary(
    *multipart(upload_form(DIST), [("content", DIST.filename, DIST.content, None)])
)
PART = b"--" + BOUNDARY + b"\r\n"
END = b"--" + BOUNDARY + b"--\r\n"


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    """One for all: a refused upload leaves nothing that another test could meet."""
    limits = Limits(form_size=200_000, form_parts=500, file_size=2_000_000)
    registry = Registry(
        Settings(database="sqlite://", blobs="memory://", password_cost=4, limits=limits)
    )
    registry.acting_as(OPERATOR).repositories.create("main")
    registry.acting_as(OPERATOR).accounts.create_user(USER, PASSWORD)
    yield registry
    registry.close()


def post(registry: Registry, body: bytes, content_type: str = TYPE) -> tuple[int, str]:
    """The status and reason; the two must always be a complete answer."""
    response = Client(registry.wsgi_app()).post(
        "/repositories/main/",
        input_stream=io.BytesIO(body),
        content_length=len(body),
        content_type=content_type,
        headers=basic(USER, PASSWORD),
    )
    return response.status_code, reason(response)


def assert_nothing_is_stored(registry: Registry) -> None:
    assert registry.acting_as(OPERATOR).projects.all("main") == []
    assert list(registry._blobs.walk()) == []


def test_the_body_that_the_others_are_made_from_is_valid(new_registry: NewRegistry) -> None:
    registry = new_registry()
    assert post(registry, BODY) == (200, "OK")


SOMETIMES_SLOW = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SOMETIMES_SLOW
@given(st.integers(0, len(BODY) - 5))
def test_u17_a_body_cut_off_anywhere_is_400(registry: Registry, length: int) -> None:
    status, words = post(registry, BODY[:length])
    assert (status, words) == (400, "The upload is not a complete multipart form.")
    assert_nothing_is_stored(registry)


@SOMETIMES_SLOW
@given(st.integers(0, len(BODY) - 1))
def test_u17_a_client_that_goes_away_is_400(registry: Registry, received: int) -> None:
    environ = environ_of(
        "/repositories/main/",
        method="POST",
        headers={**basic(USER, PASSWORD), "Content-Type": TYPE},
        body=io.BytesIO(BODY[:received]),
        length=len(BODY),
    )
    answer = call(registry.wsgi_app(), environ)
    assert answer.status_code == 400
    assert_nothing_is_stored(registry)


def flipped(positions: list[tuple[int, int]], body: bytes = BODY) -> bytes:
    changed = bytearray(body)
    for position, value in positions:
        changed[position] ^= value
    return bytes(changed)


@SOMETIMES_SLOW
@given(st.lists(st.tuples(st.integers(0, len(BODY) - 1), st.integers(1, 255)), max_size=8))
def test_u17_damaged_bodies_are_never_a_server_error(
    registry: Registry, damage: list[tuple[int, int]]
) -> None:
    site = Site(
        Client(registry.wsgi_app()),
        "/repositories/main/",
        "/repositories/main/simple/",
        "/repositories/main/files/",
        headers=basic(USER, PASSWORD),
    )
    status, words = post(registry, flipped(damage))
    assert status in (200, 400, 410, 413), words
    if status == 200:  # the damage was in something that is not looked at, or none at all
        (file,) = site.page("demo")["files"]
        assert site.get(file["url"]).data == DIST.content
        registry.acting_as(OPERATOR).repositories.delete("main")
        registry.acting_as(OPERATOR).repositories.create("main")
        for blob in list(registry._blobs.walk()):
            registry._blobs.delete(blob.path)
    assert_nothing_is_stored(registry)


@SOMETIMES_SLOW
@given(
    st.integers(len(BODY) - len(END) - 2 - len(DIST.content), len(BODY) - len(END) - 3),
    st.integers(1, 255),
)
def test_u28_a_flipped_bit_of_the_file_is_found(
    registry: Registry, position: int, value: int
) -> None:
    status, words = post(registry, flipped([(position, value)]))
    assert status == 400
    assert "digest" in words or "multipart" in words
    assert_nothing_is_stored(registry)


@SOMETIMES_SLOW
@given(st.binary(max_size=2_000), st.sampled_from([b"", PART, PART * 2, END]))
def test_u17_random_bytes_are_400(registry: Registry, noise: bytes, start: bytes) -> None:
    assert post(registry, start + noise)[0] == 400
    assert_nothing_is_stored(registry)


@SOMETIMES_SLOW
@given(st.binary(max_size=300))
def test_u17_random_part_headers_are_400(registry: Registry, noise: bytes) -> None:
    body = PART + noise + b"\r\n\r\nvalue\r\n" + END
    assert post(registry, body)[0] == 400
    assert_nothing_is_stored(registry)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@SOMETIMES_SLOW
@given(st.dictionaries(TEXT.filter(lambda name: '"' not in name), TEXT, max_size=5))
def test_u13_any_other_fields_do_not_matter_to_the_server(
    registry: Registry, fields: dict[str, str]
) -> None:
    form = {**upload_form(DIST, name="-"), **fields, "name": "-"}
    body, content_type = multipart(form, [("content", DIST.filename, DIST.content, None)])
    status, words = post(registry, body, content_type)
    assert status in (400, 410)
    assert words.isascii()
    assert words.isprintable()
    assert_nothing_is_stored(registry)


@SOMETIMES_SLOW
@given(
    st.sampled_from(["name", "version", "filetype", "pyversion", ":action", "protocol_version"]),
    TEXT.filter(lambda text: text.strip() not in ("demo", "1.0", "py3", "file_upload", "1")),
)
def test_u92_hostile_values_leave_a_clean_status_line(
    registry: Registry, field: str, value: str
) -> None:
    form = upload_form(DIST) | {field: value}
    form["sha256_digest"] = "0" * 64
    body, content_type = multipart(form, [("content", DIST.filename, DIST.content, None)])
    status, words = post(registry, body, content_type)
    assert status in (400, 410)
    assert 0 < len(words) <= 200
    assert words.isascii()
    assert words.isprintable()
    assert_nothing_is_stored(registry)


@SOMETIMES_SLOW
@given(TEXT)
def test_u43_u92_hostile_filenames_leave_a_clean_status_line(
    registry: Registry, filename: str
) -> None:
    form = upload_form(DIST)
    body, content_type = multipart(form, [("content", filename, DIST.content, None)])
    status, words = post(registry, body, content_type)
    assert status == 400
    assert 0 < len(words) <= 200
    assert words.isascii()
    assert words.isprintable()
    assert_nothing_is_stored(registry)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=other",
        "multipart/form-data; boundary=" + "b" * 201,
        "multipart/form-data; boundary=" + "b" * 60_000,
        "multipart/form-data; boundary=\u0080\u00ff",
        "multipart/form-data; boundary=(.*)+$",
        "multipart/form-data; boundary*=utf-8''%00",
        "multipart/form-data; boundary*=nonsense'x'%ff",
        "multipart/mixed; boundary=" + BOUNDARY.decode(),
        ";;;=",
        "multipart/form-data; " + "x=y; " * 1000,
    ],
)
def test_u17_another_content_type_is_400(registry: Registry, content_type: str) -> None:
    assert post(registry, BODY, content_type)[0] == 400
    assert_nothing_is_stored(registry)


def part(disposition: bytes, content: bytes = b"x", more: bytes = b"") -> bytes:
    return PART + b"Content-Disposition: " + disposition + b"\r\n" + more + b"\r\n" + content


@pytest.mark.parametrize(
    "body",
    [
        b"",
        END,
        b"\r\n" + END,
        PART,
        PART + END,
        BODY.replace(END, b""),
        BODY.replace(END, PART),
        BODY.replace(b"\r\n" + END, END),
        BODY.replace(b"\r\n\r\n", b"\r\n"),
        BODY.replace(b"Content-Disposition", b"Content-Location"),
        BODY.replace(b"form-data; name=", b"form-data; nome="),
        BODY.replace(b'name="name"', b'name=""'),
        BODY.replace(b'name="name"', b"name=name; name*=utf-8''%ff%fe"),
        PART + b"\r\n\r\nno headers at all\r\n" + END,
        PART + b"Content-Disposition\r\n\r\nno colon\r\n" + END,
        PART + b": form-data\r\n\r\nno name\r\n" + END,
        part(b'form-data; name="name', b"unbalanced\r\n") + END,
        part(b"form-data; name=\xff\xfe", b"not text\r\n") + END,
        part(b'form-data; name="summary"', b"\xff\xfe\r\n") + END,
        part(b'form-data; name="a"; filename', b"\r\n") + END,
        part(b'attachment; filename="a"', b"\r\n") + END,
        part(b'form-data; name="content"; filename="a"', b"\r\n", b"X: " + b"y" * 9000 + b"\r\n")
        + END,
        b"\0" * 10_000,
        PART * 100,
    ],
)
def test_u17_malformed_bodies_are_400(registry: Registry, body: bytes) -> None:
    status, words = post(registry, body)
    assert status == 400
    assert words != "BAD REQUEST"
    assert_nothing_is_stored(registry)


def test_a_preamble_and_an_epilogue_are_legal(new_registry: NewRegistry) -> None:
    registry = new_registry()
    body = b"This is a form.\r\n" + BODY + b"\r\nThat was a form."
    assert post(registry, body) == (200, "OK")


def test_a_boundary_within_the_file_does_not_end_it(new_registry: NewRegistry) -> None:
    registry = new_registry()
    inside = b"--" + BOUNDARY + b"\r\n\r\n--" + BOUNDARY[:-1] + b"\r\n--" + BOUNDARY + b"x"
    dist = wheel(files={"demo/a.bin": inside + b"\r" * 100 + b"\n" * 100})
    body, content_type = multipart(
        upload_form(dist), [("content", dist.filename, dist.content, None)]
    )
    assert post(registry, with_known_boundary(body, content_type)) == (200, "OK")


def test_too_many_parts_are_413(registry: Registry) -> None:
    tags = [f"Topic :: {number}" for number in range(501)]
    body, content_type = multipart(upload_form(DIST, classifiers=tags), [])
    status, words = post(registry, body, content_type)
    assert status == 413
    assert "parts" in words
    assert_nothing_is_stored(registry)


def test_as_many_parts_as_allowed_are_read(registry: Registry) -> None:
    form = upload_form(DIST, name="-")
    form["classifiers"] = [f"Topic :: {number}" for number in range(499 - len(form))]
    body, content_type = multipart(form, [("content", DIST.filename, DIST.content, None)])
    status, words = post(registry, body, content_type)
    assert (status, "name" in words) == (400, True)


def test_too_much_text_is_413(registry: Registry) -> None:
    body, content_type = multipart(upload_form(DIST, description="x" * 200_001), [])
    status, words = post(registry, body, content_type)
    assert status == 413
    assert "text" in words
    assert_nothing_is_stored(registry)


def test_text_counts_over_all_fields_and_signatures(registry: Registry) -> None:
    body, content_type = multipart(
        upload_form(DIST, description="x" * 100_000),
        [("gpg_signature", "a.asc", b"y" * 100_001, None)],
    )
    assert post(registry, body, content_type)[0] == 413


def test_a_huge_part_header_is_413(registry: Registry) -> None:
    body = PART + b"X-Long: " + b"y" * 1_000_000 + b"\r\n\r\n\r\n" + END
    assert post(registry, body)[0] == 413
    assert_nothing_is_stored(registry)


def test_a_huge_preamble_or_epilogue_is_413(registry: Registry) -> None:
    assert post(registry, b"x" * 1_000_000 + b"\r\n" + BODY)[0] == 413
    assert post(registry, BODY + b"x" * 1_000_000)[0] == 413
    assert_nothing_is_stored(registry)


def test_memory_stays_flat_while_a_file_passes(new_registry: NewRegistry, tmp_path: Path) -> None:
    registry = new_registry(blobs=f"file://{tmp_path}/blobs")
    dist = wheel(padding=20_000_000)
    body, content_type = multipart(
        upload_form(dist), [("content", dist.filename, dist.content, None)]
    )
    environ = environ_of(
        "/repositories/main/",
        method="POST",
        headers={**basic(USER, PASSWORD), "Content-Type": content_type},
        body=io.BytesIO(body),
        length=len(body),
    )
    app = registry.wsgi_app()
    tracemalloc.start()
    try:
        assert call(app, environ).status_code == 200
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000
