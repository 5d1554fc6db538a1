"""Formats tracebacks so that the texts of exceptions cannot forge lines."""

import traceback
from collections.abc import Iterator

from pypi_repo.domain.text import printable

_CAUSED = "The above exception was the direct cause of the following exception:"
_MEANWHILE = "During handling of the above exception, another exception occurred:"
_DEEPEST = 5  # groups within groups


def traceback_lines(error: BaseException, depth: int = 0) -> Iterator[str]:
    """Yields a traceback as Python prints it, with the text of each exception in one line."""
    for before, link in reversed(_before(error)):
        yield from _one(before, depth)
        yield from ("", link, "")
    yield from _one(error, depth)


def _before(error: BaseException) -> list[tuple[BaseException, str]]:
    """Returns the exceptions that led to this one, the latest first.

    Each has the sentence that follows it in a traceback.
    """
    found: list[tuple[BaseException, str]] = []
    seen = {id(error)}
    while True:
        if error.__cause__ is not None:
            before, link = error.__cause__, _CAUSED
        elif error.__context__ is not None and not error.__suppress_context__:
            before, link = error.__context__, _MEANWHILE
        else:
            return found
        if id(before) in seen:
            return found
        seen.add(id(before))
        found.append((before, link))
        error = before


def _one(error: BaseException, depth: int) -> Iterator[str]:
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):"
        for entry in traceback.format_tb(error.__traceback__):
            yield from entry.rstrip("\n").split("\n")
    kind, text = type(error), _text(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    yield printable(f"{module}{kind.__qualname__}" + (f": {text}" if text else ""))
    for note in getattr(error, "__notes__", ()):
        yield printable(str(note))
    if isinstance(error, BaseExceptionGroup) and depth < _DEEPEST:
        for number, inner in enumerate(error.exceptions, 1):
            yield f"  ---------------- {number} ----------------"
            yield from (f"  {line}" for line in traceback_lines(inner, depth + 1))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever a foreign class does here
        return "(its text cannot be had)"
