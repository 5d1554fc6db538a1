"""CI jobs that have proved who they are, as files and the journal name them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Literal, Self, get_args

PublisherKind = Literal["github", "gitlab", "google", "buildkite", "circleci", "oidc"]
"""The provider of a CI job; `oidc` is any other issuer of OpenID Connect tokens."""

PUBLISHER_KINDS: tuple[PublisherKind, ...] = get_args(PublisherKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class CIJob:
    """A CI job, as a token of its issuer or the certificate of an attestation describes it.

    kind: the provider.
    issuer: the URL of who has vouched for it.
    subject: how the issuer names it: the claim `sub`.
    repository: the URL of the source repository; empty if it is not known.
    workflow: the URL of the file that describes the job, without a ref; empty if it is not known.
    ref: the branch or tag, such as `refs/tags/v1.0`; empty if it is not known.
    run_url: the page about this run of the job; empty if it is not known.
    owner_id: the number of who owns the source repository, which is never given to somebody else;
        empty if it is not known.
    email: the address of the service account, as Google names its workloads; empty for others.
    """

    kind: PublisherKind
    issuer: str
    subject: str
    repository: str = ""
    workflow: str = ""
    ref: str = ""
    run_url: str = ""
    owner_id: str = ""
    email: str = ""

    def as_texts(self) -> dict[str, str]:
        """Returns what is known, by the names of the fields."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def of_texts(cls, texts: Mapping[str, str]) -> Self:
        """Returns what `as_texts` has described, also that of a newer version with more fields."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: text for name, text in texts.items() if name in known})  # type: ignore[arg-type]
