"""The legacy upload API over HTTP: status, reason phrase and body, and nothing left behind."""

import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from pypi_repo import OPERATOR, Limits, Registry
from pypi_repo.domain.validation.profiles import Profile
from tests.support.distributions import Distribution, multipart, sdist, upload_form, wheel
from tests.support.http import (
    Connection,
    CountingInput,
    Site,
    basic,
    call,
    environ_of,
    reason,
)
from tests.support.journal import journal_of
from tests.support.live import LiveServer

USER, PASSWORD = "user@example.com", "correct horse"
READER = "reader@example.com"
NewSite = Callable[..., Site]


def leftovers(registry: Registry) -> list[str]:
    """Everything that a refused upload could have left."""
    projects = [project.name for project in registry.acting_as(OPERATOR).projects.all("main")]
    return projects + [blob.path for blob in registry._blobs.walk()]


def assert_refused(response: TestResponse, status: int, *words: str) -> None:
    """U92: one sentence, in the reason phrase and in the body."""
    assert response.status_code == status, response.text
    sentence = re.sub(r"[^ -~]+", "?", response.text.removesuffix("\n"))
    assert sentence[:200] == reason(response)
    for word in words:
        assert word in response.text


# Success


def test_u94_an_accepted_upload_is_200_without_a_location(mounted: Site) -> None:
    response = mounted.upload(wheel())
    assert response.status == "200 OK"
    assert response.data == b""
    assert response.headers["Content-Length"] == "0"
    assert "Location" not in response.headers


def test_u95_the_file_is_on_the_index_at_once_and_downloads_byte_for_byte(mounted: Site) -> None:
    for dist in (wheel(), sdist()):
        before = mounted.get(f"{mounted.index_url}demo/")
        assert mounted.upload(dist).status_code == 200
        after = mounted.get(f"{mounted.index_url}demo/")
        assert after.headers["ETag"] != before.headers.get("ETag")
        assert mounted.get(mounted.file_url(dist)).data == dist.content


def test_u95_the_serial_moves_with_each_upload(site: Site) -> None:
    serials = []
    for number in range(3):
        site.upload(wheel(version=f"{number}.0"))
        serials.append(int(site.get(f"{site.index_url}demo/").headers["X-PyPI-Last-Serial"]))
    assert serials == sorted(set(serials))


@pytest.mark.parametrize(
    "path", ["/repositories/main", "/repositories/main/"], ids=["no slash", "slash"]
)
@pytest.mark.parametrize("under", ["", "/legacy"])
def test_u07_uploads_are_taken_with_and_without_the_last_slash(
    site: Site, path: str, under: str
) -> None:
    url = path.rstrip("/") + under + ("/" if path.endswith("/") else "")
    assert site.upload(wheel(), url=url).status == "200 OK"
    assert site.project_names() == ["demo"]


def test_u07_an_app_of_ones_own_mounting_takes_both_too(registry: Registry, mounted: Site) -> None:
    bare = mounted.upload_url.rstrip("/")
    assert mounted.upload(wheel(version="1.0"), url=bare).status_code == 200
    assert mounted.upload(wheel(version="2.0"), url=f"{bare}/").status_code == 200


# The action


def test_u03_the_action_may_come_in_the_query_string(site: Site) -> None:
    url = f"{site.upload_url}?:action=file_upload"
    assert site.upload(wheel(), url=url, **{":action": None}).status_code == 200


def test_u03_a_percent_encoded_action_is_the_same(site: Site) -> None:
    url = f"{site.upload_url}?%3Aaction=file_upload"
    assert site.upload(wheel(), url=url, **{":action": None}).status_code == 200


@pytest.mark.parametrize("action", [None, "", "upload", "verify", "remove_pkg", "FILE_UPLOAD"])
def test_u04_u06_any_other_action_is_refused_by_name_of_the_right_one(
    registry: Registry, site: Site, action: str | None
) -> None:
    assert_refused(site.upload(wheel(), **{":action": action}), 400, "file_upload")
    assert leftovers(registry) == []


@pytest.mark.parametrize("action", ["submit", "submit_pkg_info", "doc_upload"])
@pytest.mark.parametrize("where", ["body", "query"])
def test_u05_u06_actions_that_no_index_offers_any_more_are_gone(
    registry: Registry, site: Site, action: str, where: str
) -> None:
    if where == "body":
        response = site.upload(wheel(), **{":action": action})
    else:
        url = f"{site.upload_url}?:action={action}"
        response = site.upload(wheel(), url=url, **{":action": None})
    assert_refused(response, 410, action)
    assert "was ever registered" not in response.text  # would make old poetry call `submit`
    assert leftovers(registry) == []


