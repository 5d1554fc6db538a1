"""The fields of forms that say what users and groups may do."""

from collections.abc import Iterator
from contextlib import contextmanager

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.accounts.errors import UnknownAccount
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.accounts.written_grants import parse_grant
from pypi_repo.domain.errors import InvalidSetting, UnknownRepository
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.page import PortalPage

_LEVELS = {"none": Access.NONE, "read": Access.READ, "write": Access.WRITE}


def repository_names(page: PortalPage) -> list[str]:
    """Returns the repositories whose access the form shows."""
    return [repository.name for repository in page.acting.repositories.all(Permission.AUDIT)]


def read_grants(page: PortalPage, before: Grants | None = None) -> Grants:
    """Returns what a form gives. Notes at each field what is wrong with it.

    before: what was given until now. Rights on projects stay as they were if the form has no field
        for them.
    """
    everywhere = forms.read(page, "everywhere", lambda: _level(page.sent("everywhere")))
    chosen = forms.read(page, "everywhere", lambda: _named(page)) or {}
    patterns = {} if before is None else dict(before.patterns)
    if "projects" in page.request.form:
        patterns = forms.read(page, "projects", lambda: _patterns(page.sent("projects"))) or {}
    return Grants(everywhere or Access.NONE, chosen, patterns)


@contextmanager
def blaming_names(page: PortalPage, field: str) -> Iterator[None]:
    """Says at a field that what is named in it does not exist, or cannot be given.

    The page itself is there, so the form is shown again.
    """
    with forms.blaming(page, field, InvalidSetting):
        try:
            yield
        except (UnknownAccount, UnknownRepository) as error:
            raise InvalidSetting(error.message) from error


def _named(page: PortalPage) -> dict[str, Access]:
    """Returns the access to the repositories that are exceptions."""
    return {
        field.removeprefix("access-"): _level(level)
        for field, level in page.request.form.items()
        if field.startswith("access-") and level
    }


def _patterns(text: str) -> dict[tuple[str, str], Access]:
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        repository, pattern, access = parse_grant(line)
        if pattern is None:
            raise InvalidSetting(
                f"{line[:80]!r} is about a whole repository; choose that above, or write a name "
                "after it, as in main/acme-*=read."
            )
        found[repository, pattern] = access
    return found


def _level(text: str) -> Access:
    if text not in _LEVELS:
        raise InvalidSetting("Choose what is allowed: none, read, or read and write.")
    return _LEVELS[text]
