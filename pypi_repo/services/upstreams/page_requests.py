"""Asks upstreams for pages, and keeps what they answer."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, NamedTuple, TypeVar

from pypi_repo.domain.errors import (
    RegistryError,
    Unavailable,
    UnreadablePage,
    UpstreamFailed,
    UpstreamRefused,
)
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.upstreams.pages import (
    ACCEPT,
    UpstreamFile,
    UpstreamPage,
    decode,
    encode,
    read_page,
)
from pypi_repo.domain.upstreams.seen import with_found_file, with_what_was_known
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.outbound.answer import Answer
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.upstreams.circuits import Circuit
from pypi_repo.services.upstreams.configuring.checking import LARGEST_PAGE, unexpected
from pypi_repo.services.upstreams.targets import Targets
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstream_pages import PageState, UpstreamPageRows
from pypi_repo.storage.upstreams import Upstreams

_log = logging.getLogger(__name__)

_NOTED_EVERY = timedelta(minutes=1)
_SUBJECT = "upstreams"  # of transactions that may be shared
_TRIES = 5

Result = TypeVar("Result")


class Answered(NamedTuple):
    """What is known after an upstream has answered.

    page: the page, if it was sent.
    """

    state: PageState
    page: UpstreamPage | None = None


class PageRequests:
    """Asks upstreams for pages of projects, each at most as often as its failures allow."""

    def __init__(self, database: Database, client: OutboundClient, targets: Targets) -> None:
        self._database = database
        self._client = client
        self._targets = targets
        self._mutex = threading.Lock()
        self._circuits: dict[int, Circuit] = {}
        self._noted: dict[int, datetime] = {}
        self._outcomes: Counter[tuple[str, ...]] = Counter()

    def outcomes(self) -> dict[tuple[str, ...], int]:
        """Returns how often what came of asking, by the name of the upstream and the outcome."""
        with self._mutex:
            return dict(self._outcomes)

    def count(self, upstream: Upstream, outcome: str) -> None:
        """Counts what came of asking an upstream."""
        with self._mutex:
            self._outcomes[upstream.name, outcome] += 1

    def ask(
        self, upstream: Upstream, project: NormalizedName, state: PageState | None
    ) -> "Answered":
        """Asks for the page of a project, keeps the answer, and returns what is known then.

        state: what was known before.

        Raises UpstreamFailed, UpstreamRefused or UnreadablePage.
        """
        if not self.circuit(upstream).lets_ask():
            raise UpstreamFailed(
                f"The upstream {upstream.name!r} does not answer; try again in half a minute.",
                retry_after=30,
            )
        known = state if state is not None and state.is_found else None
        answered, etag = self._exchange(upstream, project, known)
        now = datetime.now(UTC)
        if isinstance(answered, UpstreamPage):
            self.count(upstream, "changed")
            return self._saved(upstream, project, answered, etag, known)
        self.count(upstream, answered)
        if answered == "unchanged" and known is not None:
            etag = etag or known.etag
            self._change(lambda rows: rows.confirm(upstream, project, etag, now))
            return Answered(known._replace(checked_at=now, etag=etag))
        if state is None or not state.is_kept:
            return Answered(PageState(0, now, None, is_found=False))
        absence = PageState(state.revision, now, None, is_found=False)
        return Answered(self.keep_absence(upstream, project, absence))

    def keep_absence(
        self, upstream: Upstream, project: NormalizedName, absence: PageState
    ) -> PageState:
        """Keeps in the database that an upstream does not have a project.

        Names that nobody has are many, so it is only for one that was known before, or that others
        supply for this reason.

        absence: what is known, with the revision of what was kept before.

        Returns what is known then, which is something else if others have learnt it later.
        """
        at, before = absence.checked_at, absence.revision
        revision = self._change(lambda rows: rows.miss(upstream, project, at, before))
        if revision is None:
            return UpstreamPageRows(self._database).state(upstream, project) or absence
        return absence._replace(revision=revision)

    def _exchange(
        self, upstream: Upstream, project: NormalizedName, known: PageState | None
    ) -> "tuple[UpstreamPage | Literal['unchanged', 'missing'], str | None]":
        """Returns the page, or what there is to say instead of it; and its ETag."""
        headers = {"Accept": ACCEPT}
        if known is not None and known.etag is not None:
            headers["If-None-Match"] = known.etag
        url = f"{upstream.url}{project}/"
        try:
            with self._client.get(self._targets.of(upstream), url, headers=headers) as answer:
                answered = _read(upstream, project, answer, is_known=known is not None)
                etag = answer.headers.get("ETag")
        except (UnreadablePage, _NameRefused):  # it is about this project alone
            self.count(upstream, "unreadable")
            self._note_answer(upstream)
            raise
        except (UpstreamFailed, UpstreamRefused) as error:
            self.count(upstream, "failed")
            self._note_failure(upstream, error)
            raise
        self._note_answer(upstream)
        return answered, etag

    def _saved(
        self,
        upstream: Upstream,
        project: NormalizedName,
        page: UpstreamPage,
        etag: str | None,
        known: PageState | None,
    ) -> "Answered":
        """Keeps a page, with what was known of its files, unless it is the one that is kept.

        Others may be keeping another one at the same time, and then it is done again.
        """
        now = datetime.now(UTC)
        before = None
        for number in range(_TRIES):
            if known is not None or number > 0:  # or else nothing is kept, most probably
                before = UpstreamPageRows(self._database).kept(upstream, project)
            document = before.document if before and before.url == upstream.url else None
            content = with_what_was_known(page, None if document is None else decode(document), now)
            completed = encode(content)
            if known is not None and document == completed:
                self._change(lambda rows: rows.confirm(upstream, project, etag, now))
                return Answered(known._replace(checked_at=now, etag=etag), content)
            save = partial(
                UpstreamPageRows.save,
                upstream=upstream,
                project=project,
                document=completed,
                etag=etag,
                at=now,
                before=before and before.revision,
            )
            if (revision := self._change(save)) is not None:
                return Answered(PageState(revision, now, etag, is_found=True), content)
        raise Unavailable(f"The page of {project!r} is being changed by others; try again.")

    def complete(self, upstream: Upstream, file: UpstreamFile, found: str | None) -> None:
        """Completes the page of a file that was fetched, where the upstream says less of it.

        file: the file, with its SHA-256.
        found: the SHA-256 of its core metadata; None if it has none.
        """
        rows = UpstreamPageRows(self._database)
        for _try in range(_TRIES):
            state = rows.state(upstream, file.project)
            kept = rows.document(upstream, file.project)
            if kept is None or state is None:
                return
            save = partial(
                UpstreamPageRows.save,
                upstream=upstream,
                project=file.project,
                document=encode(with_found_file(decode(kept[1]), file, found)),
                etag=state.etag,
                at=state.checked_at,
                before=kept[0],
            )
            if self._change(save) is not None:
                return

    def _change(self, work: "Callable[[UpstreamPageRows], Result]") -> "Result":
        return self._database.together(
            _SUBJECT, lambda connection: work(UpstreamPageRows(connection)), lasting=False
        )

    # Health

    def circuit(self, upstream: Upstream) -> Circuit:
        """Returns what decides whether an upstream is asked."""
        with self._mutex:
            return self._circuits.setdefault(upstream.id, Circuit())

    def _note_answer(self, upstream: Upstream) -> None:
        had_failed = self.circuit(upstream).note_answer()
        now = datetime.now(UTC)
        with self._mutex:
            last = self._noted.get(upstream.id)
            if not had_failed and last is not None and now - last < _NOTED_EVERY:
                return
            self._noted[upstream.id] = now
        self._note(lambda upstreams: upstreams.note_answer(upstream.id, now))

    def _note_failure(self, upstream: Upstream, error: RegistryError) -> None:
        self.circuit(upstream).note_failure()
        _log.warning("The upstream %s fails: %s", upstream.name, error.for_operator)
        now = datetime.now(UTC)
        self._note(lambda upstreams: upstreams.note_failure(upstream.id, now, error.message))

    def _note(self, work: Callable[[Upstreams], None]) -> None:
        with suppress(RegistryError):
            self._database.together(
                _SUBJECT, lambda connection: work(Upstreams(connection)), lasting=False
            )


class _NameRefused(UpstreamFailed):
    """The upstream answers, but not about this project."""


def _read(
    upstream: Upstream, project: NormalizedName, answer: Answer, *, is_known: bool
) -> UpstreamPage | Literal["unchanged", "missing"]:
    if answer.status == 200:
        content_type = answer.headers.get("Content-Type", "")
        return read_page(answer.read_all(LARGEST_PAGE), content_type, answer.url, project)
    if answer.status == 304 and is_known:
        return "unchanged"
    if answer.status in (404, 410):
        if not answer.url.rstrip("/").endswith(f"/{project}"):
            # Such as a page for those who have to sign in: it says nothing of the project.
            raise UpstreamFailed(
                f"The upstream {upstream.name!r} leads to another page, which is not there; tell "
                "an administrator.",
                detail=answer.place,
            )
        return "missing"
    error = unexpected(upstream, answer)
    if answer.status == 401 or answer.status >= 500:
        raise error
    raise _NameRefused(error.message, detail=error.detail)
