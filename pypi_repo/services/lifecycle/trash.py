"""Brings back what was deleted or overwritten, or deletes it for good."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import OPERATOR, Actor, Permission
from pypi_repo.domain.errors import FileAlreadyExists, TooLarge
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.lifecycle.errors import FileStaged, UnknownDeletion
from pypi_repo.domain.lifecycle.trash import GivenStatus, TakenName, TrashEntry, strictest
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import Repository
from pypi_repo.services.gate import Gate
from pypi_repo.services.lifecycle.deletion import delete_file
from pypi_repo.services.packages.project_change import ProjectChange
from pypi_repo.settings import format_size
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.rows import LARGEST_ID
from pypi_repo.storage.lifecycle.trash_entries import TrashEntries

_AT_ONCE = 100  # entries
_NAMED = 5  # files that stand in the way


@dataclass(frozen=True, slots=True)
class Purged:
    """What was deleted for good.

    entries: the number of entries of the trash.
    files: the number of files.
    bytes: what they took, which the next sweep frees as far as nothing else needs it.
    """

    entries: int
    files: int
    bytes: int


class TrashCan:
    """Lists, restores and purges the trash, as far as the policy allows the actor.

    All methods raise UnknownRepository if there is no repository with the name, and
    PermissionDenied if the actor may not manage it.
    """

    def __init__(self, actor: Actor, database: Database, gate: Gate) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate

    @property
    def days(self) -> int:
        """For how many days the trash keeps what is deleted now; 0 if there is no trash."""
        return max(self._gate.trash_days, 0)

    def entries(
        self, repository: str, *, before: int = LARGEST_ID, limit: int | None = None
    ) -> list[TrashEntry]:
        """Returns what is in the trash of a repository, the newest first.

        Entries of projects that the actor may not manage are left out.

        before: the id of an entry; only older entries are returned.
        limit: the largest number of entries to return; None for all.
        """
        managed = self._repository(Catalog(self._database), repository)
        found = TrashEntries(self._database)
        hidden = self._hidden(found, managed)
        return found.entries(managed, hidden, before=min(before, LARGEST_ID), limit=limit)

    def has(self, repository: str, project: NormalizedName) -> bool:
        """Returns whether something of a project is in the trash that the actor may restore."""
        managed = self._repository(Catalog(self._database), repository)
        may_restore = self._gate.allows(self._actor, Permission.MANAGE, managed, project)
        return may_restore and TrashEntries(self._database).has(managed, project)

    def get(self, repository: str, id_: int) -> TrashEntry:
        """Returns one entry of the trash.

        Raises UnknownDeletion.
        """
        managed = self._repository(Catalog(self._database), repository)
        return self._entry(self._database, managed, id_)

    def restore(self, repository: str, id_: int) -> TrashEntry:
        """Undoes a deletion or an overwrite, completely or not at all.

        Everything is as it was: the content, the upload time, the uploader, yanks, signatures and
        provenance. The names of the files stay retired, in case they are deleted again. The project
        has the stricter of the status that it has now and the one with which it was deleted. If
        other content has come under the name of a file, it goes to the trash itself where the
        repository allows overwriting.

        Returns the entry, which is not in the trash any more.

        Raises UnknownDeletion, FileAlreadyExists if other content is under the name of a file and
        may not be overwritten, FileStaged if a stage has reserved the name of a file, and TooLarge
        if the quota has no room.
        """
        with self._database.begin() as connection:
            catalog, trash = Catalog(connection), TrashEntries(connection)
            catalog.lock(repository)
            managed = self._repository(catalog, repository)
            entry = self._entry(connection, managed, id_)
            now = datetime.now(UTC)
            _refuse_reserved(trash.reserved_name(entry, now))
            taken_before = _taken(catalog, managed)
            detail = self._make_room(connection, managed, entry, trash.taken_names(entry))
            last_status = trash.last_status(entry, managed)
            trash.put_back(entry, managed, now, last_status)
            if _taken(catalog, managed) > max(managed.quota or 0, taken_before):
                raise _beyond_the_quota(managed, entry)
            found = self._gate.project(
                self._actor, Permission.MANAGE, catalog, repository, entry.project
            )
            change = ProjectChange(self._gate, connection, catalog, self._actor, *found)
            _close_again(change, last_status)
            change.record(
                f"restore {entry.subject}",
                version=entry.version,
                filename=entry.filename,
                detail=detail,
            )
        return entry

    def purge(self, repository: str, ids: Sequence[int] | None = None) -> Purged:
        """Deletes entries of the trash for good.

        ids: the entries; None for all of the projects that the actor may manage.

        Raises UnknownDeletion if one of the entries is not there; nothing is deleted then.
        """
        with self._database.begin() as connection:
            catalog, trash = Catalog(connection), TrashEntries(connection)
            catalog.lock(repository)
            managed = self._repository(catalog, repository)
            if ids is None:
                entries = trash.entries(managed, self._hidden(trash, managed))
            else:
                entries = [self._entry(connection, managed, id_) for id_ in dict.fromkeys(ids)]
            return _purge(catalog, trash, self._actor, managed, entries)

    def _make_room(
        self,
        executor: Executor,
        repository: Repository,
        entry: TrashEntry,
        taken: Sequence[TakenName],
    ) -> dict[str, str] | None:
        """Deletes the files that stand in the way, if that is allowed.

        The name of a source distribution may belong to either of two projects, `a 1.post2` and
        `a-1 2`. So the file may be one of another project, from which it is deleted.

        Returns what the journal says of it.
        """
        if not taken:
            return None
        catalog = Catalog(executor)
        if not repository.allow_overwrite:
            raise _in_the_way(repository, [each.present for each in taken])
        for name in dict.fromkeys(each.present for each in taken):
            _repository, project, file = self._gate.file(
                self._actor, Permission.MANAGE, catalog, repository.name, name
            )
            if project.normalized_name != entry.project:
                change = ProjectChange(
                    self._gate, executor, catalog, self._actor, repository, project
                )
                delete_file(change, file)
                continue
            if self._gate.keeps_deleted:
                catalog.trash.keep_file(
                    repository, file, "overwrite file", self._actor, self._gate.trash_days
                )
            catalog.delete_file(repository, name)
        return {"replaced": ", ".join(dict.fromkeys(each.present for each in taken))}

    def _entry(self, executor: Executor, repository: Repository, id_: int) -> TrashEntry:
        """Raises the same error for an entry of a project that the actor may not manage."""
        entry = TrashEntries(executor).entry(repository, id_) if 0 < id_ <= LARGEST_ID else None
        if entry is None or not self._gate.allows(
            self._actor, Permission.MANAGE, repository, entry.project
        ):
            raise UnknownDeletion(
                f"The trash of repository {repository.name!r} has no entry {id_}; it may have been "
                "restored or purged already."
            )
        return entry

    def _hidden(self, trash: TrashEntries, repository: Repository) -> frozenset[NormalizedName]:
        return self._gate.hidden(
            self._actor, Permission.MANAGE, repository, lambda: trash.projects(repository)
        )

    def _repository(self, catalog: Catalog, name: str) -> Repository:
        return self._gate.repository(self._actor, Permission.MANAGE, catalog, name)


def purge_kept_enough(database: Database) -> Purged:
    """Deletes for good what is kept no longer, on behalf of nobody but the registry."""
    now = datetime.now(UTC)
    entries = files = size = 0
    for repository in TrashEntries(database).repositories_with_kept_enough(now):
        while (purged := _purge_some(database, repository, now)).entries:
            entries, files, size = (
                entries + purged.entries,
                files + purged.files,
                size + purged.bytes,
            )
    return Purged(entries, files, size)


def _purge_some(database: Database, repository: str, now: datetime) -> Purged:
    """In short transactions, so that uploads need not wait for long."""
    with database.begin() as connection:
        catalog, trash = Catalog(connection), TrashEntries(connection)
        catalog.lock(repository)
        found = catalog.repository(repository)
        entries = [] if found is None else trash.kept_enough(found, now, _AT_ONCE)
        if found is None or not entries:
            return Purged(0, 0, 0)
        return _purge(catalog, trash, OPERATOR, found, entries)


def _purge(
    catalog: Catalog,
    trash: TrashEntries,
    actor: Actor,
    repository: Repository,
    entries: Sequence[TrashEntry],
) -> Purged:
    """Deletes entries of the trash for good, in a transaction that has locked the repository."""
    purged = Purged(
        len(entries),
        sum(entry.files for entry in entries),
        sum(entry.size for entry in entries),
    )
    if entries:
        trash.delete(entries)
        detail = {"entries": str(purged.entries), "files": str(purged.files)}
        catalog.journal.record(
            JournalEntry.by(actor, "purge trash", repository=repository.name, detail=detail)
        )
    return purged


def _close_again(change: ProjectChange, last: GivenStatus | None) -> None:
    """Gives a project that was made anew its last status if that is stricter.

    Otherwise whoever may upload could take a project out of quarantine.
    """
    present = GivenStatus(change.project.status, change.project.status_reason)
    if last is not None and strictest((present, last)) != present:
        change.set_status(last.status, last.reason)


def _refuse_reserved(reserved: tuple[str, str] | None) -> None:
    if reserved is not None:
        filename, opened_by = reserved
        raise FileStaged(
            f"{filename} is reserved by a stage that {opened_by!r} opened; wait until it is "
            "published or dropped."
        )


def _taken(catalog: Catalog, repository: Repository) -> int:
    return 0 if repository.quota is None else catalog.taken(repository)


def _in_the_way(repository: Repository, present: Sequence[str]) -> FileAlreadyExists:
    names = ", ".join(present[:_NAMED])
    more = f" and {len(present) - _NAMED} more" if len(present) > _NAMED else ""
    return FileAlreadyExists(
        f"Repository {repository.name!r} has {names}{more} with other content now and does not "
        "allow overwriting, so nothing was restored; delete what is there first."
    )


def _beyond_the_quota(repository: Repository, entry: TrashEntry) -> TooLarge:
    return TooLarge(
        f"{entry.name} takes {format_size(entry.size)}, with which repository {repository.name!r} "
        f"would exceed its quota of {format_size(repository.quota or 0)}; delete files or ask an "
        "administrator for more."
    )
