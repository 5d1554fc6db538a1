"""A live devpi, by its JSON API, which says what its simple index does not: times and uploaders."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Final
from urllib.parse import quote, unquote

from pypi_repo.domain.errors import InvalidSetting, UnreadablePage
from pypi_repo.domain.importing import devpi
from pypi_repo.domain.importing.found import FoundFile, FoundProject, LeftOut
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.values.urls import Url, parse_url
from pypi_repo.services.importing.sources.site import Site
from pypi_repo.services.importing.sources.source import SOURCE, ImportSource

PREFIX: Final = "devpi+"
"""What is written before the URL of an index of devpi."""

_JSON = "application/json"


class DevpiIndex(ImportSource):
    """An index of a live devpi, with what it inherits from other indexes, but not from mirrors.

    A mirror is read if it is the index itself.

    site: the devpi server; the URL of its target is that of the whole server.
    name: the name of the index, such as `team/stage`.
    """

    def __init__(self, site: Site, name: str) -> None:
        self._site = site
        self._root = site.target.root
        self._name = name

    def __str__(self) -> str:
        return f"{PREFIX}{self._root.shown}{self._name}"

    def projects(self) -> Sequence[NormalizedName]:
        return sorted(self._having)

    def project(self, name: NormalizedName) -> FoundProject | None:
        having = self._having.get(name)
        if having is None:
            return None
        files: dict[str, FoundFile] = {}
        left_out: list[LeftOut] = []
        for index, spelled in having.items():
            for version in self._versions(index, spelled):
                for link in version.links:
                    if (place := _own_place(link.href, index)) is None:
                        continue
                    filename = unquote(place.rpartition("/")[2])
                    if link.rel == "releasefile":
                        location = str(self._root.joined(f"{_path(index)}/{place}"))
                        files.setdefault(filename, _file(filename, location, link, version))
                    else:
                        left_out.append(devpi.left_out(link.rel, name, filename))
        return FoundProject(
            name=name,
            files=tuple(sorted(files.values(), key=attrgetter("age"))),
            left_out=tuple(left_out),
        )

    def read(self, file: FoundFile) -> Iterator[bytes]:
        return self._site.read(file.location, goes_on=bool(file.hashes))

    def read_beside(self, location: str, limit: int) -> bytes | None:
        return self._site.document(location, limit)

    def left_out(self) -> Iterator[LeftOut]:
        _indexes, mirrors = self._chain
        return devpi.mirrors_left_out(mirrors)

    @cached_property
    def _chain(self) -> tuple[dict[str, devpi.Config], dict[str, devpi.Config]]:
        """The index and those from which it inherits, and the mirrors among them.

        Raises InvalidSetting if there is no such index.
        """
        return devpi.in_order_of_bases(self._name, self._config)

    @cached_property
    def _having(self) -> dict[NormalizedName, dict[str, str]]:
        """Of each project, the indexes that have it, with its name as they spell it."""
        having: dict[NormalizedName, dict[str, str]] = {}
        indexes, _mirrors = self._chain
        for index, config in indexes.items():
            for spelled in config.projects:
                having.setdefault(normalize(spelled), {})[index] = spelled
        return having

    def _config(self, index: str) -> devpi.Config | None:
        answer = self._answer(self._root.joined(_path(index)))
        if answer is not None and answer.type == "indexconfig":
            return _read(answer, devpi.Config)
        if index == self._name:
            raise _no_index(str(self), answer)
        return None

    def _versions(self, index: str, project: str) -> list[devpi.Version]:
        # It is told not to repeat what the bases have, which are asked one by one.
        url = self._root.joined(f"{_path(index)}/{quote(project, safe='')}?ignore_bases=")
        answer = self._answer(url)
        if answer is None:
            return []
        if answer.type != "projectconfig":
            raise _unreadable(url.shown)
        return list(_read(answer, dict[str, devpi.Version]).values())

    def _answer(self, url: Url) -> devpi.Answer | None:
        page = self._site.page(str(url), _JSON)
        if page is None:
            return None
        try:
            return devpi.decoded(page.body, devpi.Answer)
        except ValueError as error:
            raise _unreadable(str(error)) from error


def split_url(text: str) -> tuple[str, str]:
    """Returns the URL of a devpi server and the name of an index, of the URL of the index.

    The name is shorter if the URL cannot be that of an index.

    Raises UpstreamRefused if it is no URL.
    """
    url = parse_url(text, SOURCE)
    segments = [unquote(part) for part in url.path.split("/") if part]
    if segments[-1:] in (["+simple"], ["+api"]):
        del segments[-1]
    prefix, name = segments[:-2], segments[-2:]
    folder = "".join(f"/{quote(part)}" for part in prefix)
    return f"{url.scheme}://{url.netloc}{folder}/", "/".join(name)


def _read(answer: devpi.Answer, kind: type[devpi.Decoded]) -> devpi.Decoded:
    try:
        return devpi.decoded(answer.result, kind)
    except ValueError as error:
        raise _unreadable(str(error)) from error


def _path(index: str) -> str:
    return quote(index, safe="/@")


def _own_place(href: str, index: str) -> str | None:
    """Returns the path of a file below its index, or None if the file is one of another index.

    Its host does not count: devpi may believe in a URL that is not reachable from here.
    """
    before, found, place = href.partition("#")[0].partition("/+")
    return f"+{place}" if found and unquote(before).endswith(f"/{index}") else None


def _file(filename: str, location: str, link: devpi.Link, version: devpi.Version) -> FoundFile:
    uploaded_at, uploaded_by = devpi.uploaded(link.log)
    return FoundFile(
        filename=filename,
        location=location,
        hashes=link.known(),
        uploaded_at=uploaded_at,
        uploaded_by=uploaded_by,
        yanked=version.yank,
    )


def _no_index(place: str, answer: devpi.Answer | None) -> InvalidSetting:
    owners: list[devpi.Owner] = []
    if answer is not None and answer.type == "userconfig":
        owners = [_read(answer, devpi.Owner)]
    elif answer is not None and answer.type == "list:userconfig":
        owners = list(_read(answer, dict[str, devpi.Owner]).values())
    names = sorted(f"{owner.username}/{name}" for owner in owners for name in owner.indexes)
    if names:
        return InvalidSetting(
            f"{place} is no index, but has these: {', '.join(names)[:1000]}. Write the URL of one "
            "of them."
        )
    return InvalidSetting(
        f"There is no index of devpi at {place}; write its URL like devpi+https://HOST/USER/INDEX."
    )


def _unreadable(detail: str) -> UnreadablePage:
    return UnreadablePage(
        "devpi's answer cannot be understood; check that the URL is one of a devpi server.",
        detail=detail,
    )
