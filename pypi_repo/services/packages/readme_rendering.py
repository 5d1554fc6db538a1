"""The program of the process that renders one description as safe HTML.

It runs in a separate process because a limit on the size of the source is not enough: for some
inputs, docutils, comrak, Pygments and the sanitizer take minutes or gigabytes, or crash the
process. Here the operating system ends a process that takes too long. `readmes` starts it.
"""

import contextlib
import sys

import nh3
from readme_renderer import markdown, rst
from readme_renderer.clean import ALLOWED_ATTRIBUTES, ALLOWED_TAGS

_SECONDS = 5  # of a processor, of which a large README takes one
_MEMORY = 1024 * 1024 * 1024
_LONGEST_HTML = 2_000_000  # characters

# A picture is shown as the text that stands for it: what loads from elsewhere tells who looks.
_ATTRIBUTES = {**ALLOWED_ATTRIBUTES, "img": {"alt"}}
# The document opens every link elsewhere, but not those that lead to a place in itself.
_TARGETS = {"a": {"target": {"_self"}}}


def render(kind: str) -> None:
    """Renders standard input as HTML to standard output, or exits with an error.

    kind: `rst`, `GFM` or `CommonMark`.
    """
    _limit_itself()
    source = sys.stdin.buffer.read().decode()
    html = rst.render(source) if kind == "rst" else markdown.render(source, kind)
    if html is None:
        sys.exit("It cannot be rendered.")
    clean = nh3.clean(
        html.replace('<a href="#', '<a target="_self" href="#'),
        tags=ALLOWED_TAGS,
        attributes=_ATTRIBUTES,
        tag_attribute_values=_TARGETS,
        set_tag_attribute_values={"input": {"disabled": ""}},
        link_rel="nofollow noopener noreferrer",
        url_schemes={"http", "https", "mailto"},
    )
    if len(clean) > _LONGEST_HTML:
        sys.exit("It is too long once rendered.")
    sys.stdout.buffer.write(clean.encode())


def _limit_itself() -> None:
    try:
        import resource
    except ImportError:  # on Windows, where the time that the caller waits is the only limit
        return
    for limit, value in (
        (resource.RLIMIT_CPU, _SECONDS),
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):  # one that is lower already stays
            resource.setrlimit(limit, (value, value))
