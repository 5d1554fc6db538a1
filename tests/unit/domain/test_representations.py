"""Content negotiation of the simple API. Headers are parsed as the web layer does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from pypi_repo.domain.errors import NotAcceptable
from pypi_repo.domain.pages.representations import Representation, choose

JSON, HTML_V1, HTML = Representation.JSON, Representation.HTML_V1, Representation.HTML

V1_JSON = "application/vnd.pypi.simple.v1+json"
V1_HTML = "application/vnd.pypi.simple.v1+html"


def _chosen(accept: str, format_parameter: str | None = None) -> Representation:
    parsed = parse_accept_header(accept, MIMEAccept)
    return choose([(range_, float(quality)) for range_, quality in parsed], format_parameter)


def test_the_offered_types() -> None:
    """X10"""
    assert {item.value for item in Representation} == {V1_JSON, V1_HTML, "text/html"}
    assert [item.is_json for item in (JSON, HTML_V1, HTML)] == [True, False, False]


def test_no_preference_is_html() -> None:
    """X11"""
    assert choose([], None) is HTML


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (f"{V1_JSON}, {V1_HTML}; q=0.1, text/html; q=0.01", JSON),
        (f"{V1_JSON}, {V1_HTML};q=0.2, text/html;q=0.01", JSON),
        (f"{V1_JSON}, */*;q=0.1", JSON),
        ("*/*", HTML),
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            HTML,
        ),
    ],
    ids=["pip", "uv", "poetry", "hatch", "browser"],
)
def test_what_real_clients_get(accept: str, expected: Representation) -> None:
    """X13"""
    assert _chosen(accept) is expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        # each by itself
        (V1_JSON, JSON),
        (V1_HTML, HTML_V1),
        ("text/html", HTML),
        # by quality; one that is missing is 1
        (f"{V1_JSON};q=0.5, text/html", HTML),
        (f"{V1_JSON};q=0.5, {V1_HTML};q=0.6", HTML_V1),
        (f"text/html;q=0.501, {V1_JSON};q=0.502", JSON),
        # spaces, and letters of either case
        (f"{V1_JSON} ; q=0.1 , text/html", HTML),
        ("TEXT/HTML", HTML),
        ("Application/Vnd.PyPI.Simple.v1+JSON", JSON),
        # a quality of zero is a refusal, also against a wildcard
        (f"{V1_JSON};q=0, */*", HTML),
        ("text/html;q=0, */*", JSON),
        (f"text/html;q=0, {V1_JSON};q=0, */*", HTML_V1),
        # the most specific range counts
        ("*/*, text/html;q=0.1", JSON),
        ("text/*;q=0.2, */*;q=0.1", HTML),
        ("application/*, text/html;q=0.9", JSON),
        ("text/*, application/*;q=0.5", HTML),
        # ties: the richest by name, HTML by wildcard
        (f"text/html, {V1_HTML}, {V1_JSON}", JSON),
        (f"text/html, {V1_HTML}", HTML_V1),
        (f"{V1_JSON}, */*", JSON),
        ("text/html, */*", HTML),
        ("application/*", JSON),
        ("text/*", HTML),
        # parameters other than the quality
        ("text/html;charset=utf-8", HTML),
        (f"{V1_JSON};charset=utf-8;q=0.3", JSON),
        # beside types that nobody offers
        (f"application/xml, {V1_JSON};q=0.1", JSON),
        ("application/vnd.pypi.simple.v2+json, text/html;q=0.1", HTML),
    ],
)
def test_negotiation(accept: str, expected: Representation) -> None:
    """X12"""
    assert _chosen(accept) is expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.latest+html", HTML_V1),
        (
            "application/vnd.pypi.simple.latest+html, application/vnd.pypi.simple.v1+json;q=0.5",
            HTML_V1,
        ),
        ("application/vnd.pypi.simple.latest+json;q=0.2, text/html;q=0.1", JSON),
    ],
)
def test_latest_is_answered_with_the_real_version(accept: str, expected: Representation) -> None:
    """X14"""
    assert _chosen(accept) is expected
    assert "latest" not in expected.value


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "application/vnd.pypi.simple.v2+json",
        "application/vnd.pypi.simple.v1+xml",
        "text/plain",
        "image/*",
        "*/*;q=0",
        f"{V1_JSON};q=0",
        "text/html;q=0, text/*;q=0",
    ],
)
def test_nothing_acceptable(accept: str) -> None:
    """X15: the refusal lists what there is."""
    with pytest.raises(NotAcceptable, match="text/html") as caught:
        _chosen(accept)
    assert V1_JSON in caught.value.message


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        (V1_JSON, JSON),
        ("application/vnd.pypi.simple.v1 json", JSON),  # a '+' that was decoded to a space
        (V1_HTML, HTML_V1),
        ("application/vnd.pypi.simple.v1 html", HTML_V1),
        ("text/html", HTML),
        ("application/vnd.pypi.simple.latest json", JSON),
        ("TEXT/HTML", HTML),
    ],
)
@pytest.mark.parametrize("accept", ["text/html", V1_JSON, "application/json", "*/*;q=0", ""])
def test_the_format_parameter_beats_the_header(
    parameter: str, expected: Representation, accept: str
) -> None:
    """X16"""
    assert _chosen(accept, parameter) is expected


@pytest.mark.parametrize("parameter", ["", "json", "application/json", "*/*", "text/*", "v1+json"])
def test_an_unknown_format_is_not_acceptable(parameter: str) -> None:
    """X16"""
    with pytest.raises(NotAcceptable):
        _chosen(V1_JSON, parameter)


_RANGES = st.sampled_from(
    [V1_JSON, V1_HTML, "text/html", "text/*", "application/*", "*/*", "application/json"]
)


@given(st.dictionaries(_RANGES, st.integers(0, 10), min_size=1))
def test_nobody_gets_what_another_offer_beats(qualities: dict[str, int]) -> None:
    """X12: checked against the definition, worked out the slow way."""

    def wanted(media_type: str) -> int:
        for range_ in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
            if range_ in qualities:
                return qualities[range_]
        return 0

    best = max(wanted(item.value) for item in Representation)
    pairs = [(range_, quality / 10) for range_, quality in qualities.items()]
    if best == 0:
        with pytest.raises(NotAcceptable):
            choose(pairs, None)
    else:
        assert wanted(choose(pairs, None).value) == best
