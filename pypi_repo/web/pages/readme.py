"""The description of a release, as a document that can do no harm wherever it is shown.

It comes from whoever published the package. A sanitiser leaves only harmless elements; and should
one fail, the document is shown in a frame and under a policy that give it no script, no form and
no origin, so that nothing of the app is in its reach.
"""

from markupsafe import Markup
from packaging.metadata import RawMetadata
from werkzeug.wrappers import Response

from pypi_repo.domain.errors import Unavailable
from pypi_repo.services.packages.readmes import Readmes
from pypi_repo.web.pages.page import HtmlPage

SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
"""Links open in windows of their own; nothing else is allowed."""

_SECURITY = {
    "Content-Security-Policy": (
        f"sandbox {SANDBOX}; default-src 'none'; style-src 'self'; form-action 'none'; "
        "base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_LINE, _GAP, _EDGES = 24, 10, 60  # pixels
_LETTERS_PER_LINE = 90


def height(fields: RawMetadata) -> int:
    """Estimates how many pixels a document needs, as no page can ask what is in its frame.

    0 where there is no description.
    """
    heights = [_height_of(line) for line in _source(fields).splitlines()]
    return sum(heights) + _EDGES if heights else 0


def document(page: HtmlPage, readmes: Readmes, name: str, fields: RawMetadata) -> Response:
    """Returns a page with the description of the project `name` and nothing else.

    What cannot be rendered is shown as plain text, by its own line breaks.
    """
    text = _source(fields)
    try:
        html = readmes.html(text, fields.get("description_content_type"))
    except Unavailable:
        html = None
    return page.answer(
        Response(
            page.templates.get_template("readme.html").render(
                page=page,
                name=name,
                html=None if html is None else Markup(html),  # noqa: S704 - sanitised
                text=text,
            ),
            content_type="text/html; charset=utf-8",
        ),
        _SECURITY,
    )


def _source(fields: RawMetadata) -> str:
    return fields.get("description", "").strip()


def _height_of(line: str) -> int:
    return _LINE * (1 + len(line) // _LETTERS_PER_LINE) if line.strip() else _GAP
