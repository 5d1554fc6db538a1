"""Lists for people: sorted by one of their columns, and shown page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

Row = TypeVar("Row", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequest:
    """What of a list is asked for.

    text: what the names that are wanted hold; empty for all of them.
    sort: the column that the list is sorted by; equal ones are sorted by name.
    page: 1 is the first.
    size: rows on each page.
    """

    text: str = ""
    sort: str = "name"
    descending: bool = False
    page: int = 1
    size: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage(Generic[Row]):
    """One page of a list: `number` is 1 for the first, `total` counts the rows of all pages."""

    rows: Sequence[Row]
    number: int
    size: int
    total: int

    @classmethod
    def of(cls, rows: Sequence[Row], request: ListRequest) -> Self:
        """The page that is asked for, of a list that is at hand with all its rows in order."""
        number = nearest_page(request, len(rows))
        start = (number - 1) * request.size
        shown = rows[start : start + request.size]
        return cls(rows=shown, number=number, size=request.size, total=len(rows))

    @property
    def first(self) -> int:
        """The place in the whole list of the first row here: 1 for the very first."""
        return (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @property
    def pages(self) -> int:
        return _pages(self.size, self.total)


def nearest_page(request: ListRequest, total: int) -> int:
    """The page that is asked for, or the last one where the list has become shorter."""
    return min(max(request.page, 1), _pages(request.size, total))


def _pages(size: int, total: int) -> int:
    return max(1, -(-total // size))
