"""V5: what is listed can be downloaded, and nothing else, whatever is configured.

For random files, sources, rules, statuses and rights, a reader asks a repository for all pages and
for all files that there are anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pprint import pformat
from typing import Any
from urllib.parse import urljoin

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from pypi_repo import OPERATOR, Access, Registry, Settings
from pypi_repo.domain.names import normalize
from tests.conftest import PASSWORD, READER
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.http import JSON, Page, basic
from tests.support.uploads import upload
from tests.support.waiting import until
from tests.support.written_index import METADATA, Entry, WrittenIndex

GUEST = "guest@example.com"
PROJECTS = ("demo", "lib-a", "acme-x")
POOL = [
    wheel("demo", "1.0"),
    wheel("demo", "1.0", description="another of the same name"),
    sdist("demo", "1.0"),
    wheel("demo", "2.0", tag="py2.py3-none-any"),
    wheel("lib-a", "1.0"),
    sdist("lib-a", "1.0"),
    sdist("lib-a", "2.0"),
    wheel("acme-x", "1.0"),
    wheel("acme-x", "99.0"),
]
PATTERNS = ("demo", "lib-*", "acme-*", "*")
UPSTREAMS = ("upstream:first", "upstream:second")


@dataclass(frozen=True)
class Drawn:
    """A registry and the indexes beside it."""

    first: list[Entry]
    second: list[Entry]
    own: dict[str, list[Distribution]]
    statuses: dict[str, str]
    closed_at_first: str | None
    deleted: list[tuple[str, str]]
    sources: dict[str, list[str]]
    merged: list[str]
    reserved: list[str]
    rules: list[dict[str, Any]]
    cooldown_mode: str
    first_seen: bool
    public: dict[str, bool]
    public_sources: bool
    reader: str | None
    repository: str
    rules_later: list[dict[str, Any]]

    def told(self) -> str:
        """What the example consists of, without the contents of files."""
        shown = asdict(self)
        for name in ("first", "second"):
            listed = getattr(self, name)
            shown[name] = [
                {**asdict(entry), "distribution": entry.distribution.path} for entry in listed
            ]
        shown["own"] = {
            name: [each.path for each in given_files] for name, given_files in self.own.items()
        }
        return pformat(shown, width=100)


files = st.lists(st.sampled_from(POOL), unique_by=lambda each: each.filename, max_size=6)
entries = st.builds(
    Entry,
    st.sampled_from(POOL),
    has_digest=st.sampled_from([True, True, False]),
    has_metadata=st.booleans(),
    is_signed=st.booleans(),
    age=st.sampled_from([None, timedelta(days=1), timedelta(days=30)]),
    yanked=st.sampled_from([None, "", "broken"]),
)
pages = st.lists(entries, unique_by=lambda each: each.distribution.filename, max_size=7)
some_rules = st.lists(
    st.fixed_dictionaries(
        {
            "action": st.sampled_from(["allow", "deny", "deny", "exempt"]),
            "target": st.sampled_from(["demo", "demo>=2", "lib-*", "acme-x", "*"]),
            "kind": st.sampled_from([None, None, "sdist", "bdist_wheel"]),
            "yanked": st.booleans(),
        }
    ),
    max_size=3,
)
drawn = st.builds(
    Drawn,
    first=pages,
    second=pages,
    own=st.fixed_dictionaries({"main": files, "other": files, "secret": files}),
    statuses=st.dictionaries(
        st.sampled_from(["main", "other"]), st.sampled_from(["quarantined", "archived"]), max_size=1
    ),
    closed_at_first=st.sampled_from([None, None, *PROJECTS]),
    deleted=st.lists(
        st.tuples(st.sampled_from(["main", "other"]), st.sampled_from(PROJECTS)), max_size=2
    ),
    sources=st.fixed_dictionaries(
        {
            "main": st.lists(
                st.sampled_from([*UPSTREAMS, "repository:other", "repository:secret"]),
                unique=True,
            ),
            "other": st.lists(st.sampled_from([*UPSTREAMS, "repository:secret"]), unique=True),
        }
    ),
    merged=st.lists(st.sampled_from(PATTERNS), max_size=2, unique=True),
    reserved=st.lists(st.sampled_from(PATTERNS[:3]), max_size=1),
    rules=some_rules,
    cooldown_mode=st.sampled_from(["off", "audit", "enforce"]),
    first_seen=st.booleans(),
    public=st.fixed_dictionaries({"main": st.booleans(), "other": st.booleans()}),
    public_sources=st.booleans(),
    reader=st.sampled_from([None, GUEST, READER]),
    repository=st.sampled_from(["main", "main", "other"]),
    rules_later=some_rules,
)


@pytest.fixture(scope="module")
def indexes() -> Iterator[tuple[WrittenIndex, WrittenIndex]]:
    with WrittenIndex() as first, WrittenIndex() as second:
        yield first, second


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(drawn)
def test_listed_if_and_only_if_downloadable(
    indexes: tuple[WrittenIndex, WrittenIndex], world: Drawn
) -> None:
    with Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4)) as registry:
        note(world.told())
        fill(registry, indexes, world)
        reader = Reader(registry, world.repository, world.reader)
        reader.check()
        add_rules(registry, world.rules_later)
        reader.check()  # with what is cached by now


def fill(registry: Registry, indexes: tuple[WrittenIndex, WrittenIndex], world: Drawn) -> None:
    operator = registry.acting_as(OPERATOR)
    for index, listed in zip(indexes, (world.first, world.second), strict=True):
        index.entries, index.statuses = listed, {}
    if world.closed_at_first is not None:
        indexes[0].statuses[world.closed_at_first] = "quarantined"
    for name, given_files in world.own.items():
        operator.repositories.create(name, public=world.public.get(name, False))
        for distribution in given_files:
            upload(registry, distribution, name)
    present = {(name, normalize(each.name)) for name, given in world.own.items() for each in given}
    for place in set(world.deleted) & present:
        operator.projects.delete(*place)
        present.remove(place)
    for name, status in world.statuses.items():
        for project in [project for place, project in sorted(present) if place == name]:
            operator.projects.set_status(name, project, status)  # type: ignore[arg-type]
    for index, name in zip(indexes, ("first", "second"), strict=True):
        index.create_on(
            registry,
            name,
            cooldown="3d",
            cooldown_mode=world.cooldown_mode,
            first_seen=world.first_seen,
        )
    for name, sources in world.sources.items():
        operator.sources.set_sources(name, sources)
    operator.sources.merge("main", world.merged)
    operator.sources.reserve("main", world.reserved)
    operator.repositories.change("main", public_sources=world.public_sources)
    add_rules(registry, world.rules)
    operator.accounts.create_user(READER, PASSWORD, everywhere=Access.READ)
    operator.accounts.create_user(
        GUEST, PASSWORD, everywhere=Access.NONE, named={"main": Access.READ, "other": Access.READ}
    )


def add_rules(registry: Registry, rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        ends = datetime.now(UTC) + timedelta(days=9) if rule["action"] == "exempt" else None
        registry.acting_as(OPERATOR).sources.add_rule(
            "main", **rule, reason="It has to be.", until=ends
        )


class Reader:
    """Asks a repository for everything, as somebody."""

    def __init__(self, registry: Registry, repository: str, user: str | None) -> None:
        self._client = Client(registry.wsgi_app())
        self._place = f"/repositories/{repository}/"
        self._headers = {} if user is None else basic(user, PASSWORD)

    def check(self) -> None:
        for project in PROJECTS:
            for location in self._listed(project):
                assert self._is_there(location)
            # What was found out from a file is noted when its last byte has left.
            assert until(lambda project=project: self._is_complete(project), seconds=5)  # type: ignore[misc]
            listed = self._listed(project)
            self._check_downloads(project, listed)
            self._check_json(project, listed)

    def _is_complete(self, project: str) -> bool:
        """Whether the page says all digests, and of what there is metadata (P5, P7)."""
        return all(
            "sha256" in file["hashes"]
            and self._is_there(location + METADATA) == bool(file.get("core-metadata"))
            for location, file in self._listed(project).items()
        )

    def _get(self, path: str, accept: str = "*/*") -> tuple[int, Any]:
        headers = {**self._headers, "Accept": accept}
        response = self._client.get(urljoin(self._place, path), headers=headers)
        is_json = response.status_code == 200 and response.is_json
        return response.status_code, response.get_json() if is_json else response.data

    def _listed(self, project: str) -> dict[str, dict[str, Any]]:
        """The files of a page by their locations."""
        status, page = self._get(f"simple/{project}/", JSON)
        as_html, document = self._get(f"simple/{project}/", "text/html")
        assert as_html == status
        if status != 200:
            assert status in (401, 403, 404)
            return {}
        found = {file["url"].removeprefix("../../files/"): file for file in page["files"]}
        assert [anchor.text for anchor in Page(document.decode()).anchors] == [
            file["filename"] for file in page["files"]
        ]
        assert len({file["filename"] for file in page["files"]}) == len(found)
        return found

    def _check_downloads(self, project: str, listed: dict[str, dict[str, Any]]) -> None:
        for location, file in listed.items():
            status, content = self._get(f"files/{location}")
            assert status == 200, (location, content)
            assert hashlib.sha256(content).hexdigest() == file["hashes"]["sha256"]
            assert self._is_there(location + ".asc") == file.get("gpg-sig", False)
        names = {file["filename"] for file in listed.values()}
        for distribution in POOL:
            if normalize(distribution.name) == project and distribution.path not in listed:
                for suffix in ("", METADATA, ".asc"):
                    assert not self._is_there(distribution.path + suffix)
                if distribution.filename not in names:
                    assert not self._is_there(f"unhashed/{project}/{distribution.filename}")

    def _is_there(self, location: str) -> bool:
        status, _content = self._get(f"files/{location}")
        assert status in (200, 401, 403, 404)
        return status == 200

    def _check_json(self, project: str, listed: dict[str, dict[str, Any]]) -> None:
        status, document = self._get(f"pypi/{project}/json")
        if not listed:
            assert status in (401, 403, 404)
            return
        assert status == 200
        releases = {
            version: [file["filename"] for file in files]
            for version, files in document["releases"].items()
        }
        names = [file["filename"] for file in listed.values()]
        assert sorted(name for found in releases.values() for name in found) == sorted(names)
        for version, found in releases.items():
            status, document = self._get(f"pypi/{project}/{version}/json")
            assert status == 200
            assert [file["filename"] for file in document["urls"]] == found
