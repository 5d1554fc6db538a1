"""Repositories and their settings."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidSetting, NameTaken
from pypi_repo.domain.lists import ListPage, ListRequest
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.patterns import name_patterns
from pypi_repo.domain.records import Repository
from pypi_repo.domain.repository_settings import SETTINGS, RepositorySettings
from pypi_repo.domain.text import counted
from pypi_repo.domain.upstreams.upstream import CooldownMode, check_cooldown
from pypi_repo.domain.usage import RepositoryUsage
from pypi_repo.domain.validation.profiles import PROFILES, Profile
from pypi_repo.web.pages import forms
from pypi_repo.web.pages.listing import Listing
from pypi_repo.web.portal.page import PortalPage

_FOUND = 50  # projects of a search
_NEVER = datetime.min.replace(tzinfo=UTC)
_SORTS: Mapping[str, Callable[[Repository, RepositoryUsage], Any]] = {
    "name": lambda found, _used: found.name,
    "projects": lambda _found, used: used.projects,
    "files": lambda _found, used: used.files,
    "size": lambda _found, used: used.size,
    "uploaded": lambda _found, used: used.last_upload or _NEVER,
}

_READERS: Mapping[Any, Callable[[PortalPage, str], Any]] = {
    str: forms.text,
    bool: lambda page, name: bool(page.sent(name)),
    int | None: forms.size,
    tuple[str, ...]: lambda page, name: forms.read(page, name, lambda: _patterns(page.sent(name))),
    str | None: lambda page, name: _checked(page, name, lambda age: check_cooldown(age, None)),
    CooldownMode | None: lambda page, name: _checked(
        page, name, lambda mode: check_cooldown(None, mode)
    ),
    Profile: lambda page, name: page.sent(name) or PROFILES[0],
}


def show_all(page: PortalPage) -> Response:
    """Repositories whose name or description holds the text, and the projects that it finds."""
    listing = Listing(page, ("repositories",), tuple(_SORTS))
    repositories = page.acting.repositories.all(Permission.AUDIT)
    usage = page.acting.usage.repositories()
    text = listing.text.lower()
    found = [each for each in repositories if text in f"{each.name} {each.description}".lower()]
    projects = page.acting.projects.anywhere(text, limit=_FOUND + 1) if text else []
    return page.render(
        "portal/repositories.html",
        listing=listing,
        are_any=bool(repositories),
        repositories=ListPage.of(_sorted(found, usage, listing.request), listing.request),
        usage=usage,
        projects=projects[:_FOUND],
        has_more_projects=len(projects) > _FOUND,
    )


def show_new(page: PortalPage) -> Response:
    return page.render(
        "portal/repository_new.html", repository=RepositorySettings(), profiles=PROFILES
    )


def create(page: PortalPage) -> Response:
    name = page.sent("name")
    forms.read(page, "name", lambda: repository_name(name))
    settings = _settings(page)
    forms.settle(page)
    with forms.blaming(page, "name", NameTaken):
        page.acting.repositories.create(name, **settings)
    note = replace(
        page.done(f"Created the repository {name}."),
        warnings=tuple(page.acting.warnings.of_repository(name)),
    )
    return page.redirect("repositories", name, "connect", note=note)


def show_settings(page: PortalPage, repository: str) -> Response:
    found = page.acting.repositories.get(repository, Permission.MANAGE)
    usage = page.acting.usage.repository(repository)
    return page.render(
        "portal/repository_settings.html",
        repository=found,
        usage=usage,
        profiles=PROFILES,
        warnings=page.acting.warnings.of_repository(repository),
    )


def change(page: PortalPage, repository: str) -> Response:
    before = page.acting.repositories.get(repository, Permission.MANAGE)
    settings = _settings(page)
    forms.settle(page)
    if settings["public"] and not before.public and page.sent("confirmed") != "yes":
        return _ask_before_publishing(page, before)
    page.acting.repositories.change(repository, **settings)
    saved = f"Saved the settings of {repository}. They hold from the next request on."
    return page.redirect("repositories", repository, "settings", note=page.done(saved))


def _ask_before_publishing(page: PortalPage, repository: Repository) -> Response:
    return page.render(
        "portal/repository_publish.html",
        repository=repository,
        usage=page.acting.usage.repository(repository.name),
        kept=[(name, value) for name, value in page.request.form.items() if name != "form_token"],
    )


def delete(page: PortalPage, repository: str) -> Response:
    page.acting.repositories.get(repository, Permission.MANAGE)
    if page.sent("confirm") != repository:
        page.refused["confirm"] = InvalidSetting(
            f"Type the name {repository!r} to delete the repository."
        )
    forms.settle(page)
    gone = page.acting.usage.repository(repository)
    page.acting.repositories.delete(repository)
    note = page.done(
        f"Deleted the repository {repository} with {counted(gone.projects, 'project')} and "
        f"{counted(gone.files, 'file')}.",
        "activity",
        link="See its activity",
        repository=repository,
    )
    return page.redirect("repositories", note=note)


def _patterns(text: str) -> tuple[str, ...]:
    return name_patterns(re.split(r"[\s,;]+", text.strip(" ,;")) if text else ())


def _checked(page: PortalPage, name: str, check: Callable[[str], None]) -> str | None:
    """The text of a field, or None where it is empty. Notes what is wrong with it."""
    text = page.sent(name)
    if text:
        forms.read(page, name, lambda: check(text))
    return text or None


def _sorted(
    repositories: list[Repository], usage: Mapping[str, RepositoryUsage], request: ListRequest
) -> list[Repository]:
    """They come by name, and those that are equal stay so."""
    key = _SORTS[request.sort]
    return sorted(
        repositories,
        key=lambda found: key(found, usage[found.name]),
        reverse=request.descending,
    )


def _settings(page: PortalPage) -> dict[str, Any]:
    """Each setting from the field of its name, but for three that the form puts the other way."""
    return {
        **{name: _READERS[kind](page, name) for name, kind in SETTINGS.items()},
        "public": page.sent("visibility") == "public",
        "allow_overwrite": not page.sent("protected"),
        "accepts_uploads": not page.sent("no_uploads"),
    }
