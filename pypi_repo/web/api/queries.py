"""The query parameters of the management API."""

from typing import Annotated

import msgspec
from msgspec import Meta

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a URL. Others are refused, because they are probably mistyped."""


class PageQuery(Query, frozen=True, kw_only=True):
    """The parameters of a list."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: str = ""


class SearchQuery(PageQuery, frozen=True, kw_only=True):
    """The parameters of a search. `q` is a part of the name of a project."""

    q: Annotated[str, Meta(max_length=100)] = ""


class RightsQuery(Query, frozen=True, kw_only=True):
    """The parameters of an explanation of rights: a project, or none for the whole repository."""

    project: str | None = None


class DaysQuery(Query, frozen=True, kw_only=True):
    """The parameters of statistics by day."""

    days: Annotated[int, Meta(ge=1, le=366)] = 30


class AuditQuery(Query, frozen=True, kw_only=True):
    """The parameters of an audit. `cooldown` is one to try, in place of what is configured."""

    days: Annotated[int, Meta(ge=1, le=366)] = 7
    cooldown: str | None = None


class JournalQuery(PageQuery, frozen=True, kw_only=True):
    """The parameters of the journal, from `since` on and before `until`."""

    actor: str | None = None
    action: str | None = None
    repository: str | None = None
    project: str | None = None
    version: str | None = None
    filename: str | None = None
    since: Moment | None = None
    until: Moment | None = None
