"""Descriptions of packages as HTML that can do no harm."""

from email.message import Message
from io import StringIO
from threading import Lock

from markupsafe import Markup, escape
from packaging.metadata import RawMetadata

_LONGEST_RENDERED = 300_000  # characters; longer ones are shown as they are
_RENDERING = Lock()  # docutils keeps state in its modules


def rendered(fields: RawMetadata) -> Markup | None:
    """The description, by its own content type; None where there is none.

    The renderer leaves only what is on its list of harmless elements and attributes, and links
    only to http, https and mailto. What it cannot render is shown as plain text.
    """
    text = fields.get("description", "").strip()
    if not text:
        return None
    html = _render(text, fields.get("description_content_type") or "text/x-rst")
    return Markup("<pre>{}</pre>").format(text) if html is None else Markup(html)  # noqa: S704


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
