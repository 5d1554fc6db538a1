"""Statements about publishers, and about the tokens of their CI jobs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pypi_repo.domain.accounts.grants import Access
from pypi_repo.domain.identity.ci_job import CIJob
from pypi_repo.domain.identity.conditions import REACH
from pypi_repo.domain.identity.publisher import (
    JobToken,
    ListedPublisher,
    May,
    Publisher,
    PublisherSettings,
)
from pypi_repo.storage.database.account_tables import publisher_tokens, publishers
from pypi_repo.storage.database.engines.both import insert_into
from pypi_repo.storage.database.executor import Executor, ask, lock_name, within_transaction
from pypi_repo.storage.database.prepared import Question
from pypi_repo.storage.database.rows import job_text, lookup, to_job
from pypi_repo.storage.database.tables import repositories

_ACCESS: dict[May, Access] = {"upload": Access.WRITE, "read": Access.READ}
MAY = {access: may for may, access in _ACCESS.items()}
"""What a publisher gives, by the access that is stored."""

_OF_ITS_OWN = tuple(
    publishers.c[name]
    for name in (
        *("id", "name", "kind", "issuer", "claims", "projects", "access", "minutes"),
        *(*REACH, "created_at", "created_by"),
        *("last_used_at", "received", "received_at", "refusal"),
    )
)
_TO_MATCH = tuple(publishers.c[each.name] for each in fields(ListedPublisher))


class PublisherRows:
    """Reads and changes publishers. Changes need a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def all(self) -> list[Publisher]:
        """Returns all publishers, sorted by name."""
        rows = self._executor.execute(_selected().order_by(publishers.c.name))
        return [_to_publisher(row) for row in rows]

    def publisher(self, name: str) -> Publisher | None:
        """Returns the publisher with a name, or None."""
        rows = self._executor.execute(_selected().where(publishers.c.name == lookup(name)))
        return next(map(_to_publisher, rows), None)

    def lock(self, name: str) -> Publisher | None:
        """Returns the same as `publisher`; nobody changes or deletes it before the commit."""
        statement = _selected().where(publishers.c.name == lookup(name))
        rows = within_transaction(self._executor).execute(
            statement.with_for_update(key_share=True, of=publishers)
        )
        return next(map(_to_publisher, rows), None)

    def those(self, chosen: Iterable[ListedPublisher]) -> list[Publisher]:
        """Returns publishers as they are now, in the order of their ids.

        Those that were deleted are left out.
        """
        return [_to_publisher(row) for row in self._executor.execute(_selected_those(chosen))]

    def lock_those(self, chosen: Iterable[ListedPublisher]) -> list[Publisher]:
        """Returns the same as `those`; nobody changes or deletes them before the commit.

        They are locked in the order of their ids, as by all who lock several, so nobody waits for
        each other.
        """
        rows = within_transaction(self._executor).execute(
            _selected_those(chosen).with_for_update(key_share=True, of=publishers)
        )
        return [_to_publisher(row) for row in rows]

    def of_issuer(self, issuer: str) -> list[ListedPublisher]:
        """Returns the publishers whose jobs have tokens of an issuer, in the order of their ids.

        Each token reads them all, so what they have received, which may be large, is left out.
        """
        rows = self._executor.execute(
            select(*_TO_MATCH)
            .where(publishers.c.issuer == lookup(issuer))
            .order_by(publishers.c.id)
        )
        return [ListedPublisher(**row._mapping) for row in rows]

    def whole_of_issuer(self, issuer: str) -> list[Publisher]:
        """Returns the same publishers as `of_issuer` with all that they have, sorted by name."""
        rows = self._executor.execute(
            _selected().where(publishers.c.issuer == lookup(issuer)).order_by(publishers.c.name)
        )
        return [_to_publisher(row) for row in rows]

    def created_at(self, name: str) -> datetime | None:
        """Returns when a publisher was created; None if there is none of this name."""
        found = select(publishers.c.created_at).where(publishers.c.name == lookup(name))
        return self._executor.execute(found).scalar()

    def change_alone(self) -> None:
        """Keeps others from creating or changing publishers until the commit.

        Those of one issuer reach it alike, also if two are created at once.
        """
        lock_name(within_transaction(self._executor), "publishers of CI jobs")

    def lock_all_of(self, issuer: str) -> None:
        """Locks all publishers of an issuer, in the order of their ids, as all who lock several."""
        within_transaction(self._executor).execute(
            select(publishers.c.id)
            .where(publishers.c.issuer == lookup(issuer))
            .order_by(publishers.c.id)
            .with_for_update(key_share=True)
        )

    def reach(self, changed: Publisher) -> list[Publisher]:
        """Lets all publishers of an issuer reach it as one does, and returns the other ones."""
        self._executor.execute(
            update(publishers)
            .where(publishers.c.issuer == changed.issuer)
            .values({name: getattr(changed, name) for name in REACH})
        )
        return [each for each in self.whole_of_issuer(changed.issuer) if each.id != changed.id]

    def add(
        self, name: str, settings: PublisherSettings, repository_id: int, at: datetime, by: str
    ) -> Publisher | None:
        """Adds a publisher.

        Returns None if the name is taken. The transaction cannot be used any more then.
        """
        of_the_row: dict[str, Any] = {"name": name, "created_at": at, "created_by": by}
        values = {
            **_written(settings.settings()),
            **of_the_row,
            "repository_id": repository_id,
        }
        try:
            added = self._executor.execute(
                insert(publishers).values(values).returning(publishers.c.id)
            )
        except IntegrityError:
            return None
        return Publisher(**settings.settings(), **of_the_row, id=int(added.scalar_one()))

    def change(self, changed: Publisher, repository_id: int) -> None:
        """Changes the settings of a publisher, whose tokens end with it.

        changed: the publisher as it is to be, also with the refusal that the settings lead to.
        repository_id: that of its repository.
        """
        values = {**_written(changed.settings()), "refusal": changed.refusal}
        self._executor.execute(
            update(publishers)
            .where(publishers.c.id == changed.id)
            .values(repository_id=repository_id, **values)
        )
        # Whole, also what others give by them: a signed token is then verified anew, and gets what
        # the publisher gives now.
        self._end_tokens(publisher_tokens.c.publisher_id == changed.id)

    def verify_anew(self, issuer: str) -> None:
        """Ends what signed tokens of an issuer give, until each is verified by its next request.

        That tells which publishers are for its job now.
        """
        of_issuer = select(publishers.c.id).where(publishers.c.issuer == issuer)
        self._end_tokens(
            publisher_tokens.c.is_signed, publisher_tokens.c.publisher_id.in_(of_issuer)
        )

    def _end_tokens(self, *which: ColumnElement[bool]) -> None:
        """Ends whole tokens of which at least one publisher's part is meant.

        They are locked in the order of their digests, as others may end some of them as well.
        """
        meant = select(publisher_tokens.c.secret_sha256).where(*which)
        whole = publisher_tokens.c.secret_sha256.in_(meant)
        key = publisher_tokens.c.secret_sha256, publisher_tokens.c.publisher_id
        self._executor.execute(select(*key).where(whole).order_by(*key).with_for_update()).all()
        self._executor.execute(delete(publisher_tokens).where(whole))

    def delete(self, publisher: Publisher) -> None:
        """Deletes a publisher with its tokens."""
        self._executor.execute(delete(publishers).where(publishers.c.id == publisher.id))

    def note_received(
        self,
        publisher: Publisher,
        received: str,
        at: datetime,
        refusal: str | None,
    ) -> None:
        """Keeps the claims that came last, and which of them did not match.

        received: the claims (JSON).
        refusal: a sentence; None if all of them matched.
        """
        values: dict[str, Any] = {"received": received, "received_at": at, "refusal": refusal}
        if refusal is None:
            values["last_used_at"] = at
        self._executor.execute(
            update(publishers).where(publishers.c.id == publisher.id).values(values)
        )


