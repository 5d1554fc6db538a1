"""What passwords must be like, and what a token passes on."""

from datetime import UTC, datetime, timedelta

import pytest

from pypi_repo.domain.accounts.accounts import Account, Token, check_password
from pypi_repo.domain.accounts.errors import InvalidPassword
from pypi_repo.domain.accounts.grants import Access, Grants

NOW = datetime(2026, 11, 5, tzinfo=UTC)


def _token(
    repository: str | None = None, read_only: bool = False, expires_at: datetime | None = None
) -> Token:
    return Token(
        id=1,
        user="user@example.com",
        name="ci",
        prefix="ppr_abcdefgh",
        repository=repository,
        read_only=read_only,
        created_at=NOW,
        expires_at=expires_at,
    )


@pytest.mark.parametrize(
    "password",
    [
        "12345678",
        "with space",
        "a:b@c/d%20",
        "pässwörd",
        "密码密码密码密码",
        "🔑🔑🔑🔑🔑🔑🔑🔑",
        "a" * 72,
        "é" * 36,
        "🔑" * 18,
        " leading and trailing ",
    ],
)
def test_passwords_may_hold_any_text(password: str) -> None:
    check_password(password)


@pytest.mark.parametrize("password", ["", "1234567", "密码密码密码密"])
def test_a_password_has_at_least_eight_characters(password: str) -> None:
    with pytest.raises(InvalidPassword, match="at least 8 characters"):
        check_password(password)


@pytest.mark.parametrize("password", ["a" * 73, "é" * 36 + "a", "🔑" * 18 + "a", "a" * 10_000])
def test_a_password_has_at_most_72_bytes(password: str) -> None:
    with pytest.raises(InvalidPassword, match="72 bytes"):
        check_password(password)


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\0", "\x7f", "\x1b"])
def test_a_password_holds_no_control_characters(character: str) -> None:
    with pytest.raises(InvalidPassword, match="control characters"):
        check_password(f"12345678{character}")


def test_a_password_cannot_be_taken_for_a_token() -> None:
    for prefix in ("ppr_", "ppa_", "ppi_", "ppj_"):
        with pytest.raises(InvalidPassword, match="as tokens do"):
            check_password(f"{prefix}12345678")


def test_a_refusal_never_repeats_the_password() -> None:
    for password in ("secret7", "secret" * 20, "secret\nsecret", "ppr_secret123"):
        with pytest.raises(InvalidPassword) as caught:
            check_password(password)
        assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        (None, False),
        (NOW + timedelta(microseconds=1), False),
        (NOW, True),
        (NOW - timedelta(days=1), True),
    ],
)
def test_a_token_expires_at_its_moment(expires_at: datetime | None, expected: bool) -> None:
    assert _token(expires_at=expires_at).has_expired(NOW) is expected


@pytest.mark.parametrize(
    ("token", "main", "other"),
    [
        (_token(), Access.WRITE, Access.READ),
        (_token(read_only=True), Access.READ, Access.READ),
        (_token("main"), Access.WRITE, Access.NONE),
        (_token("main", read_only=True), Access.READ, Access.NONE),
        (_token("other"), Access.NONE, Access.READ),
        (_token("elsewhere"), Access.NONE, Access.NONE),
    ],
)
def test_a_token_narrows_the_access_of_its_user(token: Token, main: Access, other: Access) -> None:
    grants = token.narrow(Grants(Access.NONE, {"main": Access.WRITE, "other": Access.READ}))
    assert (grants.on("main"), grants.on("other")) == (main, other)


def test_an_account_does_not_show_its_password_hash() -> None:
    account = Account(
        id=1,
        name="user",
        password_hash="$2b$04$secret",
        grants=Grants(),
        groups={},
        rights=Grants(),
    )
    assert "secret" not in repr(account)