def test_u05_submit_comes_without_a_file(site: Site) -> None:
    form = upload_form(wheel(), **{":action": "submit"})
    assert_refused(site.post(*multipart(form, [])), 410)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_u08_the_upload_url_says_what_it_takes(mounted: Site, method: str) -> None:
    response = mounted.get(mounted.upload_url, method=method)
    assert_refused(response, 405)
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_u08_reading_an_upload_url_is_405_with_allow(site: Site, method: str) -> None:
    response = site.get("/repositories/main/legacy/", method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"


# The envelope


def test_u09_another_protocol_version_is_refused(registry: Registry, site: Site) -> None:
    assert_refused(site.upload(wheel(), protocol_version="2"), 400, "protocol_version")
    assert leftovers(registry) == []


def test_u09_no_protocol_version_means_the_first(site: Site) -> None:
    assert site.upload(wheel(), protocol_version=None).status_code == 200


@pytest.mark.parametrize("field", ["protocol_version", "md5_digest", "summary", "home_page"])
@pytest.mark.parametrize("value", ["UNKNOWN", "  UNKNOWN\n", ""])
def test_u10_u12_unknown_and_empty_values_count_as_not_sent(
    site: Site, field: str, value: str
) -> None:
    assert site.upload(wheel(), **{field: value}).status_code == 200


@pytest.mark.parametrize("value", ["UNKNOWN", "", " "])
@pytest.mark.parametrize("field", ["name", "version", "filetype", "pyversion"])
def test_u10_a_required_field_that_is_unknown_or_empty_is_missing(
    registry: Registry, site: Site, field: str, value: str
) -> None:
    assert_refused(site.upload(wheel(), **{field: value}), 400, field)
    assert leftovers(registry) == []


def test_u10_a_nul_in_a_value_is_no_server_error(registry: Registry, site: Site) -> None:
    assert site.upload(wheel(), summary="a\0b").status_code == 200
    assert_refused(site.upload(wheel(), name="de\0mo"), 400, "name")
    assert_refused(site.upload(wheel(version="2.0"), version="2.0\0"), 400, "version")


@pytest.mark.parametrize("field", ["name", "summary", "requires_python", "attestations"])
def test_u11_a_file_in_the_place_of_a_text_is_refused(
    registry: Registry, site: Site, field: str
) -> None:
    dist = wheel()
    files = [("content", dist.filename, dist.content, None), (field, "x.txt", b"x", None)]
    assert_refused(site.post(*multipart(upload_form(dist), files)), 400, field)
    assert leftovers(registry) == []


def test_u12_lists_travel_as_repeated_keys(site: Site) -> None:
    response = site.upload(
        wheel(requires_dist=["a", "b>=1"]),
        classifiers=["Private :: Do Not Upload", "Typing :: Typed"],
        project_urls=["Docs, https://example.org/a", "Code, https://example.org/b"],
        platform=["a", "b"],
        dynamic=["Requires-Dist", "Keywords"],
    )
    assert response.status_code == 200


@pytest.mark.parametrize("field", ["name", "version", "summary", "filetype", "sha256_digest"])
def test_u12_a_field_that_travels_once_is_refused_twice(
    registry: Registry, site: Site, field: str
) -> None:
    value = str(upload_form(wheel(), summary="a").get(field))
    assert_refused(site.upload(wheel(), **{field: [value, value]}), 400, field)
    assert leftovers(registry) == []


def test_u12_a_second_empty_value_does_not_count(site: Site) -> None:
    assert site.upload(wheel(), summary=["", "text"]).status_code == 200


def test_u13_unknown_fields_are_ignored(site: Site) -> None:
    extras = {"provides_extras": ["a"], "import_name": "demo", "Description-Content-Type": "x"}
    assert site.upload(wheel(), **extras, blake3_digest="zz").status_code == 200


def test_u13_u31_metadata_fields_of_the_form_are_not_believed(site: Site) -> None:
    response = site.upload(
        wheel(requires_python=">=3.9"),
        metadata_version="9.9",
        requires_python="nonsense",
        classifiers=["No :: Such"],
    )
    assert response.status_code == 200
    assert site.page("demo")["files"][0]["requires-python"] == ">=3.9"


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "text/plain"])
def test_u14_the_content_needs_no_content_type(site: Site, content_type: str | None) -> None:
    assert site.upload(wheel(), content_type=content_type).status_code == 200


@pytest.mark.parametrize("content_type", ["image/png", "IMAGE/svg+xml"])
def test_u14_an_image_is_refused(registry: Registry, site: Site, content_type: str) -> None:
    assert_refused(site.upload(wheel(), content_type=content_type), 400, "image")
    assert leftovers(registry) == []


def test_u15_a_body_without_a_length_is_taken_where_the_server_ends_it(site: Site) -> None:
    dist = wheel()
    body, content_type = multipart(
        upload_form(dist), [("content", dist.filename, dist.content, None)]
    )
    environ = environ_of(
        site.upload_url,
        method="POST",
        headers={**site.headers, "Content-Type": content_type},
        body=io.BytesIO(body),
        **{"wsgi.input_terminated": True},
    )
    environ.pop("CONTENT_LENGTH", None)
    assert call(site.client.application, environ).status == "200 OK"
    assert site.project_names() == ["demo"]


