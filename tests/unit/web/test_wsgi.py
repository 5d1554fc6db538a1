"""The apps obey PEP 3333, as the standard library's validator understands it."""

import io
from concurrent.futures import ThreadPoolExecutor
from wsgiref.validate import validator

import pytest
from werkzeug.test import Client

from pypi_repo import Registry
from tests.support.distributions import multipart, upload_form, wheel
from tests.support.http import JSON, Site, basic, call, environ_of

USER, PASSWORD = "user@example.com", "correct horse"
PATHS = ("/repositories/main/", "/repositories/main/simple/", "/repositories/main/files/")


def read(app: object, path: str, method: str, headers: dict[str, str]) -> tuple[str, bytes]:
    environ = environ_of(path, method=method, headers=headers)
    environ.pop("CONTENT_LENGTH", None)
    del environ["CONTENT_TYPE"]
    answer = call(validator(app), environ)  # type: ignore[arg-type]
    return answer.status, answer.read()


REQUESTS: list[dict[str, str]] = [
    {},
    {"Accept": JSON},
    {"Accept": "application/json"},
    {"If-None-Match": "*"},
    {"Range": "bytes=1-5"},
    {"Range": "bytes=99999999-"},
    {"Authorization": "Basic !"},
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS"])
def test_every_kind_of_answer_is_valid_wsgi(mounted: Site, method: str) -> None:
    mounted.upload(wheel())
    file_url = mounted.file_url(wheel())
    index = mounted.index_url
    urls = [index, index[:-1], f"{index}demo/", f"{index}Demo", f"{index}nothing/"]
    urls += [file_url, f"{file_url}.metadata", f"{file_url}x", mounted.upload_url, "/nothing", "/"]
    seen = set()
    for url in urls:
        for headers in REQUESTS:
            given = {**mounted.headers, **headers}
            status, body = read(mounted.client.application, url, method, given)
            seen.add(status[:3])
            if method == "HEAD" or status.startswith("304"):
                assert body == b""
    if method == "GET":
        assert seen == {"200", "206", "301", "304", "401", "404", "405", "406", "416"} - (
            {"405"} if mounted.upload_url.endswith("/main/") else set()
        )


def test_every_store_streams_valid_wsgi(stored_site: Site) -> None:
    dist = wheel(padding=600_000)
    stored_site.upload(dist)
    url = stored_site.file_url(dist)
    for headers, expected in (
        ({}, dist.content),
        ({"Range": "bytes=7-"}, dist.content[7:]),
        ({"Range": "bytes=-7"}, dist.content[-7:]),
    ):
        given = {**stored_site.headers, **headers}
        assert read(stored_site.client.application, url, "GET", given)[1] == expected
    assert read(stored_site.client.application, url, "HEAD", stored_site.headers)[1] == b""


@pytest.mark.parametrize(
    ("overrides", "status"),
    [({}, "200"), ({"name": "-"}, "400"), ({":action": "submit"}, "410")],
)
def test_uploads_are_valid_wsgi(registry: Registry, overrides: dict[str, str], status: str) -> None:
    dist = wheel(padding=600_000)
    form = upload_form(dist) | overrides
    body, content_type = multipart(form, [("content", dist.filename, dist.content, None)])
    for headers, expected in ((basic(USER, PASSWORD), status), ({}, "401")):
        environ = environ_of(
            "/repositories/main/",
            method="POST",
            headers={**headers, "Content-Type": content_type},
            body=io.BytesIO(body),
            length=len(body),
        )
        answer = call(validator(registry.wsgi_app()), environ)
        assert answer.status.startswith(expected)
        answer.read()


def test_headers_are_native_strings_without_control_characters(site: Site) -> None:
    site.upload(wheel(version="1!2.0+local.3"))
    for url in (site.index_url, f"{site.index_url}demo/", f"{site.index_url}D%C3%A9mo"):
        answer = call(site.client.application, environ_of(url, headers=site.headers))
        answer.close()
        assert type(answer.status) is str
        for name, value in answer.headers:
            assert type(name) is type(value) is str
            assert (name + value).isprintable()
            value.encode("latin-1")


def test_an_app_can_be_used_from_many_threads(registry: Registry) -> None:
    site = Site(Client(registry.wsgi_app()), *PATHS, headers=basic(USER, PASSWORD))
    with ThreadPoolExecutor(8) as pool:
        dists = [wheel(f"demo-{number}") for number in range(16)]
        assert {answer.status_code for answer in pool.map(site.upload, dists)} == {200}
        pages = list(pool.map(lambda dist: site.page(dist.name), dists))
    assert [page["files"][0]["filename"] for page in pages] == [dist.filename for dist in dists]
    assert len(site.project_names()) == 16
