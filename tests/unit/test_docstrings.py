"""Everything public says what it does, as readers and tools of documentation expect."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, get_type_hints

from werkzeug.wrappers import Response

import pypi_repo
from pypi_repo.web.pages.page import HtmlPage

_STARTING = {"pypi_repo.__main__", "pypi_repo.wsgi"}  # their import opens a registry
_ARGUMENT = re.compile(r"\w+: ")


def _modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(pypi_repo.__path__, "pypi_repo."):
        if found.name not in _STARTING:
            yield importlib.import_module(found.name)


def _definitions(module: Any) -> Iterator[tuple[str, Any, type | None]]:
    """The public classes, functions, methods and properties that a module defines.

    With each comes its class, for methods and properties.
    """
    for name, found in vars(module).items():
        if name.startswith("_") or getattr(found, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(found):
            yield name, found, None
            for inner, member in vars(found).items():
                if not inner.startswith("_") and _is_written(member, module):
                    yield f"{name}.{inner}", member, found
        elif inspect.isfunction(found):
            yield name, found, None


def _is_written(member: Any, module: Any) -> bool:
    """Whether it is a method or a property, and not made by a decorator of the class."""
    function = getattr(member, "fget", None) or getattr(member, "func", None) or member
    function = getattr(function, "__func__", function)
    return inspect.isfunction(function) and function.__module__ == module.__name__


def _is_explained(definition: Any, owner: type | None) -> bool:
    if owner is None:
        return _has_docstring(definition) or _shows_a_page(definition)
    name = definition.attrname if hasattr(definition, "attrname") else None
    name = name or getattr(definition, "fget", definition).__name__
    bases = [vars(base)[name] for base in owner.__mro__ if name in vars(base)]
    return any(_has_docstring(each) for each in bases) or _is_field(definition, owner)


def _has_docstring(definition: Any) -> bool:
    text = definition.__doc__ or ""
    is_signature = inspect.isclass(definition) and text.startswith(f"{definition.__name__}(")
    return bool(text) and not is_signature  # which is what dataclasses write


def _shows_a_page(definition: Any) -> bool:
    """Whether it is the view of a page, of which the route of the page says what it shows."""
    hints = [*get_type_hints(definition).values()] if inspect.isfunction(definition) else []
    is_page = bool(hints) and isinstance(hints[0], type) and issubclass(hints[0], HtmlPage)
    return is_page and hints[-1] is Response


def _is_field(definition: Any, owner: type) -> bool:
    """Whether it is a property of a protocol, which its class describes as one of its fields."""
    is_protocol = getattr(owner, "_is_protocol", False)
    return is_protocol and isinstance(definition, property)


def test_everything_public_has_a_docstring() -> None:
    missing = {
        f"{module.__name__}: {name}"
        for module in _modules()
        for name, definition, owner in _definitions(module)
        if not _is_explained(definition, owner)
    }
    assert missing == set()
    assert [module.__name__ for module in _modules() if not module.__doc__] == []


def test_docstrings_begin_with_a_sentence() -> None:
    """And not with a part of one, or the first of the arguments."""
    wrong = {
        f"{module.__name__}: {name}"
        for module in _modules()
        for name, definition, _owner in _definitions(module)
        if (text := inspect.cleandoc(definition.__doc__ or ""))
        if _has_docstring(definition) and not _begins_with_a_sentence(text)
    }
    assert wrong == set()


def _begins_with_a_sentence(text: str) -> bool:
    first = text.partition("\n\n")[0]
    begins = first[0].isupper() or first[0] == "`"
    return begins and not _ARGUMENT.match(first) and first.endswith((".", "?", ":"))
