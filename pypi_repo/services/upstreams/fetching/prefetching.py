"""Fetches what will be needed, before anybody asks for it."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pypi_repo.domain.errors import Conflict, RegistryError, UnknownFile
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.prefetching.environments import Environments
from pypi_repo.domain.prefetching.selection import selected
from pypi_repo.domain.prefetching.wanted import Wanted
from pypi_repo.domain.records import Repository
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.values.durations import Age
from pypi_repo.services.operations.progress import Listener, nobody
from pypi_repo.services.sources.readers import Readers
from pypi_repo.services.sources.upstream_source import project_page
from pypi_repo.services.upstreams.explain import Explainer
from pypi_repo.services.upstreams.fetching.fetches import WholeFetch
from pypi_repo.services.upstreams.files import UpstreamFiles
from pypi_repo.services.upstreams.pages import SeenPage, UpstreamPages
from pypi_repo.services.upstreams.screening import Screen
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstreams import SourcesOfRepositories

_AT_ONCE = 6  # files; each of them may be large


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefetched:
    """What was fetched ahead of need.

    fetched: the number of files that were fetched.
    size: the size of these files together, in bytes.
    here: the number of files that were here already.
    elsewhere: the projects that do not come from this upstream, for which it was not asked.
    problems: what could not be fetched, and why: one sentence each.
    """

    fetched: int
    size: int
    here: int
    elsewhere: tuple[NormalizedName, ...]
    problems: tuple[str, ...]


class Prefetching:
    """Fetches the files of upstreams that a list of requirements or a lock file wants."""

    def __init__(
        self, database: Database, pages: UpstreamPages, files: UpstreamFiles, readers: Readers
    ) -> None:
        self._database, self._pages, self._files = database, pages, files
        self._explainer = Explainer(database, readers)

    def run(
        self,
        upstream: Upstream,
        wanted: Iterable[Wanted],
        environments: Environments,
        listener: Listener = nobody,
    ) -> Prefetched:
        """Fetches what is wanted and not here yet. What fails does not keep the rest from coming.

        Raises Conflict if the upstream is offline.
        """
        if upstream.offline:
            raise Conflict(
                f"The upstream {upstream.name!r} is offline; let it be asked again before."
            )
        run = _Run(self._files, upstream, listener)
        elsewhere: list[NormalizedName] = []
        files: dict[str, UpstreamFile] = {}
        ways = self._ways_to(upstream)
        for each in wanted:
            if self._comes_from_elsewhere(ways, each.project):
                elsewhere.append(each.project)
            else:
                files |= {file.filename: file for file in self._selected(run, each, environments)}
        run.fetch([*files.values()])
        return Prefetched(
            fetched=run.fetched,
            size=run.size,
            here=run.here,
            elsewhere=tuple(dict.fromkeys(elsewhere)),
            problems=tuple(run.problems),
        )

    def _ways_to(self, upstream: Upstream) -> list[tuple[Repository, frozenset[str]]]:
        """Returns the repositories that lead to an upstream, each with its sources that do."""
        repositories = Catalog(self._database).repositories()
        stored = SourcesOfRepositories(self._database)
        configured = {each.name: stored.of(each) for each in repositories}
        leading = {f"upstream:{upstream.name}"}
        while True:
            found = [
                (each, leading.intersection(configured[each.name].references))
                for each in repositories
            ]
            leads = {f"repository:{each.name}" for each, sources in found if sources}
            if leads <= leading:
                return [(each, frozenset(sources)) for each, sources in found if sources]
            leading |= leads

    def _comes_from_elsewhere(
        self, ways: Iterable[tuple[Repository, frozenset[str]]], project: NormalizedName
    ) -> bool:
        """Returns whether a repository has or keeps a project, or gets it from an earlier source.

        Whoever runs the upstream must not learn the names of what others never publish there.
        """
        return any(
            all(
                each.answer == "not-asked"
                for each in self._explainer.explain(repository, project).asked
                if each.source in sources
            )
            for repository, sources in ways
        )

    def _selected(
        self, run: "_Run", wanted: Wanted, environments: Environments
    ) -> list[UpstreamFile]:
        try:
            seen = self._pages.page(run.upstream, wanted.project)
        except RegistryError as error:
            run.problems.append(f"{wanted.project}: {error.for_operator}")
            return []
        files = () if seen is None else _offered(run.upstream, seen, wanted)
        found = selected(wanted, files, environments)
        if not found:
            run.problems.append(f"{wanted.project}: the upstream has no file that is wanted.")
        missing = wanted.filenames - {file.filename for file in found}
        if found and missing and environments.are_all:
            run.problems.append(
                f"{wanted.project}: the upstream does not have {', '.join(sorted(missing))}."
            )
        return found


class _Run:
    def __init__(self, files: UpstreamFiles, upstream: Upstream, listener: Listener) -> None:
        self._files, self.upstream, self._listener = files, upstream, listener
        self._total = 0
        self._under_way: deque[tuple[UpstreamFile, WholeFetch]] = deque()
        self.fetched = self.size = self.here = 0
        self.problems: list[str] = []

    def fetch(self, files: Sequence[UpstreamFile]) -> None:
        missing = []
        for file in files:
            if self._files.is_here(self.upstream, file):
                self.here += 1
                self._fetch_metadata(file)
            else:
                missing.append(file)
        self._total = sum(file.size or 0 for file in missing)
        for file in missing:
            self._under_way.append((file, self._files.whole(self.upstream, file, is_ahead=True)))
            if len(self._under_way) >= _AT_ONCE:
                self._finish_one()
        while self._under_way:
            self._finish_one()

    def _finish_one(self) -> None:
        file, fetch = self._under_way[0]
        try:
            fetch.wait_until(self._tell)
        except RegistryError as error:
            self.problems.append(f"{file.filename}: {error.for_operator}")
        else:
            self.fetched += 1
            self.size += fetch.size or 0
            self._fetch_metadata(file)
        self._under_way.popleft()
        self._tell()

    def _tell(self) -> bool:
        """Returns that it is not enough yet, however much there is."""
        done = self.size + sum(fetch.readable for _file, fetch in self._under_way)
        self._listener(done, max(done, self._total, 1))
        return False

    def _fetch_metadata(self, file: UpstreamFile) -> None:
        if file.metadata_hashes is None:
            return
        try:
            content, _size = self._files.metadata(self.upstream, file, public=False).open()
            content.close()
        except UnknownFile:
            pass  # they are those of the wheel
        except RegistryError as error:
            self.problems.append(f"The metadata of {file.filename}: {error.for_operator}")


def _offered(upstream: Upstream, seen: SeenPage, wanted: Wanted) -> tuple[UpstreamFile, ...]:
    """Returns the files of a page, without those that are too young unless a lock names them."""
    page = seen.load().page
    if wanted.filenames or upstream.cooldown is None or upstream.cooldown_mode != "enforce":
        return page.files
    screen = Screen(
        (), age=Age(upstream.cooldown), is_enforced=True, first_seen=upstream.first_seen
    )
    whole = project_page(seen.project, seen.revision, page)
    withheld = {each.file.filename for each in screen.withheld(whole, datetime.now(UTC))}
    return tuple(file for file in page.files if file.filename not in withheld)
