"""The style, the script and the icon of all pages, which each app serves below its own root."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from werkzeug.wrappers import Response

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def static_file(name: str) -> Response | None:
    """Returns the response with a file; None if there is no such file."""
    suffix = name[name.rfind(".") :]
    content = _files().get(name) if suffix in _TYPES else None
    if content is None:
        return None
    response = Response(content, content_type=f"{_TYPES[suffix]}; charset=utf-8")
    # The link to it holds its version.
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@cache
def static_version(name: str) -> str:
    """Returns the version of a file for links to it.

    name: as templates write it.
    """
    return hashlib.sha256(_files()[name]).hexdigest()[:12]


@cache
def _files() -> Mapping[str, bytes]:
    """Those of the folder, by their names. What strangers ask for beside them is not kept."""
    folder = resources.files("pypi_repo.web.pages") / "static"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
