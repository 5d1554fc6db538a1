"""Renders the descriptions of packages as HTML, within limits and in a separate process."""

import hashlib
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from pypi_repo.domain.errors import InvalidMetadata, Unavailable
from pypi_repo.domain.metadata.core_metadata import CoreMetadata
from pypi_repo.services.lru_cache import LRUCache

LONGEST_RENDERED = 300_000  # characters
DEEPEST_RENDERED = 64  # quotes and lists within each other, where a line begins

_TURN = 20.0  # seconds
_PATIENCE = 60.0  # seconds, for what ends itself after five of a processor of its own
_KEPT = 16_000_000  # characters of HTML

_COMMONMARK = re.compile(r';[ \t]*variant[ \t]*=[ \t]*"?commonmark\b', re.IGNORECASE)
_TOO_DEEP = re.compile(
    rf"^(?:[ \t]{{0,16}}(?:>|(?:[-+*]|[0-9]{{1,9}}[.)])(?=[ \t]))){{{DEEPEST_RENDERED + 1}}}",
    re.MULTILINE,
)
# It imports from where this process does, whatever has put that there, but not the package around
# the program, which would take three times as long as all that it needs.
_PROGRAM = (
    "import runpy, sys; program, kind, *sys.path[:] = sys.argv[1:]; "
    "runpy.run_path(program)['render'](kind)"
)
_RENDERING = Path(__file__).with_name("readme_rendering.py")


class Readmes:
    """Renders one description at a time, and keeps the last results.

    kept: the largest number of characters of HTML to keep.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept: LRUCache[tuple[str | None]] = LRUCache(kept)
        self._turn = threading.Lock()  # whoever has it may ask, render and add

    def html(self, source: str, content_type: str | None) -> str | None:
        """Returns a description as HTML with a few harmless elements, which load nothing.

        source: the description, which is not trusted.
        content_type: its Description-Content-Type; without one it is reStructuredText.

        Returns None for a description that can only be shown as plain text, because it is plain
        text, too long, too deeply nested, or cannot be rendered within a few seconds.

        Raises Unavailable if this machine is too busy to render it.
        """
        kind = _kind(content_type or "text/x-rst")
        if kind is None or len(source) > LONGEST_RENDERED or _TOO_DEEP.search(source):
            return None
        digest = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()
        if not self._turn.acquire(timeout=_TURN):
            raise Unavailable("Too many descriptions are being rendered; try again in a minute.")
        try:
            return self._get_or_render(f"{kind} {digest}", kind, source)
        finally:
            self._turn.release()

    def check(self, metadata: CoreMetadata) -> None:
        """Raises InvalidMetadata for a description that the public index could not render.

        Only reStructuredText, the default, can fail to render. Descriptions that are too long to be
        rendered are not checked.

        Raises Unavailable if this machine is too busy to render it.
        """
        kind = metadata.fields.get("description_content_type") or "text/x-rst"
        description = metadata.fields.get("description", "").strip()
        if not kind.startswith("text/x-rst") or len(description) > LONGEST_RENDERED:
            return
        if description and self.html(description, kind) is None:
            raise InvalidMetadata(
                "The description cannot be rendered as reStructuredText; see `twine check`, or say "
                "what it is with Description-Content-Type."
            )

    def _get_or_render(self, key: str, kind: str, source: str) -> str | None:
        found = self._kept.get(key)
        if found is None:
            found = (_rendered(kind, source),)
            self._kept.put(key, found, len(key) + len(found[0] or ""))
        return found[0]


def _kind(content_type: str) -> str | None:
    """Returns the renderer's name for a content type; None if it is not rendered."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "text/markdown":
        return "CommonMark" if _COMMONMARK.search(content_type) else "GFM"
    return "rst" if media_type == "text/x-rst" else None


def _rendered(kind: str, source: str) -> str | None:
    command = [_interpreter(), "-I", "-c", _PROGRAM, str(_RENDERING), kind, *sys.path]
    try:
        done = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            command,
            input=source.encode("utf-8", "replace"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(
            "The description could not be rendered now; try again in a minute.", detail=repr(error)
        ) from error
    return done.stdout.decode() if done.returncode == 0 else None


def _interpreter() -> str:
    """Returns the path of this Python.

    Under uWSGI and similar servers it is not `sys.executable`.
    """
    if Path(sys.executable or "").name.startswith(("python", "pypy")):
        return sys.executable
    return shutil.which("python3", path=f"{sys.prefix}/bin") or "python3"
