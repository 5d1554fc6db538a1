"""Lists of projects and provenances, whatever is in them."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.errors import InvalidAttestation, InvalidSetting, UnreadablePage
from pypi_repo.domain.importing.attestations import attestations_in
from pypi_repo.domain.importing.project_lists import read_project_list
from pypi_repo.domain.importing.selection import EVERYTHING, Selection
from pypi_repo.domain.names import is_normalized, normalize

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["projects", "name", "attestation_bundles", "attestations", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_PIECES = st.lists(
    st.sampled_from(
        [
            b"<a href='",
            b"<A HREF=",
            b"'>",
            b"</a>",
            b"demo/",
            b"Demo",
            b"../",
            b"%2e%2e",
            b"<!--",
            b"<",
        ]
    )
    | st.binary(max_size=8)
).map(b"".join)


@given(_PIECES | _JSON.map(lambda value: json.dumps(value).encode()))
def test_lists_have_names_of_projects(body: bytes) -> None:
    with suppress(UnreadablePage):
        for name, spelled in read_project_list(body).items():
            assert is_normalized(name)
            assert normalize(spelled) == name
            assert "/" not in spelled


@given(st.binary(max_size=40) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_provenances_have_attestations(document: bytes) -> None:
    with suppress(InvalidAttestation):
        assert json.loads(attestations_in(document))


@pytest.mark.parametrize(
    ("document", "attestations"),
    [
        ([{"a": 1}, {"b": 2}], [{"a": 1}, {"b": 2}]),
        (
            {"version": 1, "verification_material": {}},
            [{"version": 1, "verification_material": {}}],
        ),
        (
            {"attestation_bundles": [{"attestations": [1]}, {"attestations": [2, 3]}]},
            [1, 2, 3],
        ),
    ],
)
def test_forms_of_provenances(document: object, attestations: list[object]) -> None:
    assert json.loads(attestations_in(json.dumps(document).encode())) == attestations


@pytest.mark.parametrize(
    "document", [b"[]", b'{"attestation_bundles": []}', b"no JSON", b"[" * 9999]
)
def test_provenances_without_attestations(document: bytes) -> None:
    with pytest.raises(InvalidAttestation):
        attestations_in(document)


@pytest.mark.parametrize(
    ("line", "has", "has_not"),
    [
        ("Acme_Tool", "acme-tool", "acme"),
        ("acme-*", "acme-x", "acme"),
        ("*", "anything", None),
        ("  demo # why", "demo", "why"),
    ],
)
def test_selections(line: str, has: str, has_not: str | None) -> None:
    selection = Selection.of(["", "# a comment", line])
    assert selection.has(normalize(has))
    assert has_not is None or not selection.has(normalize(has_not))


def test_everything_is_a_selection() -> None:
    assert Selection.of(["*"]) == EVERYTHING
    with pytest.raises(InvalidSetting):
        Selection.of(["no name"])
