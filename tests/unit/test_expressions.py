"""No regular expression goes over its text again and again, whatever the text is. U113."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest

import pypi_repo
from tests.support.growth import assert_linear

_SIZE = 50_000
_PIECES = [
    *("a", "A", "1", "0", "_", "-", ".", ",", ":", ";", "=", "/", "\\", "@", "%", "*", "+", "!"),
    *(" ", "\t", "\n", "\r", '"', "'", "(", "[", "{", "<", ">", "&", "#", "|", "~", "`", "é", "\0"),
    *(
        "a.",
        "a-",
        "a/",
        "a:",
        "a@",
        "a=",
        "a ",
        " a",
        "1.",
        "\r\n",
        "> ",
        "- ",
        "()",
        "ppr_",
        "/a:",
    ),
    *("; a=b", ";a", "; variant =", "user:"),
]
_ENDS = ["", "!", "\n", "a", "@"]


def _expressions() -> Iterator[tuple[str, re.Pattern[Any], str]]:
    """Each that a module of ours has, with each of its methods that the module calls."""
    for found in pkgutil.walk_packages(pypi_repo.__path__, "pypi_repo."):
        if found.name == "pypi_repo.__main__" or ".migrations" in found.name:
            continue
        if found.name == "pypi_repo.wsgi":  # it configures a whole process
            continue
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                source = inspect.getsource(module)
                for method in sorted(set(re.findall(rf"\b{name}\.(\w+)\(", source))):
                    yield f"{found.name}.{name}.{method}", value, method


EXPRESSIONS = {name: (expression, method) for name, expression, method in _expressions()}


def test_expressions_are_found() -> None:
    assert "pypi_repo.domain.names._PROJECT_NAME.match" in EXPRESSIONS
    assert len(EXPRESSIONS) >= 20


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_take_linear_time(name: str) -> None:
    expression, method = EXPRESSIONS[name]

    def work(text: str) -> None:
        given: Any = text.encode() if isinstance(expression.pattern, bytes) else text
        if method in ("sub", "subn"):
            getattr(expression, method)(expression.pattern[:0], given)
        else:
            found = getattr(expression, method)(given)
            if method == "finditer":
                list(found)

    for piece, end in itertools.product(_PIECES, _ENDS):
        for start in ("", "a", "/", "text/plain"):
            text = start + piece * (_SIZE // len(piece)) + end
            assert_linear(work, lambda size, text=text: text[-size:], len(text))  # type: ignore[misc]
