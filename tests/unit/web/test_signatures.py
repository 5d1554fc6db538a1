"""OpenPGP signatures: stored beside the file, and announced."""

import pytest
from werkzeug.test import TestResponse

from pypi_repo import OPERATOR, Registry
from tests.support.distributions import Distribution, multipart, sdist, upload_form, wheel
from tests.support.http import JSON, Page, Site, reason

SIGNATURE = b"-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n"


def _upload(
    site: Site,
    dist: Distribution,
    signature: bytes | None = SIGNATURE,
    name: str | None = None,
    *,
    first: bool = False,
    url: str | None = None,
) -> TestResponse:
    parts = [("content", dist.filename, dist.content, None)]
    if signature is not None:
        part = ("gpg_signature", f"{dist.filename}.asc" if name is None else name, signature, None)
        parts.insert(0 if first else 1, part)
    body, content_type = multipart(upload_form(dist), parts)
    return site.post(body, content_type, url=url)


def _file(site: Site) -> dict[str, object]:
    (file,) = site.page("demo")["files"]
    return dict(file)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("dist", [wheel(), sdist()], ids=["wheel", "sdist"])
def test_a_signature_is_stored_and_served(site: Site, dist: Distribution, first: bool) -> None:
    """U29: byte for byte, behind or before the content."""
    assert _upload(site, dist, first=first).status_code == 200
    assert _file(site)["gpg-sig"] is True
    response = site.get(f"{site.file_url(dist)}.asc")
    assert (response.status_code, response.data) == (200, SIGNATURE)
    assert response.content_type == "application/octet-stream"
    assert response.headers["Content-Length"] == str(len(SIGNATURE))
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_without_a_signature_there_is_none(site: Site) -> None:
    """U29, X33"""
    assert _upload(site, wheel(), None).status_code == 200
    assert _file(site)["gpg-sig"] is False
    assert site.get(f"{site.file_url(wheel())}.asc").status_code == 404


def test_all_links_say_whether_they_are_signed(site: Site) -> None:
    """U29, X22: on all links or none."""
    _upload(site, wheel())
    _upload(site, sdist(), None)
    page = Page(site.get("/repositories/main/simple/demo/", Accept="text/html").text)
    assert [anchor.attributes["data-gpg-sig"] for anchor in page.anchors] == ["true", "false"]
    document = site.get("/repositories/main/simple/demo/", Accept=JSON).get_json(force=True)
    assert [file["gpg-sig"] for file in document["files"]] == [True, False]


@pytest.mark.parametrize(
    "name",
    ["", "signature.asc", "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz.asc", "../evil.asc"],
)
def test_a_signature_of_another_name_is_refused(site: Site, name: str) -> None:
    """U29: and with it the file."""
    for first in (False, True):
        response = _upload(site, wheel(), name=name, first=first)
        assert response.status_code == 400
        assert reason(response).startswith("The signature's filename must be")
    assert site.project_names() == []


def test_a_signature_without_a_file_is_refused(site: Site) -> None:
    """U16, U29"""
    part = ("gpg_signature", f"{wheel().filename}.asc", SIGNATURE, None)
    body, content_type = multipart(upload_form(wheel()), [part])
    assert site.post(body, content_type).status_code == 400


def test_the_same_file_again_keeps_its_signature(site: Site) -> None:
    """U54: nothing changes."""
    _upload(site, wheel())
    assert _upload(site, wheel(), b"another").status_code == 200
    assert _upload(site, wheel(), None).status_code == 200
    assert site.get(f"{site.file_url(wheel())}.asc").data == SIGNATURE


def test_another_content_has_its_own_signature_or_none(registry: Registry, site: Site) -> None:
    """U29, U55"""
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    _upload(site, wheel())
    old = site.file_url(wheel())
    other = wheel(description="other")
    assert _upload(site, other, None).status_code == 200
    assert _file(site)["gpg-sig"] is False
    assert site.get(f"{old}.asc").status_code == 404
    again = wheel(description="again")
    _upload(site, again, b"new")
    assert site.get(f"{site.file_url(again)}.asc").data == b"new"


def test_the_signature_of_a_quarantined_file_is_refused(registry: Registry, site: Site) -> None:
    """X43, X46"""
    _upload(site, wheel())
    url = f"{site.file_url(wheel())}.asc"
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "quarantined")
    assert site.get(url).status_code == 403
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "active")
    registry.acting_as(OPERATOR).projects.yank_file("main", wheel().filename, "broken")
    assert site.get(url).status_code == 200
    registry.acting_as(OPERATOR).projects.delete_file("main", wheel().filename)
    assert site.get(url).status_code == 404


def test_signatures_are_for_readers(site: Site) -> None:
    """X73"""
    _upload(site, wheel())
    assert site.client.get(f"{site.file_url(wheel())}.asc").status_code == 401


@pytest.mark.parametrize("suffix", [".asc.asc", ".metadata.asc", ".asc.metadata", ".sig", ".ASC"])
def test_nothing_else_is_beside_a_file(site: Site, suffix: str) -> None:
    """X55"""
    _upload(site, wheel())
    assert site.get(site.file_url(wheel()) + suffix).status_code == 404


def test_a_signature_can_be_asked_for_in_parts_and_again(site: Site) -> None:
    """X57: as with any file."""
    _upload(site, wheel())
    url = f"{site.file_url(wheel())}.asc"
    whole = site.get(url)
    part = site.get(url, Range="bytes=0-4")
    assert (part.status_code, part.data) == (206, SIGNATURE[:5])
    assert site.get(url, If_None_Match=whole.headers["ETag"]).status_code == 304


def test_each_repository_has_signatures_of_its_own(registry: Registry, site: Site) -> None:
    """U29: nobody replaces the signature of a file in a repository that they may not write to."""
    registry.acting_as(OPERATOR).repositories.create("other")
    _upload(site, wheel(), b"ours")
    assert _upload(site, wheel(), b"theirs", url="/repositories/other/").status_code == 200
    assert site.get(f"{site.file_url(wheel())}.asc").data == b"ours"


def test_no_signature_comes_from_another_repository(registry: Registry, site: Site) -> None:
    """U29: only where it was uploaded with the file."""
    registry.acting_as(OPERATOR).repositories.create("other")
    _upload(site, wheel(), None)
    assert _upload(site, wheel(), url="/repositories/other/").status_code == 200
    assert _file(site)["gpg-sig"] is False
    assert site.get(f"{site.file_url(wheel())}.asc").status_code == 404