class PublisherTokens:
    """Reads and changes the tokens of CI jobs. Changes need a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def given(self, secret_sha256: str) -> tuple[JobToken, ...]:
        """Returns what a token gives, by each publisher, in one statement."""
        return ask(self._executor, GIVEN, digest=secret_sha256)

    def add(
        self,
        secret_sha256: str,
        publishers_found: Iterable[Publisher],
        workload: CIJob,
        at: datetime,
        until: Mapping[int, datetime],
        *,
        is_signed: bool,
    ) -> None:
        """Adds a token, which several publishers may give something.

        is_signed: whether it is that of the job itself. It may be there already, and is then added
            anew.
        until: when it ends for each publisher, by the id of the publisher.
        """
        connection = within_transaction(self._executor)
        rows = [
            {
                "secret_sha256": secret_sha256,
                "publisher_id": publisher.id,
                "is_signed": is_signed,
                "workload": workload.as_texts(),
                "created_at": at,
                "expires_at": until[publisher.id],
            }
            for publisher in publishers_found
        ]
        added = insert_into(connection.dialect, publisher_tokens)
        renewed = ("workload", "created_at", "expires_at")
        connection.execute(
            added.on_conflict_do_update(
                index_elements=["secret_sha256", "publisher_id"],
                set_={name: added.excluded[name] for name in renewed},
            ),
            rows,
        )

    def end(self, secret_sha256: str) -> None:
        """Deletes a token, of whichever publishers it is."""
        self._executor.execute(
            delete(publisher_tokens).where(publisher_tokens.c.secret_sha256 == secret_sha256)
        )


def _selected() -> Select[Any]:
    return select(*_OF_ITS_OWN, repositories.c.name.label("repository")).join_from(
        publishers, repositories, repositories.c.id == publishers.c.repository_id
    )


def _selected_those(chosen: Iterable[ListedPublisher]) -> Select[Any]:
    ids = [publisher.id for publisher in chosen]
    return _selected().where(publishers.c.id.in_(ids)).order_by(publishers.c.id)


def _to_publisher(row: Row[Any]) -> Publisher:
    values = dict(row._mapping)
    values["projects"] = tuple(values["projects"].split())
    values["may"] = MAY[Access(values.pop("access"))]
    return Publisher(**values)


def _written(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns columns; the repository is another one, and its id is not known here."""
    written = {**settings, "claims": dict(settings["claims"])}
    written["projects"] = " ".join(settings["projects"])
    written["access"] = int(_ACCESS[written.pop("may")])
    del written["repository"]
    return written


def _to_job_token(row: Sequence[Any]) -> JobToken:
    publisher, repository, projects, access, workload, expires_at = row
    given = PublisherSettings(
        repository=repository, projects=tuple(projects.split()), may=MAY[Access(access)]
    )
    return JobToken(
        publisher=publisher,
        grants=given.grants,
        workload=to_job(workload),
        expires_at=expires_at,
    )


# Every request of a CI job asks this: built once, as building costs more than running it.
GIVEN = Question(
    select(
        publishers.c.name,
        repositories.c.name,
        publishers.c.projects,
        publishers.c.access,
        job_text(publisher_tokens.c.workload),
        publisher_tokens.c.expires_at,
    )
    .join_from(publisher_tokens, publishers, publishers.c.id == publisher_tokens.c.publisher_id)
    .join(repositories, repositories.c.id == publishers.c.repository_id)
    .where(publisher_tokens.c.secret_sha256 == bindparam("digest"))
    .order_by(publishers.c.name),
    lambda rows: tuple(map(_to_job_token, rows)),
)
