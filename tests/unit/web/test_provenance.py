"""Attestations that come with uploads, and the provenance that is served for them."""

import base64
import json
import sys
from typing import Any

import pytest
from pypi_attestations import Provenance
from werkzeug.test import Client

from pypi_repo import OPERATOR, Actor, Permission, Registry, Settings
from pypi_repo.domain.accounts.access import GrantPolicy
from pypi_repo.domain.records import Repository
from pypi_repo.settings import MIB
from tests.support.attestations import PUBLISH, SLSA, attestation, sound
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.http import Site, basic, reason
from tests.support.inspecting import bounded
from tests.support.uploads import publish

WHEEL = wheel()
URL = f"/repositories/main/integrity/demo/1.0/{WHEEL.filename}/provenance"
TYPE = "application/vnd.pypi.integrity.v1+json"
READER, PASSWORD = "reader@example.com", "correct horse"


def _upload(site: Site, *attestations: Any, dist: Distribution = WHEEL) -> None:
    response = site.upload(dist, attestations=json.dumps(attestations))
    assert response.status_code == 200, response.status


def _refused(site: Site, document: str, dist: Distribution = WHEEL) -> str:
    response = site.upload(dist, attestations=document)
    assert response.status_code == 400, response.status
    assert site.project_names() == []
    return reason(response)


def test_attestations_become_provenance(site: Site) -> None:
    """U88, U90, X60: as they came, in one bundle whose publisher nobody vouches for."""
    document = attestation(WHEEL)
    _upload(site, document)
    response = site.get(URL)
    assert (response.status_code, response.content_type) == (200, TYPE)
    assert response.json == {
        "version": 1,
        "attestation_bundles": [
            {
                "publisher": {"kind": "unverified", "claims": None},
                "attestations": [json.loads(sound(document).model_dump_json())],
            }
        ],
    }


def test_what_is_served_says_what_was_sent(site: Site) -> None:
    """U90: certificate, statement and signature are the same bytes."""
    document = attestation(WHEEL)
    _upload(site, document)
    (bundle,) = site.get(URL).get_json(force=True)["attestation_bundles"]
    served = sound(bundle["attestations"][0])
    assert served == sound(document)
    assert served.statement["subject"][0]["digest"]["sha256"] == WHEEL.sha256
    with pytest.raises(ValueError, match="publisher"):
        Provenance.model_validate({"version": 1, "attestation_bundles": [bundle]})


def test_two_kinds_may_come_together(site: Site) -> None:
    """U88"""
    _upload(site, attestation(WHEEL, PUBLISH), attestation(WHEEL, SLSA))
    (bundle,) = site.get(URL).get_json(force=True)["attestation_bundles"]
    kinds = [sound(each).statement["predicateType"] for each in bundle["attestations"]]
    assert kinds == [PUBLISH, SLSA]


def test_sdists_have_attestations_too(site: Site) -> None:
    """U88"""
    source = sdist()
    _upload(site, attestation(source), dist=source)
    assert site.get(URL.replace(WHEEL.filename, source.filename)).status_code == 200


def test_tags_of_the_subject_come_in_any_order(site: Site) -> None:
    """U88: names are compared by what they mean."""
    dist = wheel(tag="py2.py3-none-any")
    subject = {"name": "Demo-1.0-py3.py2-none-any.whl", "digest": {"sha256": dist.sha256}}
    _upload(site, attestation(dist, subject=[subject]), dist=dist)


def _subject(name: object = WHEEL.filename, digest: object = WHEEL.sha256) -> Any:
    return {"name": name, "digest": {"sha256": digest}}