def test_u16_no_content_is_refused(registry: Registry, site: Site) -> None:
    assert_refused(site.post(*multipart(upload_form(wheel()), [])), 400, "content")
    assert leftovers(registry) == []


def test_u16_content_sent_as_text_is_refused(registry: Registry, site: Site) -> None:
    form = upload_form(wheel()) | {"content": "PK"}
    assert_refused(site.post(*multipart(form, [])), 400, "file")
    assert leftovers(registry) == []


@pytest.mark.parametrize("dist", [wheel(), sdist()], ids=["wheel", "sdist"])
def test_u16_an_empty_file_is_refused(registry: Registry, site: Site, dist: Distribution) -> None:
    assert_refused(site.upload(replace(dist, content=b"")), 400, "cut off")
    assert leftovers(registry) == []


def test_a_second_content_is_refused(registry: Registry, site: Site) -> None:
    first, second = wheel(), wheel(version="2.0")
    files = [("content", dist.filename, dist.content, None) for dist in (first, second)]
    assert_refused(site.post(*multipart(upload_form(first), files)), 400, "one file")
    assert leftovers(registry) == []


def test_the_content_may_come_before_the_fields(site: Site) -> None:
    dist = wheel()
    body, content_type = multipart({}, [("content", dist.filename, dist.content, None)])
    boundary = content_type.partition("boundary=")[2].encode()
    fields, other_type = multipart(upload_form(dist), [])
    other = other_type.partition("boundary=")[2].encode()
    body = body.removesuffix(b"--" + boundary + b"--\r\n") + fields.replace(other, boundary)
    assert site.post(body, content_type).status_code == 200


def test_u29_a_signature_is_accepted_and_served(registry: Registry, site: Site) -> None:
    dist = wheel()
    files = [
        ("gpg_signature", f"{dist.filename}.asc", b"-----BEGIN PGP SIGNATURE-----", None),
        ("content", dist.filename, dist.content, None),
    ]
    response = site.post(*multipart(upload_form(dist, comment="hello"), files))
    assert response.status_code == 200
    assert site.page("demo")["files"][0]["gpg-sig"] is True
    assert site.get(f"{site.file_url(dist)}.asc").data == b"-----BEGIN PGP SIGNATURE-----"
    assert len(leftovers(registry)) == 4  # the project, the wheel, its metadata and signature


# Form fields


@pytest.mark.parametrize(
    "name",
    ["-demo", "demo-", ".demo", "de mo", "demo\n", "démo", "demo/x", "../demo", "<b>", "a" * 201],
)
def test_u24_an_invalid_project_name_is_refused(registry: Registry, site: Site, name: str) -> None:
    assert_refused(site.upload(wheel(), name=name), 400, "name")
    assert leftovers(registry) == []


@pytest.mark.parametrize("field", ["name", "filetype", "version"])
def test_u24_u25_u32_a_missing_field_is_named(registry: Registry, site: Site, field: str) -> None:
    assert_refused(site.upload(wheel(), **{field: None}), 400, field)
    assert leftovers(registry) == []


@pytest.mark.parametrize("filetype", ["bdist_egg", "bdist_wininst", "bdist_rpm", "WHEEL"])
def test_u25_other_kinds_of_files_are_refused(
    registry: Registry, site: Site, filetype: str
) -> None:
    assert_refused(site.upload(wheel(), filetype=filetype), 400, "filetype")
    assert leftovers(registry) == []


def test_u26_a_wheel_needs_its_pyversion(registry: Registry, site: Site) -> None:
    assert_refused(site.upload(wheel(), pyversion=None), 400, "pyversion")
    assert leftovers(registry) == []


@pytest.mark.parametrize("pyversion", [None, "", "source"])
def test_u26_an_sdist_needs_none(site: Site, pyversion: str | None) -> None:
    assert site.upload(sdist(), pyversion=pyversion).status_code == 200


def test_u26_an_sdist_for_one_python_is_refused(registry: Registry, site: Site) -> None:
    assert_refused(site.upload(sdist(), pyversion="py3"), 400, "pyversion")
    assert leftovers(registry) == []


NO_DIGESTS = {"sha256_digest": None, "blake2_256_digest": None, "md5_digest": None}


def test_u27_some_digest_must_be_stated(registry: Registry, site: Site) -> None:
    assert_refused(site.upload(wheel(), **NO_DIGESTS), 400, "digest")
    assert leftovers(registry) == []


