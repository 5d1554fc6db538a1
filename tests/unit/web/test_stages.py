"""Stages as package clients use them: opened, filled, tried, published and dropped by HTTP."""

import hashlib
import json
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from pypi_repo import OPERATOR, Access, AllowList, Registry
from pypi_repo.domain.stored_files import file_path
from pypi_repo.domain.validation.profiles import PROFILES, Profile
from tests.support.attestations import attestation
from tests.support.distributions import sdist, wheel
from tests.support.http import JSON, Site, basic
from tests.support.uploads import damage

USER, PASSWORD = "user@example.com", "correct horse"
READER = "reader@example.com"
STAGES = "/repositories/main/stages/"
WHEEL = wheel("demo", "1.0", requires_python=">=3.8")
PROBLEMS = {"Accept": "application/problem+json"}


def post(site: Site, url: str, body: str = "", **headers: str) -> TestResponse:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return site.client.post(url, data=body, headers={**site.headers, **given})


@pytest.fixture
def opened(site: Site) -> Any:
    response = post(site, STAGES)
    assert response.status_code == 201
    return response.get_json()


@pytest.fixture
def staged(site: Site, opened: Any) -> Site:
    """The stage as a repository of its own."""
    root = f"{STAGES}{opened['id']}/"
    return Site(site.client, root, f"{root}simple/", f"{root}files/", headers=site.headers)


def test_opening(site: Site) -> None:
    """G1."""
    response = post(site, STAGES, json.dumps({"description": "release 1.0", "days": 2}))
    assert response.status_code == 201
    document = response.get_json()
    url = f"http://localhost{STAGES}{document['id']}/"
    assert response.headers["Location"] == document["upload_url"] == url
    assert document["index_url"] == f"{url}simple/"
    assert (document["description"], document["status"], document["files"]) == (
        "release 1.0",
        "pending",
        [],
    )
    assert document["opened_by"] == USER
    assert document["expires_at"] > document["created_at"]
    assert response.headers["Cache-Control"] == "no-store"
    listed = site.get(STAGES).get_json()
    assert [each["id"] for each in listed["stages"]] == [document["id"]]
    assert site.get(STAGES[:-1]).get_json() == listed
    assert site.get(url).get_json() == document


@pytest.mark.parametrize(
    "body", ["{", "[]", '{"day": 7}', '{"days": "7"}', "\xff", "[" * 100_000, '{"days": 0}']
)
def test_opening_with_a_wrong_document(site: Site, body: str) -> None:
    response = post(site, STAGES, body)
    assert response.status_code in (400, 413)
    assert response.content_type == "application/problem+json"
    assert site.get(STAGES).get_json() == {"stages": []}


def test_what_is_staged_is_only_there(site: Site, staged: Site) -> None:
    """G1."""
    assert site.upload(wheel("demo", "0.9")).status_code == 200
    assert staged.upload(WHEEL).status_code == 200
    assert staged.upload(wheel("new", "2.0")).status_code == 200
    assert site.project_names() == ["demo"]
    assert [file["filename"] for file in site.page("demo")["files"]] == [
        wheel("demo", "0.9").filename
    ]
    assert site.get(f"{site.index_url}new/").status_code == 404
    assert staged.project_names() == ["demo", "new"]
    page = staged.page("demo")
    assert page["versions"] == ["0.9", "1.0"]
    assert [file["filename"] for file in page["files"]] == [
        wheel("demo", "0.9").filename,
        WHEEL.filename,
    ]
    for dist in (WHEEL, wheel("demo", "0.9"), wheel("new", "2.0")):
        assert staged.get(staged.file_url(dist)).data == dist.content
    url = staged.file_url(WHEEL)
    metadata = staged.get(f"{url}.metadata")
    assert metadata.data == WHEEL.metadata
    assert page["files"][1]["core-metadata"] == {
        "sha256": hashlib.sha256(WHEEL.metadata).hexdigest()
    }
    assert staged.get(url, Range="bytes=0-3").data == WHEEL.content[:4]
    assert site.get(url.replace(staged.files_url, site.files_url)).status_code == 404
    html = staged.get(f"{staged.index_url}demo/").text
    assert "../../files/" in html
    assert WHEEL.filename in html