_SUBJECTS: dict[str, object] = {
    "none": [],
    "not a list": _subject(),
    "two": [_subject(), _subject()],
    "another digest": [_subject(digest="0" * 64)],
    "a digest that is no text": [_subject(digest=7)],
    "another kind of digest": [{"name": WHEEL.filename, "digest": {"sha512": "0" * 128}}],
    "no digest": [{"name": WHEEL.filename}],
    "no name": [{"digest": {"sha256": WHEEL.sha256}}],
    "another version": [_subject("demo-2.0-py3-none-any.whl")],
    "another project": [_subject("other-1.0-py3-none-any.whl")],
    "another tag": [_subject("demo-1.0-py2-none-any.whl")],
    "an sdist": [_subject("demo-1.0.tar.gz")],
    "a name that is none": [_subject("demo")],
    "an endless version": [_subject("demo-" + "1" * 5000 + "-py3-none-any.whl")],
    "a name that is no text": [_subject(None)],
    "text": ["demo"],
}


@pytest.mark.parametrize("shape", _SUBJECTS)
def test_the_subject_is_the_file(site: Site, shape: str) -> None:
    """U88: name and digest."""
    document = json.dumps([attestation(WHEEL, subject=_SUBJECTS[shape])])
    assert "another file" in _refused(site, document)


_KINDS: dict[str, object] = {
    "unknown": "https://example.org/attestation/v1",
    "missing": None,
    "a list": [],
    "an object": {},
    "a number": 1,
    "another version": "https://slsa.dev/provenance/v0.2",
}


@pytest.mark.parametrize("kind", _KINDS)
def test_only_two_kinds_are_known(site: Site, kind: str) -> None:
    """U88"""
    assert PUBLISH in _refused(site, json.dumps([attestation(WHEEL, _KINDS[kind])]))


def test_one_of_each_kind_is_enough(site: Site) -> None:
    """U88"""
    assert "different kinds" in _refused(site, json.dumps([attestation(WHEEL)] * 2))


@pytest.mark.parametrize(
    "document",
    ["{}", "[]", "null", "7", "not JSON", "[", "[" * 100_000, json.dumps([attestation(WHEEL)] * 3)],
    ids=["object", "empty", "null", "number", "text", "cut off", "deep", "three"],
)
def test_the_field_is_a_short_array(site: Site, document: str) -> None:
    """U88"""
    assert "array of 1 to 2" in _refused(site, document)


def _changed(path: str, value: object) -> dict[str, Any]:
    document = attestation(WHEEL)
    *parents, last = path.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize("value", [..., None, 7, "x", [], {}])
@pytest.mark.parametrize(
    "path",
    [
        "version",
        "verification_material",
        "verification_material.certificate",
        "verification_material.transparency_entries",
        "envelope",
        "envelope.statement",
        "envelope.signature",
    ],
)
def test_attestations_have_the_form_of_pep_740(site: Site, path: str, value: object) -> None:
    """U88, U89: never 500."""
    assert "PEP 740" in _refused(site, json.dumps([_changed(path, value)]))


@pytest.mark.parametrize("item", [None, 7, "text", [], {}])
def test_attestations_are_objects(site: Site, item: object) -> None:
    """U88"""
    assert "PEP 740" in _refused(site, json.dumps([item]))


@pytest.mark.parametrize(
    "statement", [b"", b"not JSON", b"\xff", b"[]", b"7", b"null", b'"text"', b"[" * 100_000, b"{}"]
)
def test_statements_are_objects(site: Site, statement: bytes) -> None:
    """U88, U89"""
    message = _refused(site, json.dumps([attestation(WHEEL, statement=statement)]))
    assert message.startswith(("The statement of an attestation", "An attestation is about"))


