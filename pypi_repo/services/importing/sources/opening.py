"""Finds out what kind of source a text names."""

import os
from dataclasses import dataclass

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.upstreams.target import BasicCredentials, BearerToken, Target
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.importing.sources.devpi import PREFIX, DevpiIndex, split_url
from pypi_repo.services.importing.sources.devpi_export import find_export
from pypi_repo.services.importing.sources.folder import Folder
from pypi_repo.services.importing.sources.simple_index import SimpleIndex
from pypi_repo.services.importing.sources.site import Site
from pypi_repo.services.importing.sources.source import ImportSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What an import may ask of an index elsewhere, and how. See `Target`."""

    credentials: BasicCredentials | BearerToken | None = None
    file_hosts: frozenset[str] = frozenset()
    allow_http: bool = False
    allow_private_network: bool = False

    def target(self, url: str) -> Target:
        """Returns what may be asked of an index.

        url: its root, with or without the slash at the end.
        """
        return Target(
            url=url.rstrip("/") + "/",
            credentials=self.credentials,
            file_hosts=self.file_hosts,
            allow_http=self.allow_http,
            allow_private_network=self.allow_private_network,
        )


def open_source(place: str, access: Access, client: OutboundClient) -> ImportSource:
    """Returns the source that a text names.

    place: the URL of a simple index, `devpi+` and the URL of an index of devpi, the path of a
        folder, or that of an export of devpi or of an index in it.

    Raises InvalidSetting if it is none of them.
    """
    if place.startswith(PREFIX):
        root, name = split_url(place.removeprefix(PREFIX))
        return DevpiIndex(Site(client, access.target(root)), name)
    if place.startswith(("https://", "http://")):
        return SimpleIndex(Site(client, access.target(place)))
    if export := find_export(place):
        return export
    if os.path.isdir(place):
        return Folder(place)
    raise InvalidSetting(
        f"{place[:200]!r} is neither a folder nor a URL; write the path of a folder, or the URL of "
        "a simple index."
    )
