"""The trash of a repository: what was deleted or overwritten, and the way back."""

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidSetting, NotFound
from pypi_repo.domain.lifecycle.trash import TrashEntry
from pypi_repo.domain.text import counted
from pypi_repo.services.notes import Note
from pypi_repo.web.portal.page import PortalPage

_SHOWN = 50
_NAMED = 3  # of many entries, in a sentence about what was done with them
_LONGEST_ID = 9  # digits


def show(page: PortalPage, repository: str) -> Response:
    found = page.acting.repositories.get(repository, Permission.MANAGE)
    trash, before = page.acting.trash, page.asked("before")
    older = {"before": int(before)} if _is_id(before) else {}
    entries = trash.entries(repository, limit=_SHOWN + 1, **older)
    return page.render(
        "portal/repository_trash.html",
        repository=found,
        usage=page.acting.usage.repository(repository),
        entries=entries[:_SHOWN],
        next=entries[_SHOWN - 1].id if len(entries) > _SHOWN else None,
        days=trash.days,
    )


def change(page: PortalPage, repository: str) -> Response:
    """Restores the chosen entries, or deletes them for good."""
    chosen = [int(text) for text in page.request.form.getlist("entry") if _is_id(text)]
    if not chosen:
        raise InvalidSetting("Nothing was chosen; tick what you mean.")
    match page.sent("do"):
        case "restore":
            note = _restore(page, repository, chosen)
        case "purge" if page.sent("confirmed") == "yes":
            note = _purge(page, repository, chosen)
        case "purge":
            return _ask(page, repository, chosen)
        case _:
            raise InvalidSetting("Choose what to do.")
    return page.redirect("repositories", repository, "trash", note=note)


def undo(page: PortalPage, repository: str, entries: list[int], note: Note) -> Note:
    """Adds a button to a message, which restores what was deleted or overwritten."""
    if not entries:
        return note
    fields = [("do", "restore"), *(("entry", str(entry)) for entry in entries)]
    return note.with_button("Undo", page.path("repositories", repository, "trash"), fields)


def _restore(page: PortalPage, repository: str, chosen: list[int]) -> Note:
    """All of them, or none if something is in the way of one; the last deletion comes first."""

    def restore_all() -> list[TrashEntry]:
        return [
            page.acting.trash.restore(repository, entry.id)
            for entry in _there(page, repository, chosen)
        ]

    restored = page.registry.as_one(restore_all)
    if not restored:
        return page.done("Nothing was left to restore: what was chosen is gone.")
    projects = {entry.project for entry in restored}
    path = ["repositories", repository]
    if len(projects) == 1:
        path += ["projects", *projects]
    files = sum(entry.files for entry in restored)
    return page.done(
        f"Restored {_names(restored)}, {counted(files, 'file')}.", *path, link="See it"
    )


def _purge(page: PortalPage, repository: str, chosen: list[int]) -> Note:
    there = _there(page, repository, chosen)
    purged = page.acting.trash.purge(repository, [entry.id for entry in there])
    return page.done(
        f"Deleted {counted(purged.entries, 'entry', 'entries')} with "
        f"{counted(purged.files, 'file')} for good."
    )


def _ask(page: PortalPage, repository: str, chosen: list[int]) -> Response:
    there = _there(page, repository, chosen)
    return page.render(
        "portal/confirm.html",
        heading="Delete for good",
        steps=[f"{entry.name}, {counted(entry.files, 'file')}" for entry in there],
        with_them=(),
        kept=[("do", "purge"), *(("entry", str(entry.id)) for entry in there)],
        back=["repositories", repository, "trash"],
        asks_reason=False,
        destroys=True,
        afterwards="It cannot be taken back.",
    )


def _there(page: PortalPage, repository: str, chosen: list[int]) -> list[TrashEntry]:
    """Those that nobody else has restored or purged meanwhile, the newest first."""
    found = []
    for id_ in sorted(set(chosen), reverse=True):
        try:
            found.append(page.acting.trash.get(repository, id_))
        except NotFound:
            page.acting.repositories.get(repository, Permission.MANAGE)
    return found


def _names(entries: list[TrashEntry]) -> str:
    names = [entry.name for entry in entries[:_NAMED]]
    if len(entries) > _NAMED:
        names.append(f"{len(entries) - _NAMED} more")
    return f"{', '.join(names[:-1])} and {names[-1]}" if names[1:] else names[0]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID
