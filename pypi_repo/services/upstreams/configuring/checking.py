"""Asks an upstream what it speaks, and from which hosts its files come."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from urllib.parse import urlsplit

from pypi_repo.domain.errors import UpstreamFailed, UpstreamRefused
from pypi_repo.domain.names import NormalizedName, is_normalized, normalize
from pypi_repo.domain.upstreams.pages import ACCEPT, UpstreamPage, read_page
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.values.target import Target
from pypi_repo.outbound.answer import Answer
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.upstreams.targets import Targets
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstreams import Upstreams

_WELL_KNOWN = (NormalizedName("pip"), NormalizedName("setuptools"), NormalizedName("torch"))
LARGEST_PAGE = 64 * 1024 * 1024  # bytes
_READ_OF_A_LIST = 256 * 1024  # bytes, in which a project is found if there is one
_LISTED = re.compile(rb'"name"\s*:\s*"([A-Za-z0-9._-]{1,100})"|href="([^"]{1,200}?)/?"')
_TRIED = 5  # projects of a list
_HOW_IT_IS_ASKED = frozenset(
    {
        *("url", "offline", "allow_http", "allow_private_network", "ca_file"),
        *("username", "secret", "secret_variable"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCheck:
    """What an upstream says of one project.

    project: the project whose page was read.
    speaks: the form of the page: JSON (PEP 691) or HTML (PEP 503).
    files: the number of files on the page.
    has_digests: whether each file has a digest.
    has_upload_times: whether each file has an upload time, which a cooldown needs.
    has_core_metadata: whether wheels have core metadata of their own (PEP 658).
    file_hosts: the hosts of the files, besides the upstream's own.
    """

    project: str
    speaks: str
    files: int
    has_digests: bool
    has_upload_times: bool
    has_core_metadata: bool
    file_hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PageRead:
    """What a page has said of an upstream that is new, or asked otherwise than before.

    upstream: the upstream, as it is now.
    new_hosts: the hosts of files that were taken from the page.
    other_hosts: hosts that the page names, from which no files are fetched.
    failure: why there was no page, for who has asked; empty if there was, or none was asked for.
    setting: the name of the setting that could allow to ask for one; None if none could.
    """

    upstream: Upstream
    new_hosts: tuple[str, ...] = ()
    other_hosts: tuple[str, ...] = ()
    failure: str = ""
    setting: str | None = None

    @property
    def warnings(self) -> list[str]:
        """What is probably wrong with the settings, as sentences."""
        found = []
        if self.failure:
            sentence = " ".join(self.failure.split()).removesuffix(".")
            found.append(f"It gives no page yet: {sentence}.")
        if self.other_hosts:
            found.append(
                f"Some of its files are at {', '.join(self.other_hosts)}, from where none are "
                "fetched; add them to its file hosts to allow it."
            )
        return found


def is_asked_otherwise(upstream: Upstream, given: Collection[str]) -> bool:
    """Returns whether a page should say anew from which hosts the files of an upstream come.

    given: the names of the settings that were given to it. What was said of the hosts holds.
    """
    says_hosts = "file_hosts" in given
    return not (upstream.offline or says_hosts or _HOW_IT_IS_ASKED.isdisjoint(given))


class UpstreamChecks:
    """Reads a page of an upstream, which is not kept."""

    def __init__(self, database: Database, client: OutboundClient, targets: Targets) -> None:
        self._database = database
        self._client = client
        self._targets = targets

    def check(self, upstream: Upstream) -> UpstreamCheck:
        """Asks an upstream for a project that it has: a well-known one, or one of its list.

        A page without any file says nothing of an index: other sites have such pages, too. From
        then on the upstream is said to answer, or else to fail.

        Raises UpstreamFailed, UpstreamRefused or UnreadablePage.
        """
        try:
            found = self._checked(upstream)
        except (UpstreamFailed, UpstreamRefused) as error:
            with self._database.begin() as connection:
                now = datetime.now(UTC)
                Upstreams(connection).note_failure(upstream.id, now, error.message)
            raise
        with self._database.begin() as connection:
            Upstreams(connection).note_answer(upstream.id, datetime.now(UTC))
        return found

    def _checked(self, upstream: Upstream) -> UpstreamCheck:
        target = self._targets.of(upstream)
        for project in chain(_WELL_KNOWN, self._listed(upstream, target)):
            with self._ask(target, f"{upstream.url}{project}/") as answer:
                if answer.status == 200:
                    found = _check(upstream, project, answer)
                    if found.files:
                        return found
                elif answer.status not in (404, 410):
                    raise unexpected(upstream, answer)
        raise UpstreamFailed(
            f"The upstream {upstream.name!r} has no project with files to look at; check its URL, "
            "which must be that of a simple index."
        )

    def _listed(self, upstream: Upstream, target: Target) -> Iterator[NormalizedName]:
        """Yields projects from the beginning of the list, which may be large."""
        with self._ask(target, upstream.url) as answer:
            if answer.status != 200:
                raise unexpected(upstream, answer)
            beginning = b""
            while len(beginning) < _READ_OF_A_LIST and (chunk := answer.read(65536)):
                beginning += chunk
        texts = (a or b for a, b in _LISTED.findall(beginning))
        names = (normalize(text.decode().rstrip("/").rpartition("/")[2]) for text in texts)
        found = [name for name in dict.fromkeys(names) if is_normalized(name)]
        yield from found[:_TRIED]

    def _ask(self, target: Target, url: str) -> Answer:
        return self._client.get(target, url, headers={"Accept": ACCEPT})


def _check(upstream: Upstream, project: NormalizedName, answer: Answer) -> UpstreamCheck:
    body = answer.read_all(LARGEST_PAGE)
    page = read_page(body, answer.headers.get("Content-Type", ""), answer.url, project)
    files = page.files
    wheels = [file for file in files if file.kind == "bdist_wheel"]
    return UpstreamCheck(
        project=project,
        speaks="JSON" if body.lstrip()[:1] == b"{" else "HTML",
        files=len(files),
        has_digests=all(file.hashes for file in files),
        has_upload_times=all(file.uploaded_at is not None for file in files),
        has_core_metadata=bool(wheels) and all(each.metadata_hashes is not None for each in wheels),
        file_hosts=_hosts(upstream, page),
    )


def _hosts(upstream: Upstream, page: UpstreamPage) -> tuple[str, ...]:
    own = urlsplit(upstream.url).netloc.lower()
    hosts = {urlsplit(file.url).netloc.lower() for file in page.files}
    return tuple(sorted(hosts - {own}))


def unexpected(upstream: Upstream, answer: Answer) -> UpstreamFailed:
    """Returns the error for an answer that is neither a page nor the absence of one."""
    if answer.status in (401, 403):
        return UpstreamFailed(
            f"The upstream {upstream.name!r} refuses the credentials that it is given; tell an "
            "administrator.",
            detail=f"status {answer.status}",
        )
    if answer.status in (404, 410):
        return UpstreamFailed(
            f"The upstream {upstream.name!r} answers with status {answer.status}; check its URL, "
            "which must be that of a simple index."
        )
    return UpstreamFailed(
        f"The upstream {upstream.name!r} answers with status {answer.status}; try again later."
    )
