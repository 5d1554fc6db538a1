"""Names: of projects, repositories and accounts."""

import re

from packaging.utils import NormalizedName, canonicalize_name

from pypi_repo.domain.errors import InvalidName

__all__ = [
    "NormalizedName",
    "account_name",
    "is_normalized",
    "normalize",
    "project_name",
    "repository_name",
]

# https://packaging.python.org/en/latest/specifications/name-normalization/ ; \Z, because `$`
# would let a trailing newline pass.
_PROJECT_NAME = re.compile(r"([A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])\Z", re.ASCII | re.IGNORECASE)
_REPOSITORY_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\Z", re.ASCII)

_LONGEST_PROJECT_NAME = 200
_LONGEST_REPOSITORY_NAME = 64
_LONGEST_ACCOUNT_NAME = 150

TOKEN_USERNAME = "__token__"  # noqa: S105 - the conventional user name, no secret
_RESERVED = frozenset({TOKEN_USERNAME, ".", ".."})


def project_name(text: str) -> str:
    """`text`, if it is a valid project name; raises InvalidName."""
    if len(text) > _LONGEST_PROJECT_NAME or _PROJECT_NAME.match(text) is None:
        raise InvalidName(
            f"{text[:80]!r} is not a valid project name: use ASCII letters, digits, '.', '_' and "
            "'-', and begin and end with a letter or digit."
        )
    return text


def normalize(name: str) -> NormalizedName:
    """The one spelling under which a project is looked up (`Foo._Bar` -> `foo-bar`)."""
    return canonicalize_name(name)


def is_normalized(text: str) -> bool:
    return canonicalize_name(text) == text and _PROJECT_NAME.match(text) is not None


def repository_name(text: str) -> str:
    """`text`, if it can name a repository; raises InvalidName.

    It becomes one segment of every URL, so only lower-case ASCII is allowed.
    """
    if len(text) > _LONGEST_REPOSITORY_NAME or _REPOSITORY_NAME.match(text) is None:
        raise InvalidName(
            f"{text[:80]!r} is not a valid repository name: use lower-case letters, digits, '.', "
            "'_' and '-', begin and end with a letter or digit, 64 characters at most."
        )
    return text


def account_name(text: str) -> str:
    """The stored spelling of an account name, in lower case; raises InvalidName.

    ':' would end the name in a Basic authorization header (RFC 7617), and a segment of a URL that
    is '.' or '..' leads elsewhere (RFC 3986).
    """
    name = text.lower()
    acceptable = name.isprintable() and not set(name) & set(" :/") and name not in _RESERVED
    if not 0 < len(name) <= _LONGEST_ACCOUNT_NAME or not acceptable:
        raise InvalidName(
            f"{text[:80]!r} is not a valid account name: use an e-mail address or a word without "
            "spaces, ':' and '/', 150 characters at most."
        )
    return name
