"""Opens, shows, publishes and drops stages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import Actor, ActorKind, Permission
from pypi_repo.domain.errors import Conflict, PermissionDenied
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.identity.publisher import names_apart
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.lifecycle.stages import (
    STAGE_DAYS,
    FileOfStage,
    Stage,
    check_few,
    new_stage_id,
    stage_life,
    unknown_stage,
)
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import DistributionFile, Repository
from pypi_repo.domain.text import require_text
from pypi_repo.services.gate import Gate
from pypi_repo.services.lifecycle.recheck import Rechecks
from pypi_repo.services.packages.candidates import Publishable
from pypi_repo.services.packages.discarding import discard_files
from pypi_repo.services.packages.placing import Accepted, naming, place
from pypi_repo.services.packages.quota import Room
from pypi_repo.services.packages.upload_rules import check_accepts
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.identity.publishers import PublisherRows
from pypi_repo.storage.lifecycle.stages import StageRows

_SHOWN_OF_ID = 6  # characters


class Stages:
    """Lets an actor collect files in a stage, and publish all of them or none.

    Whoever has opened a stage, and whoever may manage the repository, sees the stage and ends it.
    What a CI job has opened is that of its publishers, so other jobs of one of them do so as well.
    A job, and a token that is limited to some projects, do so only while the stage has no file of
    another.
    Everybody else who may upload can upload to it, given its id.

    Methods with the id of a stage raise UnknownStage if it is not open in this repository, and
    PermissionDenied if it is somebody else's.

    rechecks: checks files again, as the profile of the repository may have changed.
    check_new_name: raises an error if a new project may not have a name because of the sources of
        the repository.
    """

    def __init__(
        self,
        actor: Actor,
        database: Database,
        blobs: BlobStore,
        gate: Gate,
        rechecks: Rechecks,
        check_new_name: Callable[[Actor, Repository, NormalizedName], None],
    ) -> None:
        self._actor = actor
        self._database = database
        self._blobs = blobs
        self._gate = gate
        self._rechecks = rechecks
        self._check_new_name = check_new_name

    def open(self, repository: str, description: str = "", *, days: int = STAGE_DAYS) -> Stage:
        """Opens a stage without files.

        description: what it is for, for people.
        days: after how many days it expires with all that is in it; at most 90.

        Raises PermissionDenied if the actor may upload nothing there, UnknownRepository,
        InvalidSetting, and Conflict if it has very many open stages there.
        """
        require_text(description)
        life, now = stage_life(days), datetime.now(UTC)
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock(repository)  # or it could be deleted meanwhile
            admitted = self._repository(catalog, repository)
            check_accepts(admitted)
            check_few(
                [each for each in catalog.stages.open_in(repository, now) if self._opened(each)]
            )
            stage = Stage(
                id=new_stage_id(),
                repository=repository,
                description=description,
                opened_by=self._actor.name,
                opened_by_kind=self._actor.kind.value,
                created_at=now,
                expires_at=now + life,
            )
            catalog.stages.add(admitted, stage)
            # Whoever knows all of the id may read what is staged.
            shown = replace(stage, id=stage.id[:_SHOWN_OF_ID])
            self._record(catalog, "open stage", shown, description=description)
        return stage

    def stages(self, repository: str) -> list[Stage]:
        """Returns the open stages of a repository that the actor may end, the oldest first.

        Raises PermissionDenied or UnknownRepository.
        """
        catalog = Catalog(self._database)
        admitted = self._repository(catalog, repository)
        found = catalog.stages.open_in(repository, datetime.now(UTC))
        return [stage for stage in found if self._may_end(self._database, admitted, stage)]

    def stage(self, repository: str, id_: str) -> tuple[Stage, list[DistributionFile]]:
        """Returns a stage and its files, in the order of upload, as far as the actor may see them.

        The actor may not see files of projects that it may not read.
        """
        catalog = Catalog(self._database)
        admitted = self._repository(catalog, repository)
        found = self._found(self._database, admitted, id_)
        files = [each.file for each in catalog.stages.files(id_)]
        return found, [file for file in files if self._may_know(admitted, file.project)]

    def publish(self, repository: str, id_: str) -> list[Accepted]:
        """Publishes the files of a stage, all of them or none, and ends the stage.

        Each file is checked as if it were uploaded now by the actor, after those before it. The
        time of its upload is that of the publication. Who has uploaded it stays.

        Raises Conflict for a stage without files, and a RegistryError that names the first file
        that may not be published. Then nothing has changed, and the stage is still open.
        """
        self._check_before(repository, id_)
        with self._change(repository, id_) as (catalog, stage):
            files = catalog.stages.files(id_)
            if not files:
                raise Conflict("There is nothing in this stage to publish; upload to it first.")
            catalog.stages.delete(id_)  # its names are no longer reserved, nor its bytes counted
            room = Room(self._gate, catalog)
            accepted = [self._place(catalog, stage, each, room) for each in files]
            self._record(catalog, "publish stage", stage)
        return accepted

    def drop(self, repository: str, id_: str) -> None:
        """Ends a stage. Its files are lost, and their names are free.

        What nothing else needs of them is deleted from the file store at once, so that nobody fills
        it beyond the quota by one stage after another.
        """
        with self._change(repository, id_) as (catalog, stage):
            files = catalog.stages.files(id_)
            catalog.stages.delete(id_)
            self._record(catalog, "drop stage", stage)
        discard_files(self._database, self._blobs, [each.file for each in files])

    @contextmanager
    def _change(self, repository: str, id_: str) -> Iterator[tuple[Catalog, Stage]]:
        """Locks the repository, so that nobody uploads to the stage or ends it meanwhile."""
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock(repository)
            admitted = self._repository(catalog, repository)
            yield catalog, self._found(connection, admitted, id_)

    def _repository(self, catalog: Catalog, repository: str) -> Repository:
        return self._gate.repository(self._actor, Permission.UPLOAD, catalog, repository)

    def _found(self, executor: Executor, repository: Repository, id_: str) -> Stage:
        stage = StageRows(executor).find(repository.name, id_, datetime.now(UTC))
        if stage is None:
            raise unknown_stage(repository.name)
        if not self._may_end(executor, repository, stage):
            if not self._reaches_all(executor, repository, stage):
                raise PermissionDenied(
                    "This stage has files of projects that the token does not reach; use another "
                    "token."
                )
            raise PermissionDenied(
                f"{self._actor.name!r} may upload to this stage, but only {stage.opened_by!r}, who "
                "opened it, and those who manage the repository may see, publish or drop it."
            )
        return stage

    def _may_end(self, executor: Executor, repository: Repository, stage: Stage) -> bool:
        if self._gate.allows(self._actor, Permission.MANAGE, repository):
            return True
        if not self._opened(stage):
            return False
        return self._is_same(executor, stage) and self._reaches_all(executor, repository, stage)

    def _opened(self, stage: Stage) -> bool:
        return bool(self._shared_names(stage))

    def _shared_names(self, stage: Stage) -> frozenset[str]:
        """Returns the names of the actor by which the stage was opened."""
        if stage.opened_by_kind != self._actor.kind.value:
            return frozenset()
        if self._actor.kind is ActorKind.PUBLISHER:
            return names_apart(self._actor.name) & names_apart(stage.opened_by)
        return frozenset({self._actor.name}) & {stage.opened_by}

    def _is_same(self, executor: Executor, stage: Stage) -> bool:
        """A user or a publisher of the same name that was deleted is somebody else."""
        accounts: dict[ActorKind, Users | PublisherRows] = {
            ActorKind.USER: Users(executor),
            ActorKind.PUBLISHER: PublisherRows(executor),
        }
        stored = accounts.get(self._actor.kind)
        if stored is None:
            return True
        since = [stored.created_at(name) for name in self._shared_names(stage)]
        return any(moment is None or moment <= stage.created_at for moment in since)

    def _reaches_all(self, executor: Executor, repository: Repository, stage: Stage) -> bool:
        actor, projects = self._actor, StageRows(executor).projects
        if actor.kind is ActorKind.PUBLISHER:
            return all(
                self._gate.allows(actor, Permission.UPLOAD, repository, project)
                for project in projects(stage.id)
            )
        return not actor.grants.within or all(map(actor.grants.reaches, projects(stage.id)))

    def _check_before(self, repository: str, id_: str) -> None:
        """Does before the transaction what waits for the file store, or for anybody elsewhere.

        A refusal names no project that the actor may not read.
        """
        catalog = Catalog(self._database)
        admitted = self._repository(catalog, repository)
        self._found(self._database, admitted, id_)
        staged = catalog.stages.files(id_)
        for each in staged:
            if not self._may_know(admitted, each.file.project):
                raise PermissionDenied(
                    f"{self._actor.name!r} may not publish all files of this stage; ask an "
                    "administrator."
                )
            with naming(each.file.filename):
                as_checked = replace(admitted, profile=each.profile)
                self._rechecks.check([each.file], as_checked, admitted)
        for project in dict.fromkeys(each.file.project for each in staged):
            located = catalog.locate(repository, project)
            if located is None or located.project is None:
                self._check_new_name(self._actor, admitted, project)

    def _may_know(self, repository: Repository, project: NormalizedName) -> bool:
        return any(
            self._gate.allows(self._actor, permission, repository, project)
            for permission in (Permission.READ, Permission.UPLOAD)
        )

    def _place(self, catalog: Catalog, stage: Stage, staged: FileOfStage, room: Room) -> Accepted:
        file = staged.file
        new = Publishable(
            filename=DistributionFilename.parse(file.filename, file.project),
            file=replace(file, uploaded_at=datetime.now(UTC)),
            display_name=staged.display_name,
            summary=staged.summary,
            size_beside=staged.size_beside,
            provenance=staged.provenance,
        )
        origin = {"stage": stage.id}
        with naming(file.filename):
            return place(self._gate, catalog, self._actor, stage.repository, new, origin, room=room)

    def _record(self, catalog: Catalog, action: str, stage: Stage, **more: str) -> None:
        detail = {"stage": stage.id, "files": str(stage.files), **more}
        entry = JournalEntry.by(self._actor, action, repository=stage.repository, detail=detail)
        catalog.journal.record(entry)