def test_pages_change_with_each_file_and_are_never_public(
    registry: Registry, site: Site, staged: Site
) -> None:
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    seen = set()
    for padding in range(3):
        assert staged.upload(wheel("demo", "1.0", padding=padding)).status_code == 200
        for url in (f"{staged.index_url}demo/", staged.index_url):
            response = staged.get(url)
            assert response.headers["Cache-Control"].startswith("private")
            again = staged.get(url, If_None_Match=response.headers["ETag"])
            assert again.status_code == 304
        seen.add(staged.get(f"{staged.index_url}demo/").headers["ETag"])
    assert len(seen) == 3
    file = staged.get(staged.file_url(wheel("demo", "1.0", padding=2)))
    assert file.headers["Cache-Control"].startswith("private")
    # With its id, whoever may read the repository may try the stage.
    assert site.client.get(f"{staged.index_url}demo/").status_code == 200


def test_json_api_and_provenance(staged: Site) -> None:
    dist = wheel("demo", "1.0", extra_metadata="Summary: staged\n")
    attestations = json.dumps([attestation(dist)])
    assert staged.upload(dist, attestations=attestations).status_code == 200
    document = staged.get(f"{staged.upload_url}pypi/demo/json").get_json()
    assert document["info"]["summary"] == "staged"
    assert list(document["releases"]) == ["1.0"]
    assert staged.get(f"{staged.upload_url}pypi/demo/1.0.0/json").status_code == 301
    provenance = f"{staged.upload_url}integrity/demo/1.0/{dist.filename}/provenance"
    assert staged.get(provenance).status_code == 200
    assert staged.get(provenance.replace("/1.0/", "/2.0/")).status_code == 404


@pytest.mark.parametrize("below", ["", "legacy/"])
def test_publishing(registry: Registry, site: Site, staged: Site, below: str) -> None:
    """G2."""
    url = f"{staged.upload_url}{below}"
    assert staged.upload(WHEEL, url=url).status_code == 200
    assert staged.upload(sdist("demo"), url=url).status_code == 200
    response = post(site, f"{staged.upload_url}publish")
    assert response.status_code == 200
    assert response.get_json()["status"] == "published"
    names = [WHEEL.filename, sdist("demo").filename]
    assert [file["filename"] for file in response.get_json()["files"]] == names
    assert [file["filename"] for file in site.page("demo")["files"]] == names
    for gone in (staged.upload_url, staged.index_url, f"{staged.index_url}demo/"):
        answer = staged.get(gone)
        assert answer.status_code == 404
    again = post(site, f"{staged.upload_url}publish")
    assert (again.status_code, again.get_json()["error"]) == (404, "unknown-stage")
    assert again.content_type == "application/problem+json"
    refused = staged.upload(wheel("demo", "2.0"), headers={**staged.headers, **PROBLEMS})
    assert (refused.status_code, refused.get_json()["error"]) == (404, "unknown-stage")
    assert damage(registry) == []


def test_a_refused_publication_names_the_file(registry: Registry, site: Site, staged: Site) -> None:
    """G2."""
    assert staged.upload(wheel("alpha", "1.0")).status_code == 200
    assert staged.upload(WHEEL).status_code == 200
    assert site.upload(wheel("demo", "0.9")).status_code == 200
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "archived")
    response = post(site, f"{staged.upload_url}publish")
    assert (response.status_code, response.get_json()["error"]) == (403, "project-closed")
    assert WHEEL.filename in response.get_json()["detail"]
    assert site.get(f"{site.index_url}alpha/").status_code == 404
    assert len(staged.get(staged.upload_url).get_json()["files"]) == 2


@pytest.mark.parametrize("profile", PROFILES)
def test_dropping(registry: Registry, site: Site, staged: Site, profile: Profile) -> None:
    """G2, U61: a reserved name is a conflict in each profile."""
    registry.acting_as(OPERATOR).repositories.change("main", profile=profile)
    assert staged.upload(WHEEL).status_code == 200
    refused = site.upload(WHEEL, headers={**site.headers, **PROBLEMS})
    assert (refused.status_code, refused.get_json()["error"]) == (409, "file-staged")
    assert staged.get(staged.upload_url, method="DELETE").status_code == 204
    assert staged.get(staged.upload_url, method="DELETE").status_code == 404
    assert site.upload(WHEEL).status_code == 200


