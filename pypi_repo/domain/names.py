"""The names of projects, repositories and accounts."""

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
    """Returns the text if it is a valid project name, and raises InvalidName otherwise."""
    if len(text) > _LONGEST_PROJECT_NAME or _PROJECT_NAME.match(text) is None:
        raise InvalidName(
            f"{text[:80]!r} is not a valid project name: use ASCII letters, digits, '.', '_' and "
            "'-', and begin and end with a letter or digit."
        )
    return text


def normalize(name: str) -> NormalizedName:
    """Returns the normal form of a project name (PEP 503): `Foo._Bar` becomes `foo-bar`."""
    return canonicalize_name(name)


def is_normalized(text: str) -> bool:
    """Returns whether a text is a project name in its normal form."""
    return canonicalize_name(text) == text and _PROJECT_NAME.match(text) is not None


def repository_name(text: str, noun: str = "repository") -> str:
    """Returns the text if it is a valid repository name, and raises InvalidName otherwise.

    The name is a segment of all URLs of the repository, so only lower-case ASCII is allowed.

    noun: what has the name, for the message.
    """
    if not is_repository_name(text):
        raise InvalidName(
            f"{text[:80]!r} is not a valid {noun} name: use lower-case letters, digits, '.', "
            "'_' and '-', begin and end with a letter or digit, 64 characters at most."
        )
    return text


def is_repository_name(text: str) -> bool:
    """Returns whether a repository may have this name."""
    return len(text) <= _LONGEST_REPOSITORY_NAME and _REPOSITORY_NAME.match(text) is not None


def account_name(text: str) -> str:
    """Returns an account name in the form in which it is stored, in lower case.

    Raises InvalidName if the name is not valid. It must not contain ':', which ends the name in a
    Basic authorization header (RFC 7617), and must not be '.' or '..', which lead to another URL
    (RFC 3986).
    """
    name = text.lower()
    acceptable = name.isprintable() and not set(name) & set(" :/") and name not in _RESERVED
    if not 0 < len(name) <= _LONGEST_ACCOUNT_NAME or not acceptable:
        raise InvalidName(
            f"{text[:80]!r} is not a valid account name: use an e-mail address or a word without "
            "spaces, ':' and '/', 150 characters at most."
        )
    return name
