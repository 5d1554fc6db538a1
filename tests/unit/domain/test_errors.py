"""The tree of errors: one root, stable codes."""

from collections.abc import Iterator

from pypi_repo.domain import errors
from pypi_repo.domain.accounts.errors import TooManyFailedLogins
from pypi_repo.domain.errors import RegistryError, Unavailable


def _all(root: type[RegistryError] = RegistryError) -> Iterator[type[RegistryError]]:
    yield root
    for child in root.__subclasses__():
        yield from _all(child)


def test_every_class_has_a_code_of_its_own() -> None:
    codes = [each.code for each in _all() if each.__module__ == errors.__name__]
    assert len(codes) > 20
    assert len(set(codes)) == len(codes)


def test_every_error_is_caught_by_the_root() -> None:
    defined = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, Exception)
    ]
    assert len(defined) > 20
    assert set(defined) <= set(_all())


def test_the_message_is_the_sentence() -> None:
    assert RegistryError("Do this.").message == "Do this."
    assert RegistryError().message == "RegistryError"
    assert TooManyFailedLogins("Wait.", retry_after=7).message == "Wait."
    assert Unavailable("Later.", detail="db.example.com").message == "Later."
