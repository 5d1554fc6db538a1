"""The sources of a repository, and which names they may supply."""

import re
from collections.abc import Callable, Mapping, Sequence

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidSetting, RegistryError
from pypi_repo.domain.patterns import name_pattern
from pypi_repo.domain.text import counted
from pypi_repo.domain.upstreams.sources import RepositorySources, parse_source
from pypi_repo.services.upstreams.reports import REPORTED_DAYS
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.page import PortalPage


def show(page: PortalPage, repository: str) -> Response:
    configured = page.acting.sources.of(repository)
    return page.render(
        "portal/repository_sources.html",
        repository=page.acting.repositories.get(repository, Permission.MANAGE),
        configured=configured,
        warnings=page.acting.warnings.of_repository(repository, {"sources", "reserved"}),
        reports=page.acting.sources.reports(repository),
        shadowed=page.acting.sources.shadowed_names(repository) if configured.sources else [],
        uncompared=page.acting.sources.uncompared_names(repository) if configured.sources else [],
        choices=_choices(page, repository, configured),
        days=REPORTED_DAYS,
    )


def change(page: PortalPage, repository: str) -> Response:
    """Does one of the things for which the page has a form."""
    act = _ACTS.get(page.sent("do"))
    if act is None:
        raise InvalidSetting("Choose what to do.")
    note = page.done(act(page, repository))
    return page.redirect("repositories", repository, "sources", note=note)


def _choices(page: PortalPage, repository: str, configured: RepositorySources) -> list[str]:
    """Returns what can be added, as far as who asks may know of it."""
    upstreams = page.acting.upstreams.all() if page.may("repositories") else []
    others = page.acting.repositories.all(Permission.MANAGE)
    offered = [f"upstream:{found.name}" for found in upstreams]
    offered += [f"repository:{found.name}" for found in others if found.name != repository]
    return [reference for reference in offered if reference not in configured.references]


def _add(page: PortalPage, repository: str) -> str:
    source = page.sent("source")
    forms.read(page, "source", lambda: parse_source(source))
    forms.settle(page)
    with forms.blaming(page, "source", RegistryError):
        _set_sources(page, repository, lambda before: [*before, source])
    return f"Added the source {_in_words(source)}. It is asked after the others."


def _remove(page: PortalPage, repository: str) -> str:
    source = page.sent("source")
    _set_sources(page, repository, lambda before: [each for each in before if each != source])
    return f"Removed the source {_in_words(source)}."


def _move(page: PortalPage, repository: str, step: int) -> str:
    source = page.sent("source")

    def moved(before: Sequence[str]) -> list[str]:
        others = [each for each in before if each != source]
        place = min(max(before.index(source) + step, 0), len(others))
        return [*others[:place], source, *others[place:]]

    _set_sources(page, repository, moved)
    return f"The source {_in_words(source)} is asked {'earlier' if step < 0 else 'later'} now."


def _set_sources(
    page: PortalPage, repository: str, changed: Callable[[Sequence[str]], list[str]]
) -> None:
    """Changes the sources as they are now, and not as the page showed them.

    Raises InvalidSetting if the source that is meant is not among them any more.
    """
    sources = page.acting.sources

    def change() -> None:
        before = sources.of(repository).references
        if page.sent("do") != "add" and page.sent("source") not in before:
            raise InvalidSetting("This is no source any more; see what the sources are now.")
        sources.set_sources(repository, changed(before))

    page.registry.as_one(change)


def _reserve(page: PortalPage, repository: str) -> str:
    patterns = _patterns(page, "reserved")
    gone = _configure(page, repository, reserved=patterns)
    return f"Saved the reserved names: {counted(len(patterns), 'pattern')}.{gone}"


def _merge(page: PortalPage, repository: str) -> str:
    patterns = _patterns(page, "merged")
    gone = _configure(page, repository, merged=patterns)
    return f"Saved the merged names: {counted(len(patterns), 'pattern')}.{gone}"


def _configure(page: PortalPage, repository: str, **patterns: Sequence[str]) -> str:
    """Replaces patterns, and tells which are gone."""

    def change() -> list[str]:
        before = page.acting.sources.of(repository)
        return page.acting.sources.configure(repository, **patterns).gone_since(before)

    return "".join(f" {sentence}" for sentence in page.registry.as_one(change))


def _give_up(page: PortalPage, repository: str) -> str:
    name = page.sent("name")
    page.acting.sources.give_up_name(repository, name)
    return f"Gave up the name {name}. From now on, the sources may supply it."


def _patterns(page: PortalPage, field: str) -> list[str]:
    """Raises InvalidSetting, which is said beside the field, for the first that is none."""
    with forms.blaming(page, field, InvalidSetting):
        given = [name_pattern(text) for text in re.split(r"[\s,]+", page.sent(field)) if text]
    return list(dict.fromkeys(given))


def _in_words(reference: str) -> str:
    kind, _colon, name = reference.partition(":")
    return f"{kind} {name}"


_ACTS: Mapping[str, Callable[[PortalPage, str], str]] = {
    "add": _add,
    "remove": _remove,
    "up": lambda page, repository: _move(page, repository, -1),
    "down": lambda page, repository: _move(page, repository, 1),
    "reserve": _reserve,
    "merge": _merge,
    "give-up": _give_up,
}