@pytest.mark.parametrize("field", ["sha256_digest", "blake2_256_digest"])
@pytest.mark.parametrize("value", ["0" * 63, "0" * 65, "g" * 64, "0" * 64 + "\n", "\u0660" * 64])
def test_u27_a_malformed_digest_is_refused(
    registry: Registry, site: Site, field: str, value: str
) -> None:
    assert_refused(site.upload(wheel(), **{field: value}), 400, field)
    assert leftovers(registry) == []


@pytest.mark.parametrize("field", ["sha256", "blake2_256", "md5"])
def test_u28_one_digest_is_enough_in_any_case(site: Site, field: str) -> None:
    dist = wheel()
    stated = {**NO_DIGESTS, f"{field}_digest": getattr(dist, field).upper()}
    assert site.upload(dist, **stated).status_code == 200


@pytest.mark.parametrize("field", ["sha256", "blake2_256", "md5"])
def test_u28_every_stated_digest_must_be_right(registry: Registry, site: Site, field: str) -> None:
    dist = wheel()
    right = {
        "sha256_digest": dist.sha256,
        "blake2_256_digest": dist.blake2_256,
        "md5_digest": dist.md5,
    }
    wrong = right | {f"{field}_digest": "0" * len(getattr(dist, field))}
    assert_refused(site.upload(dist, **wrong), 400, field)
    assert leftovers(registry) == []


def test_u32_a_local_version_is_accepted(site: Site) -> None:
    assert site.upload(wheel(version="1.0+cu.12")).status_code == 200


def test_u32_an_invalid_version_is_refused(registry: Registry, site: Site) -> None:
    assert_refused(site.upload(wheel(), version="one"), 400, "version")
    assert leftovers(registry) == []


# Filenames


@pytest.mark.parametrize(
    "filename",
    [
        "../demo-1.0-py3-none-any.whl",
        "a/demo-1.0-py3-none-any.whl",
        "a\\demo-1.0-py3-none-any.whl",
        "C:\\fakepath\\demo-1.0-py3-none-any.whl",
        "\\demo-1.0-py3-none-any.whl",
        ".demo-1.0-py3-none-any.whl",
        "demo-1.0-py3-none-any.whl\0",
        "demo-1.0-py3-none-any.whl\x7f",
        "demo-1.0-py3-none-any\x01.whl",
        "demo-1.0-py3-none-any .whl",
        "démo-1.0-py3-none-any.whl",
        "demo-1.0-py3-none-any.whl%00",
        "",
        "..",
        f"demo-1.0-py3-none-{'a' * 250}.whl",
    ],
)
def test_u43_a_filename_that_is_more_than_a_name_is_refused(
    registry: Registry, site: Site, filename: str
) -> None:
    assert_refused(site.upload(replace(wheel(), filename=filename)), 400)
    assert leftovers(registry) == []


def test_u43_an_encoded_path_is_refused_too(registry: Registry, site: Site) -> None:
    dist = wheel()
    body, content_type = multipart(upload_form(dist), [("content", "XX", dist.content, None)])
    for encoded in (
        b"filename*=UTF-8''..%2Fdemo-1.0-py3-none-any.whl",
        b"filename*=UTF-8''..%5Cdemo-1.0-py3-none-any.whl",
        b"filename*=UTF-8''demo-1.0-py3-none-any.whl%0D%0A",
        b"filename*=nonsense''demo",
    ):
        changed = body.replace(b'filename="XX"', encoded)
        assert changed != body
        assert_refused(site.post(changed, content_type), 400)
    assert leftovers(registry) == []


@pytest.mark.parametrize(
    ("dist", "filename"),
    [
        (wheel(), "demo-1.0.egg"),
        (wheel(), "demo-1.0.tar.gz"),
        (wheel(), "demo-1.0.zip"),
        (sdist(), "demo-1.0-py3-none-any.whl"),
        (sdist(), "demo-1.0.zip"),
        (sdist(), "demo-1.0.tar.bz2"),
        (sdist(), "demo-1.0.tgz"),
        (sdist(), "demo-1.0.TAR.GZ"),
    ],
)
def test_u44_the_extension_must_fit_the_filetype(
    registry: Registry, site: Site, dist: Distribution, filename: str
) -> None:
    assert_refused(site.upload(replace(dist, filename=filename)), 400, filename)
    assert leftovers(registry) == []


@pytest.mark.parametrize(
    ("name", "version", "filename", "expected"),
    [
        ("Some_Thing", "1.0", "Some_Thing-1.0.tar.gz", "some_thing-1.0.tar.gz"),
        ("some-thing", "1.0", "some-thing-1.0.tar.gz", "some_thing-1.0.tar.gz"),
        ("some-thing", "1.0.post9", "some-thing-1.0.post9.tar.gz", "some_thing-1.0.post9.tar.gz"),
        ("some-thing", "1.0.post9", "some_thing-1.0-9.tar.gz", "some_thing-1.0.post9.tar.gz"),
        ("some-thing", "1.2.3", "some_thing-1.02.3.tar.gz", "some_thing-1.2.3.tar.gz"),
        ("demo", "1.0", "other-1.0.tar.gz", "demo-1.0.tar.gz"),
        ("demo", "1.0", "demo-2.0.tar.gz", "demo-1.0.tar.gz"),
    ],
)
def test_u45_u46_an_sdist_has_exactly_one_name(
    registry: Registry, site: Site, name: str, version: str, filename: str, expected: str
) -> None:
    response = site.upload(replace(sdist(name, version), filename=filename))
    assert_refused(response, 400, expected)
    assert leftovers(registry) == []


