"""Whatever a request may say takes time in proportion to its length, and is never an error of ours.

Headers are as long as no server lets them be. U113.
"""

from __future__ import annotations

import base64
import gc
import io
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.validation.upload_form import UploadForm
from pypi_repo.web.packages import multipart
from tests.conftest import ADMINISTRATOR, PASSWORD, USER, populate
from tests.support.api import ApiClient
from tests.support.distributions import multipart as form_of
from tests.support.distributions import upload_form, wheel
from tests.support.growth import assert_linear
from tests.support.http import basic, call, environ_of
from tests.support.uploads import upload

Text = Callable[[int], str]

_SIZE = 80_000
_WHEEL = wheel()
_PAGE = "/repositories/main/simple/demo/"
_JSON = "/repositories/main/pypi/demo/json"
_PROVENANCE = f"/repositories/main/integrity/demo/1.0/{_WHEEL.filename}/provenance"

SHAPES: Mapping[str, Text] = {
    "blanks": lambda size: "a" + " " * size + "b",
    "commas": ",".__mul__,
    "semicolons": lambda size: "a/b" + ";" * size,
    "quotes": '"'.__mul__,
    "escaped quotes": lambda size: 'a="' + '\\"' * (size // 2),
    "equals": lambda size: "a" + "=" * size,
    "parameters": lambda size: "a/b" + "; a=b" * (size // 5),
    "numbered parameters": lambda size: "a/b" + "".join(f"; a*{n}*=b" for n in range(size // 10)),
    "ranges": lambda size: "bytes=" + "0-1," * (size // 4),
    "types": "a/b;q=0.5, ".__mul__,
    "stars": "*".__mul__,
    "digits": "1".__mul__,
    "parentheses": "(".__mul__,
    "colons": ":".__mul__,
    "slashes": "/".__mul__,
    "percents": "%".__mul__,
    "dots": ".".__mul__,
    "words": "a ".__mul__,
    "tags": '"a", '.__mul__,
    "weak tags": 'W/"a", '.__mul__,
    "what a token begins with": "ppr_".__mul__,
    "what a signed token begins with": "eyJ".__mul__,
    "many signed tokens": "eyJ.".__mul__,
}
HEADERS = (
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Content-Type",
    "Cookie",
    "Forwarded",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "Origin",
    "Range",
    "User-Agent",
    "X-Forwarded-For",
    "X-Request-ID",
)


@pytest.fixture(scope="module")
def app() -> Iterator[Any]:
    """The site of a registry with a public repository, and a release in it."""
    registry = Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4))
    populate(registry)
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    upload(registry, _WHEEL)
    yield registry.wsgi_app()
    registry.close()


def _asks(app: Any, path: str, method: str = "GET") -> Callable[[dict[str, str]], None]:
    def ask(headers: dict[str, str]) -> None:
        answer = call(app, environ_of(path, method=method, headers=headers))
        assert not answer.status.startswith("5"), answer.status

    return ask


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("header", HEADERS)
def test_headers_are_read_in_linear_time(app: Any, header: str, shape: str) -> None:
    for path in (_PAGE, _JSON, _PROVENANCE):
        assert_linear(_asks(app, path), lambda size: {header: SHAPES[shape](size)[:size]}, _SIZE)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("header", ["Content-Type", "Cookie", "Origin"])
def test_headers_of_uploads_are_read_in_linear_time(app: Any, header: str, shape: str) -> None:
    ask = _asks(app, "/repositories/main/", "POST")
    credentials = basic(USER, PASSWORD)
    assert_linear(ask, lambda size: {**credentials, header: SHAPES[shape](size)[:size]}, _SIZE)
    behind = "multipart/form-data; boundary=x; "
    if header == "Content-Type":
        assert_linear(
            ask, lambda size: {**credentials, header: behind + SHAPES[shape](size)[:size]}, _SIZE
        )


@pytest.mark.parametrize("shape", SHAPES)
def test_credentials_are_read_in_linear_time(app: Any, shape: str) -> None:
    def given(size: int) -> dict[str, str]:
        content = base64.b64encode(SHAPES[shape](size)[:size].encode()).decode()
        return {"Authorization": f"Basic {content}"}

    assert_linear(_asks(app, _PAGE), given, _SIZE)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "before",
    [
        "/repositories/",
        "/repositories/main/simple/",
        "/repositories/main/simple/demo/?format=",
        "/repositories/main/simple/demo/?a=&",
        "/repositories/main/pypi/",
        "/repositories/main/pypi/demo/",
        "/repositories/main/files/",
        "/repositories/main/integrity/demo/",
        "/portal/",
        "/api/v1/",
        "/api/v1/users/x/tokens/",
    ],
)
def test_urls_are_read_in_linear_time(app: Any, before: str, shape: str) -> None:
    text = SHAPES[shape]
    for after in ("", "/json", "/provenance"):
        assert_linear(
            lambda url: _asks(app, url)({}),
            lambda size, after=after: f"{before}{text(size)[:size]}{after}",  # type: ignore[misc]
            60_000,
        )


BODIES: Mapping[str, tuple[int, Callable[[int], bytes]]] = {
    "a long header": (60_000, lambda size: b"\r\nA: " + b"b" * size),
    "headers": (60_000, lambda size: b"\r\nA: b" * (size // 6)),
    "folded headers": (60_000, lambda size: b"\r\nA: b" + b"\r\n c" * (size // 4)),
    "ends of lines": (60_000, lambda size: b"\r\n" + b"\r" * size),
    "parameters": (
        60_000,
        lambda size: b"\r\nContent-Disposition: form-data" + b"; name=a" * (size // 8),
    ),
    "continued parameters": (
        60_000,
        lambda size: (
            b"\r\nContent-Disposition: form-data"
            + b"".join(b"; name*%d*=a" % number for number in range(size // 14))
        ),
    ),
    "quotes": (
        60_000,
        lambda size: b'\r\nContent-Disposition: form-data; name="' + b'\\"' * (size // 2),
    ),
    "percents": (
        60_000,
        lambda size: b"\r\nContent-Disposition: form-data; name*=utf-8''" + b"%" * size,
    ),
}


@pytest.mark.parametrize("piece", [1, 100_000])
@pytest.mark.parametrize("shape", BODIES)
def test_headers_of_parts_are_read_in_linear_time(shape: str, piece: int) -> None:
    """However small the pieces are in which they arrive."""
    size, text = BODIES[shape]
    assert_linear(
        lambda body: list(multipart.events(_Pieces(body, piece), b"x", 10)),
        lambda size: b"--x" + text(size) + b"\r\n\r\n\r\n--x--",
        size,
    )


CONTENTS: Mapping[str, Callable[[int], bytes]] = {
    "ends of lines": b"\r\n".__mul__,
    "what looks like a boundary": b"\r\n--xxxxxxxx".__mul__,
    "what looks like a longer one": lambda size: b"\r\n--" + b"x" * size,
    "what looks like the last one": b"\r\n--xxxxxxxxx--".__mul__,
}


@pytest.mark.parametrize("shape", CONTENTS)
@pytest.mark.parametrize("length", [9, 200])
def test_contents_of_parts_are_read_in_linear_time(shape: str, length: int) -> None:
    head = b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    boundary = b"x" * length
    assert_linear(
        lambda body: list(multipart.events(io.BytesIO(body), boundary, 10)),
        lambda size: b"--" + boundary + head + CONTENTS[shape](size) + b"\r\n--" + boundary + b"--",
        1_000_000,
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "field",
    [
        "name",
        "version",
        "filetype",
        "pyversion",
        "metadata_version",
        "md5_digest",
        "sha256_digest",
        "blake2_256_digest",
        "attestations",
        "filename",
    ],
)
def test_fields_of_forms_are_read_in_linear_time(field: str, shape: str) -> None:
    """U05, U16: a form may have 16 MiB of text."""
    fields = {name: [value] for name, value in _fields().items()}

    def judged(text: str) -> None:
        filename = text if field == "filename" else _WHEEL.filename
        UploadForm.from_fields({**fields, field: [text]}, filename)

    assert_linear(judged, lambda size: SHAPES[shape](size)[:size], 1_000_000)


DOCUMENTS: Mapping[str, Callable[[int], bytes]] = {
    "arrays within each other": b"[".__mul__,
    "objects within each other": lambda size: b'{"a":' * (size // 5),
    "keys": lambda size: b"{" + b'"a":1,' * (size // 6) + b'"b":1}',
    "escapes": lambda size: b'{"description":"' + b"\\" * size,
    "characters": lambda size: b'{"description":"' + b"\\u0000" * (size // 6) + b'"}',
    "digits": lambda size: b'{"quota":' + b"9" * size + b"}",
    "digits behind a point": lambda size: b'{"quota":0.' + b"9" * size + b"}",
    "an exponent": lambda size: b'{"quota":1e' + b"9" * size + b"}",
    "blanks": b" ".__mul__,
}


@pytest.mark.parametrize("shape", DOCUMENTS)
def test_documents_are_read_in_linear_time(registry: Registry, shape: str) -> None:
    api = ApiClient(registry, ADMINISTRATOR)

    def change(document: bytes) -> None:
        answer = api.call(
            "PUT", "repositories/main", data=document, content_type="application/json"
        )
        assert answer.status_code in (400, 422), answer.status

    assert_linear(change, DOCUMENTS[shape], 1_000_000)


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("/portal/static/{}.css", "User-Agent"),
        ("/repositories/{}/simple/demo/", "User-Agent"),
        (_PAGE, "Accept"),
        (_PAGE, "Accept-Encoding"),
    ],
    ids=["static files", "repositories", "Accept", "Accept-Encoding"],
)
def test_what_strangers_make_up_is_not_kept(app: Any, path: str, header: str) -> None:
    """Each request has a long name or header that nobody sent before."""

    def ask(number: int) -> None:
        made_up = f"{number:03}" + "a" * 20_000
        given = {header: f"text/html, {made_up}"}
        call(app, environ_of("/", headers=given, PATH_INFO=path.format(made_up))).read()

    ask(0)
    tracemalloc.start()
    for number in range(1, 201):
        ask(number)
    gc.collect()
    kept, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000


def test_an_answer_does_not_repeat_all_that_was_sent(app: Any) -> None:
    """Of a version or a name without end, the beginning says enough."""
    for field in ("name", "version", "filetype", "sha256_digest"):
        body, kind = form_of(
            upload_form(_WHEEL, **{field: "1" + ".0" * 50_000}),
            [("content", _WHEEL.filename, _WHEEL.content, None)],
        )
        environ = environ_of(
            "/repositories/main/",
            method="POST",
            headers={**basic(USER, PASSWORD), "Content-Type": kind},
            body=io.BytesIO(body),
            length=len(body),
        )
        answer = call(app, environ)
        assert answer.status.startswith("400")
        assert len(answer.read()) < 1000


def _fields() -> dict[str, str]:
    return {name: value for name, value in upload_form(_WHEEL).items() if isinstance(value, str)}


class _Pieces(io.RawIOBase):
    """Gives so many bytes at a time, as a slow client does."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content, self._size = io.BytesIO(content), size

    def read(self, size: int = -1, /) -> bytes:
        return self._content.read(self._size)
