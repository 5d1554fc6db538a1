"""Lists that are sorted by a column and shown page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

Row = TypeVar("Row", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequest:
    """Which part of a list to return.

    text: a text that the names must contain; empty for all.
    sort: the column by which the list is sorted. Equal rows are sorted by name.
    descending: whether the order is reversed.
    page: the number of the page; the first is 1.
    size: the number of rows on each page.
    """

    text: str = ""
    sort: str = "name"
    descending: bool = False
    page: int = 1
    size: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage(Generic[Row]):
    """One page of a list.

    number: the number of the page; the first is 1.
    size: the number of rows on a full page.
    total: the number of rows on all pages.
    """

    rows: Sequence[Row]
    number: int
    size: int
    total: int

    @classmethod
    def of(cls, rows: Sequence[Row], request: ListRequest) -> Self:
        """Returns the requested page of a list whose rows are all in memory, in their order."""
        number = nearest_page(request, len(rows))
        start = (number - 1) * request.size
        shown = rows[start : start + request.size]
        return cls(rows=shown, number=number, size=request.size, total=len(rows))

    @property
    def first(self) -> int:
        """The position of the first row of this page in the whole list; the first position is 1."""
        return (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        """The position of the last row of this page in the whole list."""
        return self.first + len(self.rows) - 1

    @property
    def pages(self) -> int:
        """The number of pages."""
        return _pages(self.size, self.total)


def nearest_page(request: ListRequest, total: int) -> int:
    """Returns the number of the requested page, or of the last page if the list is shorter."""
    return min(max(request.page, 1), _pages(request.size, total))


def _pages(size: int, total: int) -> int:
    return max(1, -(-total // size))
