"""What issuers say of themselves, asked for seldom and kept for all processes."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.errors import UpstreamFailed, UpstreamRefused
from pypi_repo.domain.identity.claims import Claims
from pypi_repo.domain.identity.errors import IdentityProviderFailed, UnknownKey
from pypi_repo.domain.identity.issuer import Discovery, Issuer, read_discovery
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.outbound.limits import OutboundLimits
from pypi_repo.services.identity.keys import Key, read_keys, written_keys
from pypi_repo.services.identity.tokens import verify_jwt
from pypi_repo.settings import KIB
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.identity.issuers import IssuerRows, KnownIssuer

LIMITS = OutboundLimits(
    page=512 * KIB, page_time=10, headers=64 * KIB, redirects=2, connect=5, read=10, kept=2
)
"""Limits on what is taken from issuers: a person waits for it."""

ASKED_AT_MOST_EVERY = timedelta(minutes=1)
"""How often the keys are asked for because a token names an unknown one."""

_FRESH = timedelta(hours=1)
_USED_AT_MOST = timedelta(days=1)  # while the issuer does not answer
_NOT_ASKED_FOR = timedelta(seconds=10)  # after a failure, and twice as long after each other one
_NOT_ASKED_AT_MOST = timedelta(minutes=2)  # a job that comes then would fail, too
_MOST_WAITING = 8  # threads of a process, which may have 32
_OTHERS_WAIT = 1.0  # seconds: many jobs begin at once, and most issuers answer sooner

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Failure:
    """When an issuer was asked last in vain, and for how long it is not asked again."""

    at: datetime
    pause: timedelta
    error: IdentityProviderFailed


class Issuers:
    """Knows issuers of tokens, and verifies what they sign. It is thread-safe.

    client: asks them, also for what they say of persons; `close` closes it.
    clock: returns the time, for tests.
    """

    def __init__(
        self, database: Database, client: OutboundClient, clock: Clock = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self.client = client
        self._clock = clock
        self._locks: dict[Issuer, threading.Lock] = {}
        self._mutex = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self._failures: dict[Issuer, _Failure] = {}

    def close(self) -> None:
        """Closes the connections to issuers."""
        self.client.close()

    def discovery(self, issuer: Issuer) -> Discovery:
        """Returns what an issuer says of itself.

        Raises IdentityProviderFailed if it is not known, and cannot be had.
        """
        return read_discovery(self._known(issuer).discovery, issuer)

    def verify(self, issuer: Issuer, token: str, audience: str) -> Claims:
        """Returns the claims of a token that an issuer has signed for an audience.

        If the token names an unknown key, the issuer is asked for new ones; at most once a minute,
        whatever the number of processes.

        Raises InvalidToken, and IdentityProviderFailed if the keys cannot be had.
        """
        keys = self._keys(issuer)
        try:
            return verify_jwt(token, keys, issuer=issuer.url, audience=audience)
        except UnknownKey:
            if not self._may_ask(issuer):
                raise
        newer = self._fetch_keys(issuer, self._known(issuer))
        return verify_jwt(
            token, read_keys(newer.keys or "", issuer), issuer=issuer.url, audience=audience
        )

    def read_again(self, issuer: Issuer) -> tuple[Discovery, Sequence[Key]]:
        """Asks an issuer for what it says of itself and for its keys, whatever is known of them.

        Raises IdentityProviderFailed.
        """
        self._failures.pop(issuer, None)
        known = self._fetch_discovery(issuer)
        discovery = read_discovery(known.discovery, issuer)
        return discovery, read_keys(self._fetch_keys(issuer, known).keys or "", issuer)

    def _known(self, issuer: Issuer) -> KnownIssuer:
        return self._fresh(
            issuer,
            lambda known: None if known is None else known.discovered_at,
            lambda _known: self._fetch_discovery(issuer),
        )

    def _keys(self, issuer: Issuer) -> Sequence[Key]:
        self._known(issuer)
        known = self._fresh(
            issuer,
            lambda known: known.keys_at if known is not None and known.keys else None,
            # Not by `_known`, which would wait for the lock that is held now.
            lambda known: self._fetch_keys(issuer, known or self._fetch_discovery(issuer)),
        )
        return read_keys(known.keys or "", issuer)

    def _fresh(
        self,
        issuer: Issuer,
        moment: Callable[[KnownIssuer | None], datetime | None],
        fetch: Callable[[KnownIssuer | None], KnownIssuer],
    ) -> KnownIssuer:
        """Returns what is known of an issuer, which is asked if that is missing or old.

        While it is asked, or does not answer, what is old is used up to a day.
        """
        stored = IssuerRows(self._database)
        known = stored.known(issuer.url)
        if known is not None and self._is_within(_FRESH, moment(known)):
            return known
        usable = known if self._is_within(_USED_AT_MOST, moment(known)) else None
        with self._mutex:
            lock = self._locks.setdefault(issuer, threading.Lock())
        if not lock.acquire(blocking=False):
            if usable is not None:
                return usable
            self._wait_for(lock)
        try:
            known = stored.known(issuer.url)  # another thread may have been faster
            if known is not None and self._is_within(_FRESH, moment(known)):
                return known
            with self._remembering(issuer):
                return fetch(known)
        except IdentityProviderFailed:
            if usable is None:
                raise
            return usable
        finally:
            lock.release()

    def _wait_for(self, lock: threading.Lock) -> None:
        """Strangers can make an issuer be asked, and must not occupy all threads if it is slow."""
        if self._waiting.acquire(blocking=False):
            try:
                lock.acquire()
            finally:
                self._waiting.release()
        elif not lock.acquire(timeout=_OTHERS_WAIT):
            raise IdentityProviderFailed(
                "Many wait for the keys of the issuer, which is being asked; try again in a few "
                "seconds."
            )

    def _is_within(self, time: timedelta, moment: datetime | None) -> bool:
        return moment is not None and self._clock() - moment < time

    def _may_ask(self, issuer: Issuer) -> bool:
        with self._database.begin() as connection:
            return IssuerRows(connection).begin_asking(
                issuer.url, self._clock(), ASKED_AT_MOST_EVERY
            )

    def _fetch_discovery(self, issuer: Issuer) -> KnownIssuer:
        content = self._fetch(issuer, issuer.discovery_url)
        read_discovery(content, issuer)
        document = content.decode()
        with self._database.begin() as connection:
            return IssuerRows(connection).keep_discovery(issuer.url, document, self._clock())

    def _fetch_keys(self, issuer: Issuer, known: KnownIssuer) -> KnownIssuer:
        discovery = read_discovery(known.discovery, issuer)
        keys, now = read_keys(self._fetch(issuer, discovery.jwks_uri), issuer), self._clock()
        with self._database.begin() as connection:
            IssuerRows(connection).keep_keys(issuer.url, written_keys(keys), now)
        return replace(known, keys=written_keys(keys), keys_at=now)

    def _fetch(self, issuer: Issuer, url: str) -> bytes:
        headers = {"Accept": "application/json"}
        with elsewhere(), self.client.get(issuer.target(url), url, headers=headers) as answer:
            if answer.status != 200:
                raise IdentityProviderFailed(
                    f"The {issuer.called} does not say what it should; check the URL of the "
                    "issuer, or try again later.",
                    detail=f"{answer.place}: status {answer.status}",
                )
            return answer.read_all(LIMITS.page)

    @contextmanager
    def _remembering(self, issuer: Issuer) -> Iterator[None]:
        """Strangers can begin sign-ins, and each must not wait for an issuer that is down."""
        last = self._failures.get(issuer)
        if last is not None and timedelta() <= self._clock() - last.at < last.pause:
            # A new one: with each raise, an error keeps more of who has seen it.
            raise IdentityProviderFailed(last.error.message, detail=last.error.detail)
        try:
            yield
        except IdentityProviderFailed as error:
            pause = _NOT_ASKED_FOR if last is None else min(2 * last.pause, _NOT_ASKED_AT_MOST)
            self._failures[issuer] = _Failure(self._clock(), pause, error)
            raise
        self._failures.pop(issuer, None)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Turns errors of outbound into those of identity providers."""
    try:
        yield
    except IdentityProviderFailed:
        raise
    except (UpstreamFailed, UpstreamRefused) as error:
        message = error.message
        if isinstance(error, UpstreamRefused) and error.setting == "file_hosts":
            message = "The issuer leads to another host, which is not asked; check its URL."
        raise IdentityProviderFailed(message, detail=error.detail) from error