@pytest.mark.parametrize("depth", [40, 400])
def test_attestations_are_not_nested_deeply(site: Site, depth: int) -> None:
    """U89, U113: never 500."""
    deep: Any = {}
    for _ in range(depth // 2):
        deep = {"a": [deep]}
    assert "nested" in _refused(site, json.dumps([attestation(WHEEL, entry=deep)]))


def test_attestations_are_bounded_before_they_are_parsed(site: Site) -> None:
    """U88, U113: 16 MB of them took 440 MB."""
    many = json.dumps([attestation(WHEEL, entry={"a": [[]] * 1_000_000})])
    with bounded(memory=40 * MIB, seconds=20):
        response = site.upload(WHEEL, attestations=many)
    assert response.status_code == 413
    assert "attestations are larger than 512 KiB" in response.text
    assert site.get(URL).status_code == 404


def test_odd_values_of_a_log_stay_json(site: Site) -> None:
    """U90: NaN is none, and a lone surrogate no text."""
    _upload(site, attestation(WHEEL, entry={"a": float("nan"), "b": "\ud800", "c": "\0"}))
    json.loads(site.get(URL).text, parse_constant=pytest.fail)


def test_without_the_library_they_are_left_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """U89: uv sends them without being asked, so the upload itself must pass."""
    monkeypatch.setitem(sys.modules, "pypi_attestations", None)
    assert site.upload(WHEEL, attestations="not even JSON").status_code == 200
    assert site.get(URL).status_code == 404


@pytest.mark.parametrize("document", ["", "  ", "UNKNOWN"])
def test_an_empty_field_is_none(site: Site, document: str) -> None:
    """U12, U89"""
    assert site.upload(WHEEL, attestations=document).status_code == 200
    assert site.get(URL).status_code == 404


def test_the_same_file_again_changes_nothing(site: Site) -> None:
    """U54: attestations come with the first upload."""
    _upload(site, attestation(WHEEL))
    before = site.get(URL).data
    assert site.upload(WHEEL, attestations="not even JSON").status_code == 200
    assert site.get(URL).data == before


def test_another_content_takes_its_own_attestations(registry: Registry, site: Site) -> None:
    """U55, U90: those of the file before would be a lie."""
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    _upload(site, attestation(WHEEL))
    other = wheel(description="other")
    assert site.upload(other).status_code == 200
    assert site.get(URL).status_code == 404
    again = wheel(description="again")
    _upload(site, attestation(again), dist=again)
    assert again.sha256 in _statement_of(site)


def _statement_of(site: Site) -> str:
    (bundle,) = site.get(URL).get_json(force=True)["attestation_bundles"]
    return base64.b64decode(bundle["attestations"][0]["envelope"]["statement"]).decode()


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        ("", TYPE),
        ("*/*", TYPE),
        (TYPE, TYPE),
        ("application/json", "application/json"),
        (f"{TYPE};q=0.1, application/json", "application/json"),
        ("application/*", TYPE),
    ],
)
def test_two_media_types_are_offered(site: Site, accept: str, answer: str) -> None:
    """X60"""
    _upload(site, attestation(WHEEL))
    response = site.get(URL, Accept=accept)
    assert (response.status_code, response.content_type) == (200, answer)
    assert "Accept" in response.headers["Vary"]
    assert "immutable" not in response.headers["Cache-Control"]


@pytest.mark.parametrize("accept", ["text/html", "application/vnd.pypi.integrity.v2+json"])
def test_other_media_types_are_not(site: Site, accept: str) -> None:
    """X60"""
    _upload(site, attestation(WHEEL))
    assert site.get(URL, Accept=accept).status_code == 406


@pytest.mark.parametrize("project", ["demo", "Demo", "DEMO"])
@pytest.mark.parametrize("version", ["1.0", "1.0.0", "1", "v1.0"])
def test_names_and_versions_come_in_any_spelling(site: Site, project: str, version: str) -> None:
    """X60, U85"""
    _upload(site, attestation(WHEEL))
    url = f"/repositories/main/integrity/{project}/{version}/{WHEEL.filename}/provenance"
    assert site.get(url).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "",
        "demo",
        "demo/1.0",
        f"demo/1.0/{WHEEL.filename}",
        f"demo/1.0/{WHEEL.filename}/other",
        f"demo/1.0/{WHEEL.filename}/provenance/more",
        f"other/1.0/{WHEEL.filename}/provenance",
        f"demo/2.0/{WHEEL.filename}/provenance",
        f"demo/one/{WHEEL.filename}/provenance",
        f"demo/{'1' * 5000}/{WHEEL.filename}/provenance",
        "demo/1.0/demo-1.0.tar.gz/provenance",
        "demo/1.0/demo%0d%0a/provenance",
    ],
)
def test_what_is_not_there_is_not_found(site: Site, path: str) -> None:
    """X60"""
    _upload(site, attestation(WHEEL))
    assert site.get(f"/repositories/main/integrity/{path}").status_code == 404


