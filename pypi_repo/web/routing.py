"""Which row of an app's table answers a path, in the apps that have many of them."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

Row = TypeVar("Row")


class Routes(Generic[Row]):
    """The rows of a table, by the paths that they answer.

    rows: by paths as Werkzeug writes them, with variables in angle brackets.
    nothing: what whoever asks for another path is told.
    """

    def __init__(self, rows: Mapping[str, Row], nothing: str) -> None:
        self._rows = rows
        self._urls = Map([Rule(path, endpoint=path) for path in rows], merge_slashes=False)
        self._nothing = nothing

    def find(self, path: str) -> tuple[Row, dict[str, Any]]:
        """The row, and the values of the path's variables; whatever the method, for 405 needs both.

        Raises NotFound.
        """
        try:
            found, names = self._urls.bind("").match(path)
        except NotFound:
            raise NotFound(self._nothing) from None
        return self._rows[found], dict(names)