@pytest.mark.parametrize(
    "filename",
    [
        "demo-1.0-py3-none.whl",
        "demo-1.0-x1-py3-none-any.whl",
        "demo-one-py3-none-any.whl",
        "demo__x-1.0-py3-none-any.whl",
        "-1.0-py3-none-any.whl",
        "demo-1.0-1-py3-none-any-variant.whl",
        "demo.whl",
        ".whl",
    ],
)
def test_u47_a_malformed_wheel_name_is_refused(
    registry: Registry, site: Site, filename: str
) -> None:
    assert_refused(site.upload(replace(wheel(), filename=filename)), 400)
    assert leftovers(registry) == []


def test_u47_a_build_tag_is_accepted(site: Site) -> None:
    assert site.upload(wheel(build="1abc")).status_code == 200


@pytest.mark.parametrize("part", ["Some_Thing", "some.thing", "some__thing", "SOME_THING"])
def test_u48_the_name_in_a_wheels_filename_is_normalized(
    registry: Registry, site: Site, part: str
) -> None:
    dist = wheel("Some_Thing", filename=f"{part}-1.0-py3-none-any.whl")
    assert_refused(site.upload(dist), 400)
    assert leftovers(registry) == []


@pytest.mark.parametrize("version", ["2.0", "1.0.1", "01.0", "1.0.0"])
def test_u49_the_version_in_a_wheels_filename_is_that_of_the_form_in_normal_form(
    registry: Registry, site: Site, version: str
) -> None:
    dist = wheel(filename=f"demo-{version}-py3-none-any.whl")
    assert_refused(site.upload(dist), 400)
    assert leftovers(registry) == []