def test_files_without_attestations_have_no_provenance(site: Site) -> None:
    """X60"""
    assert site.upload(WHEEL).status_code == 200
    assert site.get(URL).status_code == 404


def test_provenance_goes_with_its_file(registry: Registry, site: Site) -> None:
    """X43, X46: deleted or quarantined, and it stays with a yanked one."""
    _upload(site, attestation(WHEEL))
    registry.acting_as(OPERATOR).projects.yank_file("main", WHEEL.filename, "broken")
    assert site.get(URL).status_code == 200
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "quarantined")
    assert site.get(URL).status_code == 404
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "active")
    registry.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    assert site.get(URL).status_code == 404
    registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    assert site.upload(WHEEL).status_code == 200
    assert site.get(URL).status_code == 404


def test_provenance_is_for_readers(registry: Registry, site: Site) -> None:
    """X60, X71, X72: whether it exists or not."""
    _upload(site, attestation(WHEEL))
    for url in (URL, URL.replace("demo", "other"), "/repositories/main/integrity/"):
        anonymous = site.client.get(url)
        assert anonymous.status_code == 401
        assert "Basic" in anonymous.headers["WWW-Authenticate"]
    assert site.client.get(URL, headers=basic(READER, PASSWORD)).status_code == 200
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    assert site.client.get(URL).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_provenance_can_only_be_read(site: Site, method: str) -> None:
    """X77"""
    response = site.client.open(URL, method=method, headers=site.headers)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"


def test_head_is_get_without_the_body(site: Site) -> None:
    """X04"""
    _upload(site, attestation(WHEEL))
    whole, head = site.get(URL), site.get(URL, method="HEAD")
    assert head.data == b""
    assert dict(head.headers) == dict(whole.headers)


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_the_index_announces_provenance(site: Site, scheme: str) -> None:
    """X22, X33, U90: as an absolute https URL, and where there is none, not at all."""
    _upload(site, attestation(WHEEL))
    answers = [
        site.client.get(
            "/repositories/main/simple/demo/",
            base_url=f"{scheme}://index.test",
            headers={**site.headers, "Accept": accept},
        )
        for accept in ("application/vnd.pypi.simple.v1+json", "text/html")
    ]
    expected = f"https://index.test{URL}" if scheme == "https" else None
    (file,) = answers[0].get_json(force=True)["files"]
    assert file.get("provenance") == expected
    assert (f'data-provenance="{expected}"' in answers[1].text) == (scheme == "https")
    assert ("data-provenance" in answers[1].text) == (scheme == "https")


class _Hiding(GrantPolicy):
    """From the moment it is told so, nobody may read the project `demo`."""

    hides = False

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        hidden = self.hides and project == "demo"
        return not hidden and super().allows(actor, permission, repository, project)


def test_files_of_a_hidden_project_cannot_be_guessed() -> None:
    """X71: the answer is about the file's project, whether the file is there or not."""
    policy = _Hiding()
    settings = Settings(database="sqlite://", password_cost=4)
    with Registry(settings, policy=policy) as registry:
        registry.acting_as(OPERATOR).repositories.create("main", public=True)
        publish(registry, WHEEL)
        policy.hides = True
        client = Client(registry.wsgi_app())
        for project in ("demo", "open"):
            for name in (WHEEL.filename, wheel(version="9.0").filename):
                url = f"/repositories/main/integrity/{project}/1.0/{name}/provenance"
                assert client.get(url).status_code == 401
