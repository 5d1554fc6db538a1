"""Finds the row of a table that answers a path, for apps with many URLs."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

Row = TypeVar("Row")


class Routes(Generic[Row]):
    """The rows of a table, by the paths that they answer.

    rows: the rows by paths in Werkzeug's notation, with variables in angle brackets.
    nothing: the error message for other paths.
    """

    def __init__(self, rows: Mapping[str, Row], nothing: str) -> None:
        self._rows = rows
        self._urls = Map([Rule(path, endpoint=path) for path in rows], merge_slashes=False)
        self._nothing = nothing

    def find(self, path: str) -> tuple[Row, dict[str, Any]]:
        """Returns the row for a path, and the values of the path's variables.

        The method does not matter, because a 405 needs the row, too.

        Raises NotFound.
        """
        try:
            found, names = self._urls.bind("").match(path)
        except NotFound:
            raise NotFound(self._nothing) from None
        return self._rows[found], dict(names)
