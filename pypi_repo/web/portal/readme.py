"""Descriptions of packages as HTML that can do no harm."""

import re
from email.message import Message
from html import unescape
from io import StringIO
from threading import Lock

from markupsafe import Markup, escape
from packaging.metadata import RawMetadata

_LONGEST_RENDERED = 300_000  # characters; longer ones are shown as they are
_RENDERING = Lock()  # docutils keeps state in its modules
_IMAGE = re.compile(r'<img((?: [a-z-]+="[^"]*")*)>')
_ALTERNATIVE = re.compile(r' alt="([^"]*)"')


def rendered(fields: RawMetadata) -> Markup | None:
    """The description, by its own content type; None where there is none.

    The renderer leaves only what is on its list of harmless elements and attributes, and links
    only to http, https and mailto. What it cannot render is shown as plain text. Images are shown
    as the texts that stand for them: the page's policy loads nothing from other sites, which
    would learn who looks at what.
    """
    text = fields.get("description", "").strip()
    if not text:
        return None
    html = _render(text, fields.get("description_content_type") or "text/x-rst")
    if html is None:
        return Markup("<pre>{}</pre>").format(text)
    return Markup(_IMAGE.sub(_as_text, html))  # noqa: S704


def _as_text(image: re.Match[str]) -> str:
    alternative = _ALTERNATIVE.search(image[1])
    return f'<span class="picture">{escape(unescape(alternative[1]))}</span>' if alternative else ""


def _render(text: str, content_type: str) -> str | None:
    if len(text) > _LONGEST_RENDERED:
        return None
    parsed = Message()
    parsed["content-type"] = content_type
    kind = parsed.get_content_type()
    # Imported here, because most processes never show a description.
    if kind == "text/markdown":
        from readme_renderer import markdown

        variant = str(parsed.get_param("variant") or "GFM")
        return markdown.render(text, variant=variant if variant == "CommonMark" else "GFM")
    if kind == "text/x-rst":
        from readme_renderer import rst

        with _RENDERING:
            return rst.render(text, stream=StringIO())
    return f"<pre>{escape(text)}</pre>"
