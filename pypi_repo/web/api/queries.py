"""What the query of a URL of the management API may ask."""

from typing import Annotated

import msgspec
from msgspec import Meta

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a URL; others are refused, because they are mistyped ones."""


class PageQuery(Query, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: str = ""


class SearchQuery(PageQuery, frozen=True, kw_only=True):
    """`q` is a part of the project's name."""

    q: Annotated[str, Meta(max_length=100)] = ""


class DaysQuery(Query, frozen=True, kw_only=True):
    days: Annotated[int, Meta(ge=1, le=366)] = 30


class JournalQuery(PageQuery, frozen=True, kw_only=True):
    """`since` and `until` are the first moment that is wanted, and the first that is not."""

    actor: str | None = None
    action: str | None = None
    repository: str | None = None
    project: str | None = None
    version: str | None = None
    filename: str | None = None
    since: Moment | None = None
    until: Moment | None = None
