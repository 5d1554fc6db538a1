"""Makes tokens of repository users."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.accounts.accounts import TOKEN_PREFIX, Account, Token, shown_of, token_digest
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.patterns import name_patterns
from pypi_repo.domain.records import Repository
from pypi_repo.domain.text import require_line
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.database.executor import Executor

_LONGEST_LIFE = timedelta(days=36_500)


def add_token(
    transaction: Executor,
    holder: Account,
    *,
    name: str,
    repository: Repository | None,
    projects: Iterable[str],
    read_only: bool,
    expires_in: timedelta | None,
) -> tuple[Token, str]:
    """Adds a token of a user.

    name: a name that tells people what the token is for; by default, the date.
    repository: the only repository that the token can reach; None for all.
    projects: patterns for the names of the projects that the token can reach; empty for all.
    read_only: whether the token can only be used for reading.
    expires_in: how long the token is valid; None for ever.

    Returns the token and its secret, of which only a digest is stored.

    Raises InvalidSetting.
    """
    if expires_in is not None and not timedelta() < expires_in < _LONGEST_LIFE:
        raise InvalidSetting("A token must expire in the future, within a hundred years.")
    require_line(name)
    patterns = name_patterns(projects)
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    users = Users(transaction)
    token_id = users.add_token(
        holder.id,
        repository_id=repository and repository.id,
        projects=" ".join(patterns) or None,
        name=name or f"token of {now:%Y-%m-%d}",
        prefix=shown_of(secret),
        secret_sha256=token_digest(secret),
        read_only=read_only,
        created_at=now,
        expires_at=now + expires_in if expires_in else None,
    )
    token = users.token(token_id)
    assert token is not None  # noqa: S101 - it was added in this very transaction
    return token, secret