@pytest.mark.parametrize(
    "tag",
    ["cp311-cp311-linux_x86_64", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"],
)
def test_u50_platform_tags_are_not_restricted(site: Site, tag: str) -> None:
    assert site.upload(wheel(tag=tag)).status_code == 200


# Sizes


def test_u52_one_byte_too_many_is_refused_while_streaming(new_site: NewSite) -> None:
    dist = wheel(padding=50_000)
    exact = new_site(limits=Limits(file_size=len(dist.content)))
    assert exact.upload(dist).status_code == 200
    short = new_site(limits=Limits(file_size=len(dist.content) - 1))
    assert_refused(short.upload(dist), 413, "KiB")
    assert short.project_names() == []


@pytest.mark.parametrize("largest", [1, 50_000])
def test_u52_the_limit_of_the_repository_counts_where_it_is_lower(
    registry: Registry, site: Site, largest: int
) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", max_file_size=largest)
    assert_refused(site.upload(wheel(padding=60_000)), 413)
    assert leftovers(registry) == []
    registry.acting_as(OPERATOR).repositories.change("main", max_file_size=None)
    assert site.upload(wheel(padding=60_000)).status_code == 200


def test_u52_the_limit_of_the_registry_counts_where_it_is_lower(new_site: NewSite) -> None:
    site = new_site(limits=Limits(file_size=50_000))
    registry_wide = site.upload(wheel(padding=60_000))
    assert_refused(registry_wide, 413)


def test_u52_a_body_that_can_only_be_too_large_is_refused_by_its_length(
    new_site: NewSite,
) -> None:
    site = new_site(limits=Limits(file_size=100_000, form_size=100_000))
    dist = wheel(padding=300_000)
    body, content_type = multipart(
        upload_form(dist), [("content", dist.filename, dist.content, None)]
    )
    read = CountingInput(body)
    headers = {**site.headers, "Content-Type": content_type}
    environ = environ_of(site.upload_url, method="POST", headers=headers, length=len(body))
    environ["wsgi.input"] = read
    assert call(site.client.application, environ).status_code == 413
    assert read.position == len(body)  # U01: or the client never sees the answer


@pytest.mark.parametrize("difference", [-1, -50, -5_000, 1, 5_000, 10**9])
def test_u52_u17_a_lying_length_is_no_way_around_the_limits(
    new_site: NewSite, difference: int
) -> None:
    site = new_site(limits=Limits(file_size=20_000, form_size=2 * 10**9))
    dist = wheel(padding=10_000)
    body, content_type = multipart(
        upload_form(dist), [("content", dist.filename, dist.content, None)]
    )
    environ = environ_of(
        site.upload_url,
        method="POST",
        headers={**site.headers, "Content-Type": content_type},
        body=io.BytesIO(body),
        length=len(body) + difference,
    )
    # Only the very last line break can be done without.
    expected = 200 if difference == -1 else 400
    assert call(site.client.application, environ).status_code == expected
    assert site.project_names() == (["demo"] if expected == 200 else [])


def test_u52_a_length_too_small_for_a_file_that_is_too_large_does_not_help(
    new_site: NewSite,
) -> None:
    site = new_site(limits=Limits(file_size=20_000))
    dist = wheel(padding=30_000)
    body, content_type = multipart(
        upload_form(dist), [("content", dist.filename, dist.content, None)]
    )
    environ = environ_of(
        site.upload_url,
        method="POST",
        headers={**site.headers, "Content-Type": content_type},
        body=io.BytesIO(body),
        length=15_000,
    )
    assert call(site.client.application, environ).status_code == 400
    assert site.project_names() == []


@pytest.mark.parametrize("length", ["abc", "-5", "", "1e3", "9" * 5000])
def test_u17_a_senseless_content_length_is_no_server_error(site: Site, length: str) -> None:
    body, content_type = multipart(upload_form(wheel()), [])
    environ = environ_of(
        site.upload_url,
        method="POST",
        headers={**site.headers, "Content-Type": content_type},
        body=io.BytesIO(body),
        CONTENT_LENGTH=length,
    )
    assert call(site.client.application, environ).status_code in (400, 413)
    assert site.project_names() == []


# Duplicates


def test_u54_the_same_file_again_is_200_and_changes_nothing(mounted: Site) -> None:
    dist = wheel()
    mounted.upload(dist)
    before = mounted.get(f"{mounted.index_url}demo/", Accept="text/html")
    assert mounted.upload(dist).status == "200 OK"
    after = mounted.get(f"{mounted.index_url}demo/", Accept="text/html")
    assert after.headers["ETag"] == before.headers["ETag"]
    assert after.data == before.data


def test_u54_also_where_overwriting_is_allowed(registry: Registry, site: Site) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    dist = wheel()
    site.upload(dist)
    before = site.page("demo")
    assert site.upload(dist).status_code == 200
    assert site.page("demo") == before


def test_u54_comes_before_the_archive_is_looked_at(registry: Registry, site: Site) -> None:
    dist = wheel()
    site.upload(dist)
    for blob in list(registry._blobs.walk()):
        registry._blobs.delete(blob.path)
    assert site.upload(dist).status_code == 200
    assert list(registry._blobs.walk()) == []


def test_u55_other_content_is_409_in_words_that_clients_know(mounted: Site) -> None:
    mounted.upload(wheel())
    before = mounted.page("demo")
    response = mounted.upload(wheel(description="other content"))
    assert_refused(response, 409, "File already exists")
    assert "already exists" in reason(response)
    assert mounted.page("demo") == before


def test_u55_overwriting_replaces_the_file_at_a_new_url(registry: Registry, site: Site) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    first, second = wheel(), wheel(description="other content", requires_python=">=3.9")
    site.upload(first)
    old_url = site.file_url(first)
    assert site.upload(second).status_code == 200
    new_url = site.file_url(second)
    assert new_url != old_url
    assert site.get(new_url).data == second.content
    assert site.get(old_url).status_code == 404
    assert site.get(f"{old_url}.metadata").status_code == 404
    assert site.get(f"{new_url}.metadata").data == second.metadata
    digests = journal_of(registry, "main")[-1].detail
    assert digests == {"sha256": second.sha256, "replaced_sha256": first.sha256}


def test_u56_the_same_bytes_may_have_two_names(site: Site) -> None:
    dist = wheel(tag="py3-none-any")
    retagged = replace(dist, filename="demo-1.0-1-py3-none-any.whl")
    assert site.upload(dist).status_code == 200
    assert site.upload(retagged).status_code == 200
    assert len(site.page("demo")["files"]) == 2


@pytest.mark.parametrize("again", [wheel(), wheel(description="other")], ids=["same", "other"])
def test_u57_the_name_of_a_deleted_file_stays_taken(
    registry: Registry, site: Site, again: Distribution
) -> None:
    site.upload(wheel())
    registry.acting_as(OPERATOR).projects.delete_file("main", wheel().filename)
    response = site.upload(again)
    assert_refused(response, 400, "deleted")
    assert "already exists" not in response.text  # --skip-existing must not hide it
    assert site.page("demo")["files"] == []


def test_u57_overwriting_allows_deleted_names_too(registry: Registry, site: Site) -> None:
    site.upload(wheel())
    registry.acting_as(OPERATOR).projects.delete_file("main", wheel().filename)
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    assert site.upload(wheel(description="other")).status_code == 200
    assert site.get(site.file_url(wheel())).status_code == 200


# Archives


@pytest.mark.parametrize("missing", ["WHEEL", "METADATA", "RECORD"])
def test_u67_a_wheel_without_its_dist_info_is_refused(
    registry: Registry, site: Site, missing: str
) -> None:
    dist = wheel()
    path = f"demo-1.0.dist-info/{missing}".encode()
    moved = dist.content.replace(path, path[:-1] + b"X")
    assert moved != dist.content
    response = site.upload(replace(dist, content=moved))
    assert_refused(response, 400, missing)
    assert leftovers(registry) == []


def test_u67_dist_info_is_spelled_like_the_filename(registry: Registry, site: Site) -> None:
    dist = wheel()
    respelled = replace(dist, content=dist.content.replace(b"demo-1.0.dist", b"Demo-1.0.dist"))
    assert_refused(site.upload(respelled), 400, "demo-1.0.dist-info")
    assert leftovers(registry) == []


@pytest.mark.parametrize(
    ("dist", "name", "version"),
    [
        (wheel(files={"demo-1.0.dist-info/METADATA": b"X"}), "demo", "1.0"),
        (
            wheel(
                files={
                    "demo-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: x\nVersion: 1.0\n"
                }
            ),
            "demo",
            "1.0",
        ),
        (
            sdist(files={"PKG-INFO": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.1\n"}),
            "demo",
            "1.0",
        ),
    ],
    ids=["not metadata", "another name", "another version"],
)
def test_u72_the_artifact_must_agree_with_its_filename(
    registry: Registry, site: Site, dist: Distribution, name: str, version: str
) -> None:
    form = upload_form(replace(dist, metadata=b""), name=name, version=version)
    body = multipart(form, [("content", dist.filename, dist.content, None)])
    assert_refused(site.post(*body), 400)
    assert leftovers(registry) == []


def test_u72_spellings_that_normalize_alike_agree(site: Site) -> None:
    assert site.upload(wheel("Some.Thing", "1.0-post1"), name="some_thing").status_code == 200
    assert site.page("some-thing")["versions"] == ["1.0.post1"]


def test_u74_metadata_is_served_verbatim(mounted: Site) -> None:
    odd = (
        b"metadata-version: 2.1\r\nNAME: demo\r\nVersion:   1.0\r\nX-Unknown: \xc3\xa9\n"
        b"Requires-Python: >=3.8,<4\n\n  body \r\n\0 with \xff everything  \n\n"
    )
    dist = wheel(files={"demo-1.0.dist-info/METADATA": odd})
    form = upload_form(replace(dist, metadata=b""))
    body = multipart(form, [("content", dist.filename, dist.content, None)])
    assert mounted.post(*body).status_code == 200
    (file,) = mounted.page("demo")["files"]
    served = mounted.get(f"{file['url']}.metadata").data
    assert served == odd
    assert file["core-metadata"] == {"sha256": hashlib.sha256(odd).hexdigest()}
    assert file["requires-python"] == ">=3.8,<4"


# Who may


def test_u18_u20_without_credentials_it_is_401_before_the_body_is_parsed(
    registry: Registry, mounted: Site
) -> None:
    response = mounted.post(b"not a form", "text/plain", headers={})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert mounted.upload(wheel(), headers={}).status_code == 401
    assert leftovers(registry) == []


def test_u20_a_public_repository_is_never_written_without_credentials(
    registry: Registry, site: Site
) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    assert_refused(site.upload(wheel(), headers={}), 401)
    assert leftovers(registry) == []


def test_u02_permission_comes_before_validation(registry: Registry, mounted: Site) -> None:
    reader = basic(READER, PASSWORD)
    assert_refused(mounted.post(b"not a form", "text/plain", headers=reader), 403, READER)
    assert_refused(mounted.upload(wheel(), headers=reader, name="-"), 403, READER)
    assert leftovers(registry) == []


def test_u02_permission_comes_before_already_exists(site: Site) -> None:
    site.upload(wheel())
    other = wheel(description="other")
    for dist in (wheel(), other):
        assert_refused(site.upload(dist, headers=basic(READER, PASSWORD)), 403)


def test_u18_wrong_credentials_are_401(registry: Registry, site: Site) -> None:
    assert_refused(site.upload(wheel(), headers=basic(USER, "wrong horse")), 401)
    assert leftovers(registry) == []


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_u22_a_closed_project_takes_no_uploads(registry: Registry, site: Site, status: str) -> None:
    site.upload(wheel())
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", status, "we moved on")  # type: ignore[arg-type]
    assert_refused(site.upload(wheel(version="2.0")), 403, status, "we moved on")
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "active")
    assert site.page("demo")["versions"] == ["1.0"]


def test_u22_a_deprecated_project_is_as_good_as_active(registry: Registry, site: Site) -> None:
    site.upload(wheel())
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "deprecated")
    assert site.upload(wheel(version="2.0")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), (basic(USER, "wrong horse"), 401), (basic(READER, PASSWORD), 403)],
)
def test_u01_the_body_of_a_refused_upload_is_drained(
    site: Site, headers: dict[str, str], status: int
) -> None:
    dist = wheel(padding=3_000_000)
    body, content_type = multipart(
        upload_form(dist), [("content", dist.filename, dist.content, None)]
    )
    read = CountingInput(body)
    environ = environ_of(
        site.upload_url,
        method="POST",
        headers={**headers, "Content-Type": content_type},
        length=len(body),
        **{"wsgi.input": read},
    )
    assert call(site.client.application, environ).status_code == status
    assert read.position == len(body)


