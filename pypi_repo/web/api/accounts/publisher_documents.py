"""The documents of the management API about publishers."""

from typing import Annotated, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pypi_repo.domain.identity.ci_job import PublisherKind
from pypi_repo.domain.identity.publisher import DEFAULT_MINUTES, May
from pypi_repo.web.api.documents import Document, Instant, Patterns, Text

_Url = Annotated[str, Meta(min_length=1, max_length=2000)]


class PublisherSettings(Document, frozen=True, kw_only=True):
    """`claims` leads from a claim to the pattern of its value, in which `*` is any characters.

    All of them must match, and one that tells the jobs from those of strangers has no `*`.
    `issuer` is the usual one of the provider if it is null; for `circleci` and `oidc` there is
    none. `projects` are names, or patterns such as `acme-*`, of projects that need not exist yet;
    empty for all. Only the operator changes `allow_private_network` and `ca_file`, and `issuer` of
    a publisher whose issuer may be in a private network, from the command line. How an issuer is
    reached (these two and `allow_http`) is the same for all of its publishers, and changes for all.
    """

    kind: PublisherKind
    claims: dict[Text, Text]
    repository: Text
    issuer: _Url | None = None
    projects: Patterns = ()
    may: May = "upload"
    minutes: int = DEFAULT_MINUTES
    allow_http: bool = False
    allow_private_network: bool = False
    ca_file: Text | None = None


PublisherChanges = msgspec.defstruct(
    "PublisherChanges",
    [
        (field.name, Union[field.type, UnsetType], UNSET)  # noqa: UP007 - the type is no name
        for field in msgspec.structs.fields(PublisherSettings)
    ],
    bases=(Document,),
    namespace={
        "__doc__": "Settings to change. Those that are left out stay as they are, except that "
        "another kind has its usual issuer."
    },
    frozen=True,
    kw_only=True,
)


class ComparedClaim(Document, frozen=True, kw_only=True):
    """What a job must say, and the values that it has said; none if the claim was not there."""

    claim: str
    wanted: str
    received: tuple[str, ...]
    is_met: bool


class LastJob(Document, frozen=True, kw_only=True):
    """The last job of the issuer that could have been meant, compared with the claims of now.

    `others` are the claims for which the publisher has no condition.
    """

    at: Instant
    compared: tuple[ComparedClaim, ...]
    others: dict[str, str]


class Publisher(PublisherSettings, frozen=True, kw_only=True):
    """CI jobs that may upload or read without a password.

    `refusal` says why the last job did not get in; it is null if it did.
    """

    name: str
    issuer: str
    created_at: Instant
    created_by: str
    last_used_at: Instant | None
    refusal: str | None
    last_job: LastJob | None


class SavedPublisher(Publisher, frozen=True, kw_only=True):
    """A publisher as it is now. `warnings` say what is probably a mistake."""

    warnings: list[str]


class PublisherCheck(Document, frozen=True, kw_only=True):
    """What the issuer of a publisher says of itself; `keys` is the number of its keys."""

    issuer: str
    jwks_uri: str
    keys: int
