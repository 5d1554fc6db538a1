"""Finds out what kind of source a text names."""

import os
from dataclasses import dataclass, field

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.values.target import BasicCredentials, Target
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.importing.sources.devpi import PREFIX, DevpiIndex, split_url
from pypi_repo.services.importing.sources.devpi_export import find_export
from pypi_repo.services.importing.sources.folder import Folder
from pypi_repo.services.importing.sources.simple_index import SimpleIndex
from pypi_repo.services.importing.sources.site import Site
from pypi_repo.services.importing.sources.source import SOURCE, ImportSource


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAccess:
    """What an import may ask of an index elsewhere, and how.

    username, password: the credentials that it wants, if it wants any. The password is in no
        repr().
    file_hosts: hosts, or hosts and ports such as `files.example.com:8443`, from which its files may
        come, besides its own.
    allow_http: whether it is asked without TLS, where its URL or a link says so.
    allow_private_network: whether it, and the hosts of its files, may have addresses that are not
        on the public internet.
    """

    username: str | None = None
    password: str = field(default="", repr=False)
    file_hosts: frozenset[str] = frozenset()
    allow_http: bool = False
    allow_private_network: bool = False


def open_source(place: str, access: SourceAccess, client: OutboundClient) -> ImportSource:
    """Returns the source that a text names.

    place: the URL of a simple index, `devpi+` and the URL of an index of devpi, the path of a
        folder, or that of an export of devpi or of an index in it.

    Raises InvalidSetting if it is none of them.
    """
    if place.startswith(PREFIX):
        root, name = split_url(place.removeprefix(PREFIX))
        return DevpiIndex(Site(client, _target(access, root)), name)
    if place.startswith(("https://", "http://")):
        return SimpleIndex(Site(client, _target(access, place)))
    if export := find_export(place):
        return export
    if os.path.isdir(place):
        return Folder(place)
    raise InvalidSetting(
        f"{place[:200]!r} is neither a folder nor a URL; write the path of a folder, or the URL of "
        "a simple index."
    )


def _target(access: SourceAccess, url: str) -> Target:
    """Returns what may be asked of an index, whose root has no slash at the end, or one."""
    known = access.username is not None
    return Target(
        url=url.rstrip("/") + "/",
        credentials=BasicCredentials(access.username or "", access.password) if known else None,
        file_hosts=access.file_hosts,
        allow_http=access.allow_http,
        allow_private_network=access.allow_private_network,
        called=SOURCE,
    )
