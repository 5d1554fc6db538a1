"""Reads pages and files of a server elsewhere, within the limits and guards of the client."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import sleep
from typing import TypeVar

from pypi_repo.domain.errors import TooLarge, UnknownFile, UpstreamFailed, UpstreamRefused
from pypi_repo.domain.values.target import Target
from pypi_repo.domain.values.urls import parse_url
from pypi_repo.outbound.answer import Answer
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.upstreams.fetching.transfer import AS_IT_IS, CHUNK, part_in
from pypi_repo.settings import MIB, format_size

_LARGEST_PAGE = 64 * MIB
_ATTEMPTS = 3  # one after the other that bring nothing
_PAUSE = 0.5  # seconds, before the second attempt; then twice as long each time
_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})

Result = TypeVar("Result")


class Refused(UpstreamFailed):
    """A server answers with a status that another attempt would not change."""


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """What a URL answered.

    url: the URL that answered, after redirects.
    """

    body: bytes
    content_type: str
    url: str


class Site:
    """A server elsewhere. What fails there is tried three times.

    target: says what may be asked of it, and how.
    """

    def __init__(self, client: OutboundClient, target: Target) -> None:
        self._client = client
        self.target = target

    def host_to_allow(self, url: str) -> str | None:
        """Returns the host of a URL if the target does not allow to ask it."""
        try:
            parsed = parse_url(url)
        except UpstreamRefused:
            return None
        try:
            self.target.require_allowed(parsed)
        except UpstreamRefused:
            return parsed.netloc if parsed.netloc != self.target.root.netloc else None
        return None

    def page(self, url: str, accept: str) -> FetchedPage | None:
        """Returns what a URL answers, or None if there is nothing at the URL.

        accept: the media types to ask for.

        Raises UpstreamFailed and UpstreamRefused.
        """

        def ask() -> FetchedPage | None:
            with self._client.get(self.target, url, headers={"Accept": accept}) as answer:
                if answer.status in (404, 410):
                    return None
                _require_success(answer)
                content_type = answer.headers.get("Content-Type", "")
                return FetchedPage(answer.read_all(_LARGEST_PAGE), content_type, answer.url)

        return _tried(ask)

    def document(self, url: str, limit: int) -> bytes | None:
        """Returns a small file, or None if there is none at the URL.

        limit: its largest size, in bytes.

        Raises UpstreamFailed, UpstreamRefused and TooLarge.
        """

        def ask() -> bytes | None:
            with self._client.get(self.target, url, headers=AS_IT_IS) as answer:
                if answer.status in (404, 410):
                    return None
                _require_success(answer)
                content = bytearray()
                while chunk := answer.read(CHUNK):
                    content += chunk
                    if len(content) > limit:
                        raise TooLarge(
                            f"{answer.place} is larger than the {format_size(limit)} that it may "
                            "have here."
                        )
                return bytes(content)

        return _tried(ask)

    def read(self, url: str, *, goes_on: bool) -> Iterator[bytes]:
        """Yields the content of a file.

        goes_on: whether a transfer that was cut goes on where it was, which needs a digest with
            which the whole is compared.

        Raises UpstreamFailed, UpstreamRefused, and UnknownFile if the file is not there.
        """
        done = failures = 0
        while True:
            try:
                for chunk in self._rest(url, done):
                    done, failures = done + len(chunk), 0
                    yield chunk
                return
            except UpstreamFailed as error:
                failures += 1
                can_go_on = goes_on or not done
                if isinstance(error, Refused) or not can_go_on or failures >= _ATTEMPTS:
                    raise
                sleep(_PAUSE * 2.0 ** (failures - 1))

    def _rest(self, url: str, start: int) -> Iterator[bytes]:
        headers = dict(AS_IT_IS)
        if start:
            headers["Range"] = f"bytes={start}-"
        with self._client.get(self.target, url, headers=headers) as answer:
            if answer.status in (404, 410):
                raise UnknownFile("The file is not there any more.", detail=answer.place)
            if start and answer.status == 206:
                if part_in(answer).selected.start != start:
                    raise Refused("Another part of the file came than was asked for.")
            else:
                _require_success(answer)
                _skip(answer, start)
            while chunk := answer.read(CHUNK):
                yield chunk


def _tried(ask: Callable[[], Result]) -> Result:
    for attempt in range(1, _ATTEMPTS):
        try:
            return ask()
        except Refused:
            raise
        except UpstreamFailed:
            sleep(_PAUSE * 2.0 ** (attempt - 1))
    return ask()


def _skip(answer: Answer, size: int) -> None:
    while size > 0:
        chunk = answer.read(min(CHUNK, size))
        if not chunk:
            raise UpstreamFailed("A file became shorter while it was read; try again.")
        size -= len(chunk)


def _require_success(answer: Answer) -> None:
    if answer.status == 200:
        return
    if answer.status in _MAY_PASS:
        raise UpstreamFailed(
            f"The server answers with status {answer.status}; try again later.",
            detail=answer.place,
        )
    if answer.status in (401, 403):
        raise Refused(
            "The server refuses the credentials, or wants some; check the user and the password.",
            detail=f"status {answer.status} of {answer.place}",
        )
    raise Refused(
        f"The server answers with status {answer.status}; check the URL.", detail=answer.place
    )
