"""bcrypt: as slow as it should be, and no more often than it must."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import bcrypt
import pytest

from pypi_repo.domain.accounts.errors import InvalidPassword
from pypi_repo.services.accounts import passwords as passwords_module
from pypi_repo.services.accounts.passwords import Passwords

PASSWORD = "correct horse: battery@staple"


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(4)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The passwords that bcrypt really checked."""
    checked: list[bytes] = []
    checkpw: Callable[[bytes, bytes], bool] = bcrypt.checkpw

    def recording(password: bytes, hashed: bytes) -> bool:
        checked.append(password)
        return checkpw(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", recording)
    return checked


@pytest.mark.parametrize(
    "password", [PASSWORD, "12345678", "密码密码密码密码", "a" * 72, "🔑" * 18, "per%cent%20"]
)
def test_the_right_password_and_no_other(passwords: Passwords, password: str) -> None:
    stored = passwords.hash(password)
    assert passwords.verify(password, stored)
    for wrong in (password[:-1], password + "x", password.upper() + "y", ""):
        assert not passwords.verify(wrong, stored)


def test_the_hash_is_bcrypt_with_the_cost_that_was_set() -> None:
    assert Passwords(5).hash(PASSWORD).startswith("$2b$05$")
    assert PASSWORD not in Passwords(4).hash(PASSWORD)


def test_equal_passwords_have_different_hashes(passwords: Passwords) -> None:
    assert passwords.hash(PASSWORD) != passwords.hash(PASSWORD)


@pytest.mark.parametrize("password", ["1234567", "a" * 73, "é" * 37])
def test_too_short_or_too_long(passwords: Passwords, password: str) -> None:
    with pytest.raises(InvalidPassword):
        passwords.hash(password)


def test_what_follows_72_bytes_is_not_ignored(passwords: Passwords) -> None:
    stored = passwords.hash("a" * 72)
    assert not passwords.verify("a" * 73, stored)
    assert not passwords.is_remembered("a" * 73, stored)
    assert passwords.verify("a" * 72, stored)


def test_a_right_password_is_checked_once(passwords: Passwords, checks: list[bytes]) -> None:
    stored = passwords.hash(PASSWORD)
    assert not passwords.is_remembered(PASSWORD, stored)
    for _ in range(5):
        assert passwords.verify(PASSWORD, stored)
        assert passwords.is_remembered(PASSWORD, stored)
    assert checks == [PASSWORD.encode()]


def test_a_wrong_password_is_checked_each_time(passwords: Passwords, checks: list[bytes]) -> None:
    stored = passwords.hash(PASSWORD)
    passwords.verify(PASSWORD, stored)
    for _ in range(3):
        assert not passwords.verify("wrong horse", stored)
        assert not passwords.is_remembered("wrong horse", stored)
    assert len(checks) == 4


def test_a_password_is_remembered_for_one_stored_hash(passwords: Passwords) -> None:
    """A changed password, or another account with the same one, is checked anew."""
    stored = passwords.hash(PASSWORD)
    assert passwords.verify(PASSWORD, stored)
    assert not passwords.is_remembered(PASSWORD, passwords.hash(PASSWORD))
    assert not passwords.verify(PASSWORD, passwords.hash("another horse"))


def test_it_is_remembered_for_a_while_only(
    passwords: Passwords, checks: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = passwords.hash(PASSWORD)
    assert passwords.verify(PASSWORD, stored)
    later = time.monotonic() + 601
    monkeypatch.setattr(passwords_module, "time", SimpleNamespace(monotonic=lambda: later))
    assert not passwords.is_remembered(PASSWORD, stored)
    assert passwords.verify(PASSWORD, stored)
    assert len(checks) == 2


def test_what_is_remembered_is_neither_password_nor_hash(passwords: Passwords) -> None:
    stored = passwords.hash(PASSWORD)
    passwords.verify(PASSWORD, stored)
    kept = repr(vars(passwords))
    assert PASSWORD not in kept
    assert stored not in kept


def test_it_remembers_so_many_and_forgets_the_oldest(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords_module, "_REMEMBERED_AT_MOST", 2)
    stored = [passwords.hash(PASSWORD) for _ in range(3)]
    for each in stored:
        assert passwords.verify(PASSWORD, each)
    assert [passwords.is_remembered(PASSWORD, each) for each in stored] == [False, True, True]


@pytest.mark.parametrize("password", ["", ".", PASSWORD, "a" * 72, "a" * 73])
def test_nobodys_password_is_never_right(
    passwords: Passwords, checks: list[bytes], password: str
) -> None:
    for _ in range(3):
        assert not passwords.verify(password, passwords.nobodys_hash)
    assert len(checks) == 3


def test_nobodys_password_takes_the_time_of_a_real_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """bcrypt's work is set by the hash that it checks against."""
    hashes: list[bytes] = []

    def recording(_password: bytes, hashed: bytes) -> bool:
        hashes.append(hashed)
        return False

    monkeypatch.setattr(bcrypt, "checkpw", recording)
    passwords = Passwords(5)
    passwords.verify(PASSWORD, passwords.nobodys_hash)
    assert [hashed[:7] for hashed in hashes] == [b"$2b$05$"]


@pytest.mark.parametrize("password", ["nul\0inside", "\ud800 surrogate", "x" * 100_000, ""])
def test_what_no_password_can_be_is_simply_wrong(passwords: Passwords, password: str) -> None:
    assert not passwords.verify(password, passwords.hash(PASSWORD))
