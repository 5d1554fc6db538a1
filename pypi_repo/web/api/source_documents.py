"""The documents of the management API about upstreams, sources and rules."""

from datetime import date
from typing import Annotated, Literal, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pypi_repo.domain.filenames import FileKind
from pypi_repo.domain.records import ProjectStatus
from pypi_repo.domain.upstreams.explanation import Answer
from pypi_repo.domain.upstreams.upstream import DEFAULT_FRESH_FOR, CooldownMode
from pypi_repo.domain.upstreams.verdicts import WithheldCode
from pypi_repo.domain.values.durations import LONGEST
from pypi_repo.web.api.documents import Bytes, Document, Instant, Text

Address = Annotated[str, Meta(min_length=1, max_length=2000)]
Secret = Annotated[str, Meta(min_length=1, max_length=5000)]
Seconds = Annotated[int, Meta(ge=0, le=LONGEST)]
Names = Annotated[tuple[Text, ...], Meta(max_length=1000)]


class _ShownSettings(Document, frozen=True, kw_only=True):
    url: Address
    username: Text | None = None
    secret_variable: Text | None = None
    fresh_for: Seconds = DEFAULT_FRESH_FOR
    stale_for: Seconds | None = None
    cache_size: Bytes | None = None
    allow_http: bool = False
    allow_private_network: bool = False
    ca_file: Text | None = None
    offline: bool = False
    cooldown: Text | None = None
    cooldown_mode: CooldownMode = "off"
    first_seen: bool = False


class UpstreamSettings(_ShownSettings, frozen=True, kw_only=True):
    """Durations are in seconds; `stale_for` is null for ever, and `cache_size` for no limit.

    If the upstream is asked at another place or in another way and `file_hosts` is left out, a page
    of it is read. Files may come from the hosts that it names if none are known, and those that are
    known stay.

    `secret` is the password of `username`, or without one a bearer token, and no answer contains
    it. Without `secret` an old one is kept; null removes it. Only the operator changes
    `allow_private_network` and `ca_file`, and of an upstream in a private network `url` and
    `file_hosts`, from the command line.
    """

    file_hosts: Names | UnsetType = UNSET
    secret: Secret | UnsetType | None = UNSET


UpstreamChanges = msgspec.defstruct(
    "UpstreamChanges",
    [
        (field.name, Union[field.type, UnsetType], UNSET)  # noqa: UP007 - the type is no name
        for field in msgspec.structs.fields(UpstreamSettings)
    ],
    bases=(Document,),
    namespace={"__doc__": "Settings to change. Those that are left out stay as they are."},
    frozen=True,
    kw_only=True,
)


class Upstream(_ShownSettings, frozen=True, kw_only=True):
    """An index elsewhere. `credentials` says what is sent to it, without any secret."""

    file_hosts: Names
    name: str
    credentials: str
    created_at: Instant


class SavedUpstream(Upstream, frozen=True, kw_only=True):
    """An upstream as it is now. `warnings` say what is probably a mistake."""

    warnings: list[str]


class UpstreamUsage(Document, frozen=True, kw_only=True):
    """How an upstream answers, and how it was used in the last 30 days. Sizes are in bytes.

    `repositories` have it among their sources. `hits` are the downloads for which nothing had to be
    fetched, `misses` the others; `fetched` is the size of what came from the upstream.
    """

    repositories: tuple[str, ...]
    answered_at: Instant | None
    failing_since: Instant | None
    failure: str
    cached_files: int
    cached_size: int
    hits: int
    misses: int
    fetched: int


class UpstreamCheck(Document, frozen=True, kw_only=True):
    """What an upstream says of one project.

    `file_hosts` are the hosts of its files besides its own.
    """

    project: str
    speaks: str
    files: int
    has_digests: bool
    has_upload_times: bool
    has_core_metadata: bool
    file_hosts: tuple[str, ...]


