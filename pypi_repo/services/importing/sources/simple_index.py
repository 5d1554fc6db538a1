"""A simple index elsewhere (PEP 503, PEP 691), of whatever product."""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from pypi_repo.domain.errors import UnreadablePage
from pypi_repo.domain.importing.found import FoundFile, FoundProject, LeftOut
from pypi_repo.domain.importing.project_lists import read_project_list
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.stored_files import METADATA_SUFFIX, SIGNATURE_SUFFIX
from pypi_repo.domain.text import counted
from pypi_repo.domain.upstreams.pages import ACCEPT, UpstreamFile, UpstreamPage, read_page
from pypi_repo.services.importing.sources.site import FetchedPage, Site
from pypi_repo.services.importing.sources.source import ImportSource


class SimpleIndex(ImportSource):
    """Pages in JSON or HTML, below the URL of the site's target."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._root = str(site.target.root)
        self._spelled: dict[NormalizedName, str] = {}

    def __str__(self) -> str:
        return self._site.target.root.shown

    def projects(self) -> Sequence[NormalizedName]:
        page = self._site.page(self._root, ACCEPT)
        if page is None:
            raise UnreadablePage(
                "The source has no list of projects; check its URL, which is that of a simple "
                "index, or name the projects."
            )
        self._spelled = read_project_list(page.body)
        return sorted(self._spelled)

    def project(self, name: NormalizedName) -> FoundProject | None:
        page = self._page(name)
        if page is None:
            return None
        found = read_page(page.body, page.content_type, page.url, name)
        return FoundProject(
            name=name,
            status=found.status,
            status_reason=found.status_reason,
            files=tuple(sorted(map(_file, found.files), key=attrgetter("age"))),
            left_out=tuple(_dropped(name, found)),
        )

    def _page(self, name: NormalizedName) -> FetchedPage | None:
        page = self._site.page(f"{self._root}{name}/", ACCEPT)
        spelled = self._spelled.get(name, name)
        if page is None and spelled != name:  # a folder of static pages
            page = self._site.page(f"{self._root}{spelled}/", ACCEPT)
        return page

    def read(self, file: FoundFile) -> Iterator[bytes]:
        return self._site.read(file.location, goes_on=bool(file.hashes))

    def read_beside(self, location: str, limit: int) -> bytes | None:
        return self._site.document(location, limit)

    def host_to_allow(self, file: FoundFile) -> str | None:
        return self._site.host_to_allow(file.location)


def _file(file: UpstreamFile) -> FoundFile:
    return FoundFile(
        filename=file.filename,
        location=file.url,
        hashes=file.hashes,
        size=file.size,
        uploaded_at=file.uploaded_at,
        yanked=file.yanked,
        signature=_beside(file.url, SIGNATURE_SUFFIX) if file.is_signed else None,
        provenance=file.provenance,
        metadata=None if file.metadata_hashes is None else _beside(file.url, METADATA_SUFFIX),
    )


def _beside(url: str, suffix: str) -> str:
    path, question_mark, query = url.partition("?")
    return f"{path}{suffix}{question_mark}{query}"


def _dropped(name: NormalizedName, page: UpstreamPage) -> Iterable[LeftOut]:
    if page.status == "quarantined":
        yield LeftOut(name, "", "It is quarantined there, so none of its files is offered.")
    if page.dropped:
        yield LeftOut(
            name,
            "",
            f"The page has {counted(page.dropped, 'file')} with unsafe names, names of other "
            "projects, digests that are none, or URLs that lead nowhere.",
        )