def test_who_is_let_in(registry: Registry, site: Site, staged: Site) -> None:
    """G2."""
    assert staged.upload(WHEEL).status_code == 200
    operator = registry.acting_as(OPERATOR)
    operator.accounts.create_user("other@example.com", PASSWORD)
    operator.accounts.create_user("nobody@example.com", PASSWORD, everywhere=Access.NONE)
    other, reader, nobody = (
        basic(name, PASSWORD) for name in ("other@example.com", READER, "nobody@example.com")
    )
    publish = f"{staged.upload_url}publish"
    for headers, statuses in (
        ({}, (401, 401, 401, 401, 401)),
        (nobody, (403, 403, 403, 403, 403)),
        (reader, (403, 403, 200, 403, 403)),
        (other, (201, 403, 200, 200, 403)),
    ):
        site.headers.clear()
        site.headers.update(headers)
        assert (
            post(site, STAGES).status_code,
            site.get(staged.upload_url).status_code,
            site.get(f"{staged.index_url}demo/").status_code,
            staged.upload(wheel("demo", "2.0")).status_code,
            post(site, publish).status_code,
        ) == statuses, headers
    token, secret = operator.accounts.create_token(USER, name="ci", repository="main")
    assert token.repository == "main"
    site.headers.clear()
    site.headers.update(basic("__token__", secret))
    assert post(site, publish).status_code == 200


def test_a_browser_that_is_signed_in_shows_stages_and_changes_nothing(
    registry: Registry, site: Site, staged: Site
) -> None:
    """Signing in leads back to the page, which must not lead to signing in again."""
    session = registry.user_sessions.sign_in(USER, PASSWORD, "127.0.0.1")
    browser = Client(registry.wsgi_app())
    browser.set_cookie("pypi_repo_user", session.secret)
    opening = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Accept": "text/html"}
    for url in (STAGES, staged.upload_url):
        assert Client(registry.wsgi_app()).get(url, headers=opening).status_code == 303
        assert browser.get(url, headers=opening).status_code == 200
    assert browser.post(f"{staged.upload_url}publish").status_code == 401
    assert browser.delete(staged.upload_url).status_code == 401
    assert len(site.get(STAGES).get_json()["stages"]) == 1


def test_urls_that_lead_nowhere(site: Site, staged: Site) -> None:
    for path in ("x", "publish/", "publish/x", "simple/unknown/", "files/x", "pypi/x/json"):
        assert site.get(f"{staged.upload_url}{path}").status_code in (404, 405), path
    for id_ in ("unknown", "x" * 5000, "%00", "..%2f", "-"):
        for below in ("", "simple/", "simple/demo/", "files/x", "publish"):
            status = site.get(f"{STAGES}{id_}/{below}").status_code
            assert status in (404, 405), (id_, below)
    assert site.get(staged.upload_url, method="PUT").status_code == 405
    assert site.get(STAGES, method="DELETE").status_code == 405


def test_a_package_may_be_called_stages(site: Site) -> None:
    assert site.upload(wheel("stages", "1.0")).status_code == 200
    assert site.get("/repositories/main/stages/json").get_json()["info"]["name"] == "stages"
    assert site.get("/repositories/main/stages/1.0/json").status_code == 200
    assert site.get(f"{site.index_url}stages/", Accept=JSON).status_code == 200


def test_the_own_source_of_a_host_is_around_the_stage(registry: Registry) -> None:
    app = registry.wsgi_app(source=lambda _name, source: AllowList(source, ["demo"]))
    site = Site(
        Client(app),
        "/repositories/main/",
        "/repositories/main/simple/",
        "/repositories/main/files/",
        headers=basic(USER, PASSWORD),
    )
    for name in ("demo", "other"):
        assert site.upload(wheel(name, "0.9")).status_code == 200
    root = f"{STAGES}{post(site, STAGES).get_json()['id']}/"
    staged = Site(site.client, root, f"{root}simple/", f"{root}files/", headers=site.headers)
    hidden = [wheel("other", "1.0"), wheel("secret", "1.0")]
    for each in (WHEEL, *hidden):
        assert staged.upload(each).status_code == 200
    assert staged.project_names() == ["demo"]
    assert len(staged.page("demo")["files"]) == 2
    assert staged.get(staged.file_url(WHEEL)).data == WHEEL.content
    assert staged.get(f"{root}pypi/demo/json").get_json()["info"]["version"] == "1.0"
    for each in hidden:
        name = each.filename.partition("-")[0]
        file_url = f"{staged.files_url}{file_path(each.sha256, each.filename)}"
        for url in (f"{staged.index_url}{name}/", f"{root}pypi/{name}/json", file_url):
            assert staged.get(url).status_code == 404, url
        assert staged.get(f"{file_url}.metadata").status_code == 404
    assert post(staged, f"{root}publish").status_code == 200
    assert site.project_names() == ["demo"]
    registry.acting_as(OPERATOR).projects.get("main", "secret")  # which is there
