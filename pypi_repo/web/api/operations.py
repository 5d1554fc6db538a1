"""The operations of the management API, which are served and described from one table."""

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.services.acting import Acting
from pypi_repo.web.api.documents import Page
from pypi_repo.web.api.queries import PageQuery, Query

Record = TypeVar("Record")
Item = TypeVar("Item")

NUMBERS = ("token", "rule", "exception", "entry", "delivery")
"""The parameters of paths that are numbers."""

_LONGEST_NUMBER = 18  # digits


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an operation.

    body: the decoded document, if the operation takes one.
    query: the decoded parameters of the URL, if it takes some.
    """

    acting: Acting
    body: Any = None
    query: Any = None


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """What an operation answers.

    location: the URL of what was created, relative to the root of the API.
    warnings: what is probably wrong with what was sent, besides the document; None if nothing is
        looked at.
    after_commit: returns what is answered instead, once the change is committed; None if this is.
    """

    document: msgspec.Struct | None = None
    status: int = 200
    location: str | None = None
    warnings: list[str] | None = None
    after_commit: Callable[[], "ApiResponse"] | None = None


Handler = Callable[..., ApiResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An entry of the table.

    path: the path with its parameters in braces, relative to the root of the API.
    area: what the administrator must manage; empty for any administrator.
    body: the type of the document in the request, if any.
    query: the type of the parameters, if any.
    answers: the types of the documents in the answers, by status; None for an answer without one.
    refusals: the statuses of problems that only this operation has.
    """

    method: str
    path: str
    summary: str
    area: str
    handle: Handler
    body: type[msgspec.Struct] | None = None
    query: type[Query] | None = None
    answers: dict[int, Any] = field(default_factory=dict)
    refusals: tuple[int, ...] = ()


class Table:
    """The operations of one resource, in the order in which they are described."""

    def __init__(self, title: str, area: str) -> None:
        self.title = title
        self.operations: list[Operation] = []
        self._area = area

    def operation(
        self, method: str, path: str, answers: dict[int, Any], **more: Any
    ) -> Callable[[Handler], Handler]:
        """Adds the decorated function. The first line of its docstring is the summary."""

        def added(handle: Handler) -> Handler:
            summary = (handle.__doc__ or "").partition("\n")[0].rstrip(".")
            self.operations.append(
                Operation(
                    method=method,
                    path=path,
                    summary=summary,
                    area=more.pop("area", self._area),
                    handle=handle,
                    answers=answers,
                    **more,
                )
            )
            return handle

        return added


def page_of(
    records: Iterable[Record],
    query: PageQuery,
    key: Callable[[Record], str],
    shown: Callable[[Record], Item],
) -> Page[Item]:
    """Returns a part of a list that is short enough to be sorted in memory."""
    after = cursor_key(query.cursor)
    ordered = sorted(records, key=key)
    rest = [record for record in ordered if key(record) > after] if query.cursor else ordered
    return cut(rest[: query.limit + 1], query.limit, key, shown)


def cut(
    found: list[Record],
    limit: int,
    key: Callable[[Record], str],
    shown: Callable[[Record], Item],
) -> Page[Item]:
    """Returns at most `limit` records as a part of a list.

    found: up to one record more than the limit, which shows that there are others.
    """
    page = found[:limit]
    following = cursor(key(page[-1])) if len(found) > limit else None
    return Page(items=[shown(record) for record in page], next=following)


def cursor(key: str) -> str:
    """Returns the cursor for what follows a key."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def cursor_key(text: str) -> str:
    """Returns the key of a cursor.

    Raises InvalidSetting for a cursor that no answer contained.
    """
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        raise InvalidSetting("The cursor is not from here; begin again without one.") from None


def cursor_number(text: str, longest: int = _LONGEST_NUMBER) -> int | None:
    """Returns the number that is the key of a cursor, or None for an empty text.

    longest: how many digits the number may have.

    Raises InvalidSetting.
    """
    if not text:
        return None
    key = cursor_key(text)
    if not key.isascii() or not key.isdecimal() or len(key) > longest:
        raise InvalidSetting("The cursor is not from here; begin again without one.")
    return int(key)
