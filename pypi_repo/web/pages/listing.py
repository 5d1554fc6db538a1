"""Lists on pages: what of one is asked for, and the links to the rest of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pypi_repo.domain.lists import ListPage, ListRequest
from pypi_repo.web.pages.page import HtmlPage

_LONGEST_SEARCH = 100  # characters


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as a URL asks for it: `?q=TEXT&sort=COLUMN&page=2`, and `sort=-COLUMN` backwards.

    path: of the page with the list, below the app's root.
    columns: by which it can be sorted; what else is asked for means the first of them.
    """

    page: HtmlPage
    path: Sequence[str]
    columns: Sequence[str]

    @property
    def text(self) -> str:
        """The text that is searched for; empty if all rows are to be listed."""
        return self.page.asked("q")[:_LONGEST_SEARCH]

    @property
    def request(self) -> ListRequest:
        """What is asked of the list.

        A column or the number of a page that is wrong means the first one.
        """
        asked = self.page.asked("sort")
        column = asked.removeprefix("-")
        number = self.page.asked("page")
        is_number = number.isascii() and number.isdecimal() and len(number) < 8
        return ListRequest(
            text=self.text,
            sort=column if column in self.columns else self.columns[0],
            descending=asked.startswith("-") and column in self.columns,
            page=int(number) if is_number else 1,
        )

    @property
    def sort(self) -> str:
        """The column in the spelling of URLs; empty for the order of the list by itself."""
        request = self.request
        if request.sort == self.columns[0] and not request.descending:
            return ""
        return f"-{request.sort}" if request.descending else request.sort

    def direction(self, column: str) -> str:
        """Returns the value of `aria-sort` for a column; empty if another one sorts the list."""
        if self.request.sort != column:
            return ""
        return "descending" if self.request.descending else "ascending"

    def sorted_by(self, column: str, largest_first: bool = False) -> str:
        """Returns the link that sorts by a column, or the other way round if that one does.

        largest_first: how people want to see numbers and times at first.
        """
        direction = self.direction(column)
        backwards = direction == "ascending" if direction else largest_first
        wanted = f"-{column}" if backwards else column
        return self.page.link(*self.path, q=self.text, sort=wanted)

    def turned_to(self, number: int) -> str:
        """Returns the link to another page of the list."""
        page = number if number > 1 else None
        return self.page.link(*self.path, q=self.text, sort=self.sort, page=page)

    def neighbours(self, shown: ListPage[object]) -> tuple[str, str]:
        """Returns the links to the pages before and after this one; empty for none."""
        return (
            self.turned_to(shown.number - 1) if shown.number > 1 else "",
            self.turned_to(shown.number + 1) if shown.number < shown.pages else "",
        )