class SourcesSettings(Document, frozen=True, kw_only=True):
    """The sources as `upstream:NAME` or `repository:NAME`, in order, and patterns for names.

    No source supplies names that are `reserved`. The repository and all its sources supply those
    that are `merged` together.
    """

    sources: Names = ()
    reserved: Names = ()
    merged: Names = ()


class Sources(SourcesSettings, frozen=True, kw_only=True):
    """The sources of a repository. No source supplies names of deleted projects, in `kept`."""

    kept: tuple[str, ...]


class SavedSources(Sources, frozen=True, kw_only=True):
    """The sources as they are now. `warnings` say what is gone, and what is probably a mistake."""

    warnings: list[str]


class KeptName(Document, frozen=True, kw_only=True):
    """The name of a deleted project, which no source supplies."""

    name: str


class RuleSettings(Document, frozen=True, kw_only=True):
    """`target` is a name or a pattern, with or without versions, such as `requests<2.32`.

    The rule is only about files of this `kind`, yanked ones, and projects with this `status`, if
    these are given. `until` is null for ever.
    """

    action: Literal["allow", "deny"]
    target: Text
    kind: FileKind | None = None
    yanked: bool = False
    status: ProjectStatus | None = None
    reason: Text = ""
    until: Instant | None = None


class Rule(RuleSettings, frozen=True, kw_only=True):
    """A rule. The first that is about a file decides."""

    id: int
    author: str
    created_at: Instant


class ListedRule(Rule, frozen=True, kw_only=True):
    """A rule among the others.

    `covered_by` is an earlier rule that is about all of its files, so that this one decides
    nothing; null if there is none.
    """

    covered_by: int | None


class SavedRule(Rule, frozen=True, kw_only=True):
    """A rule that was added. `warnings` say what is probably a mistake."""

    warnings: list[str]


class ExceptionSettings(Document, frozen=True, kw_only=True):
    """`target` is a name or a pattern, with or without versions, such as `requests==2.33.1`."""

    target: Text
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    until: Instant


class CooldownException(ExceptionSettings, frozen=True, kw_only=True):
    """An exception from the cooldown."""

    id: int
    author: str
    created_at: Instant


class WithheldFile(Document, frozen=True, kw_only=True):
    """A file that is not offered, since when and until when, and why."""

    filename: str
    version: str
    code: WithheldCode
    rule_id: int | None
    since: Instant | None
    free_at: Instant | None
    reason: str


class AskedSource(Document, frozen=True, kw_only=True):
    """What one source says of a project. `stale_for` is in seconds."""

    source: str
    answer: Answer
    told: str
    has_project: bool | None
    checked_at: Instant | None
    stale_for: int | None


class Explanation(Document, frozen=True, kw_only=True):
    """From where a project comes, and which of its files are left out.

    `supplier` is `own-files`, `upstream:NAME` or `repository:NAME`, several of them for a merged
    name, or empty if there is none. Projects of the same name in the sources that are `shadowed`
    are hidden.
    """

    repository: str
    project: str
    supplier: str
    why: str
    is_merged: bool
    shadowed: tuple[str, ...]
    asked: tuple[AskedSource, ...]
    withheld: tuple[WithheldFile, ...]


class ShadowedName(Document, frozen=True, kw_only=True):
    """A project `by` whose name that of a later source is hidden: `own-files`, or a source."""

    project: str
    source: str
    by: str


class UncomparedName(Document, frozen=True, kw_only=True):
    """A project of which it is not known whether it hides one of a source."""

    project: str


class AuditEntry(Document, frozen=True, kw_only=True):
    """A release that was downloaded, and would have been left out by a cooldown.

    `last_day` is the last such day in UTC. The release `is_whole` if all of its files would have
    been left out then.
    """

    project: str
    version: str
    source: str
    downloads: int
    last_day: date
    is_whole: bool
    withheld: tuple[WithheldFile, ...]


class Audit(Document, frozen=True, kw_only=True):
    """What a cooldown would have left out, with the most downloads first."""

    entries: tuple[AuditEntry, ...]