def test_u01_the_body_of_an_upload_refused_half_way_is_drained(site: Site) -> None:
    dist = wheel(padding=3_000_000)
    files = [("name", "a.txt", b"a file", None), ("content", dist.filename, dist.content, None)]
    body, content_type = multipart({}, files)
    read = CountingInput(body)
    environ = environ_of(
        site.upload_url,
        method="POST",
        headers={**site.headers, "Content-Type": content_type},
        length=len(body),
        **{"wsgi.input": read},
    )
    assert call(site.client.application, environ).status_code == 400
    assert read.position == len(body)


def test_an_unknown_repository_is_404_for_who_may_upload_everywhere(site: Site) -> None:
    assert_refused(site.upload(wheel(), url="/repositories/nowhere/"), 404, "nowhere")


def test_u82_spellings_of_a_name_are_one_project(site: Site) -> None:
    for number, name in enumerate(["Foo.Bar", "foo_bar", "foo-_.bar"]):
        assert site.upload(wheel(name, f"{number}.0")).status_code == 200
    assert site.page("foo-bar")["versions"] == ["0.0", "1.0", "2.0"]
    assert len(site.project_names()) == 1


def test_u17_a_connection_that_breaks_half_way_leaves_nothing(
    registry: Registry, site: Site
) -> None:
    dist = wheel(padding=300_000)  # larger ones, the server keeps in files until collected
    body, content_type = multipart(
        upload_form(dist), [("content", dist.filename, dist.content, None)]
    )
    head = (
        f"POST {site.upload_url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: {site.headers['Authorization']}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with LiveServer(registry.wsgi_app()) as server:
        for sent in (0, 100, len(body) // 2, len(body) - 10):
            with Connection(server.port) as connection:
                connection.send(head + body[:sent])
        assert leftovers(registry) == []
        with Connection(server.port) as connection:  # U95: and the next one is taken
            connection.send(head + body)
            assert connection.read_head()[0] == b"HTTP/1.1 200 OK"
    assert site.get(site.file_url(dist)).data == dist.content


@pytest.mark.parametrize("field", ["author", "summary", "classifiers", "x-unknown", "home_page"])
def test_u111_latin_1_in_what_is_never_looked_at_is_no_fault(site: Site, field: str) -> None:
    """As `setup.py upload` of Python 2 sent it."""
    assert _with_latin_1(site, field).status_code == 200
    assert [file["filename"] for file in site.page("demo")["files"]] == [wheel().filename]


@pytest.mark.parametrize(
    "field", ["name", "version", "filetype", "pyversion", "protocol_version", "sha256_digest"]
)
def test_u111_latin_1_in_what_matters_is_named(registry: Registry, site: Site, field: str) -> None:
    assert_refused(_with_latin_1(site, field), 400, f"The field {field} is not UTF-8")
    assert leftovers(registry) == []


def test_u111_latin_1_in_a_filename_is_told_from_a_damaged_form(
    registry: Registry, site: Site
) -> None:
    body, content_type = multipart(
        upload_form(wheel()), [("content", "d\xe9mo.whl", wheel().content, None)]
    )
    response = site.post(
        body.replace("d\xe9mo".encode(), "d\xe9mo".encode("latin-1")), content_type
    )
    assert_refused(response, 400, "filename may only hold ASCII")
    assert leftovers(registry) == []


def _with_latin_1(site: Site, field: str) -> TestResponse:
    form = {**upload_form(wheel()), field: "Zo\xeb"}
    body, content_type = multipart(form, [("content", wheel().filename, wheel().content, None)])
    return site.post(body.replace("Zo\xeb".encode(), "Zo\xeb".encode("latin-1")), content_type)


@pytest.mark.parametrize(("profile", "status"), [("private", 200), ("lenient", 200), ("pypi", 400)])
def test_u110_the_long_blake2_of_distutils(
    registry: Registry, site: Site, profile: Profile, status: int
) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", profile=profile)
    right, wrong = (hashlib.blake2b(wheel().content + more).hexdigest() for more in (b"", b"x"))
    assert site.upload(wheel(), blake2_256_digest=wrong).status_code == 400
    assert leftovers(registry) == []
    assert site.upload(wheel(), blake2_256_digest=right).status_code == status
