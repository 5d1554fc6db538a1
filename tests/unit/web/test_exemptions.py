"""I3: a file that was imported although the profile refuses it says so wherever it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Registry
from tests.conftest import ADMINISTRATOR, PASSWORD, USER
from tests.support.api import ApiClient
from tests.support.distributions import wheel
from tests.support.http import JSON, Site, basic
from tests.support.portal import PortalClient, text_of

ODD = wheel("demo", "1.0", filename="Demo-1.0-py3-none-any.whl")
USUAL = wheel("demo", "1.0", tag="py2-none-any")


@pytest.fixture
def reason(registry: Registry, tmp_path: Path) -> str:
    """Why the profile refuses one of the two files that were imported."""
    ODD.save(tmp_path)
    USUAL.save(tmp_path)
    imports = registry.acting_as(OPERATOR).imports
    (exempted,) = imports.run("main", imports.source(str(tmp_path)), as_is=True).exempted
    return exempted.reason


def test_pages_for_readers(registry: Registry, reason: str) -> None:
    page = Client(registry.wsgi_app()).get(
        "/repositories/main/project/demo/files",
        headers={"Accept": "text/html", **basic(USER, PASSWORD)},
    )
    assert page.status_code == 200
    assert text_of(page).count("imported as it is") == 1
    assert reason in text_of(page)


def test_the_portal(registry: Registry, reason: str) -> None:
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    page = portal.get("repositories/main/projects/demo/files")
    assert page.status_code == 200
    assert text_of(page).count("imported as it is") == 1
    assert reason in text_of(page)


def test_the_management_api(registry: Registry, reason: str) -> None:
    shown = ApiClient(registry, ADMINISTRATOR).get("repositories/main/projects/demo").get_json()
    (release,) = shown["releases"]
    exemptions = {file["filename"]: file["exemption"] for file in release["files"]}
    assert exemptions == {ODD.filename: reason, USUAL.filename: None}


def test_the_index_in_json(site: Site, reason: str) -> None:
    answer = site.get("/repositories/main/simple/demo/", Accept=JSON)
    page = answer.get_json()
    exemptions = {file["filename"]: file.get("_exemption") for file in page["files"]}
    assert exemptions == {ODD.filename: reason, USUAL.filename: None}


def test_the_json_api(site: Site, reason: str) -> None:
    document = site.get("/repositories/main/pypi/demo/json").get_json()
    comments = {file["filename"]: file["comment_text"] for file in document["urls"]}
    assert comments == {ODD.filename: reason, USUAL.filename: ""}
