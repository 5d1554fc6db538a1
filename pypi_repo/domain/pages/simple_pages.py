"""Renders the simple repository API, in JSON (PEP 691, 700, 714, 792) and HTML (PEP 503, 833).

All functions return the bytes of a whole document.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from pypi_repo.domain.records import (
    DistributionFile,
    ListedFile,
    ListedProject,
    ProjectList,
    ProjectPage,
)


class Links(NamedTuple):
    """The URLs to which a page links.

    files_url: what is put before a file's path, relative to the page or absolute.

    provenance_url: what is put before PROJECT/VERSION/FILENAME/provenance. Absolute and https, as
        PEP 740 asks; None where nobody knows such a URL.
    """

    files_url: str
    provenance_url: str | None = None


JSON_API_VERSION = "1.4"
HTML_API_VERSION = "1.4"  # PEP 833 froze the HTML form at this version

_UNRESERVED = re.compile(r"[\w./~-]*", re.ASCII)


def project_json(page: ProjectPage, links: Links) -> bytes:
    """Returns the page of a project as JSON (PEP 691)."""
    return _json(
        {
            "meta": _meta(page.serial),
            "name": page.name,
            "project-status": _status(page),
            "versions": page.versions,
            "files": [_file(file, links) for file in page.files],
        }
    )


def list_json(index: ProjectList) -> bytes:
    """Returns the list of all projects as JSON (PEP 691)."""
    return _json(
        {
            "meta": _meta(index.serial),
            "projects": [
                {"name": project.name, "_last-serial": project.serial} for project in index.projects
            ],
        }
    )


def project_html(page: ProjectPage, links: Links) -> bytes:
    """Returns the page of a project as HTML (PEP 503)."""
    status = f'<meta name="pypi:project-status" content="{page.status}">'
    if page.status_reason:
        reason = escape(page.status_reason)
        status += f'\n<meta name="pypi:project-status-reason" content="{reason}">'
    anchors = "".join(_file_link(file, links) for file in page.files)
    return _html(f"Links for {page.name}", status, anchors, page.serial)


def list_html(index: ProjectList) -> bytes:
    """Returns the list of all projects as HTML (PEP 503)."""
    links = "".join(_project_link(project) for project in index.projects)
    return _html("Simple index", "", links, index.serial)


def _meta(serial: int) -> dict[str, Any]:
    return {"api-version": JSON_API_VERSION, "_last-serial": serial}


def _status(page: ProjectPage) -> dict[str, str]:
    status: dict[str, str] = {"status": page.status}
    if page.status_reason:
        status["reason"] = page.status_reason
    return status


def _file(file: ListedFile, links: Links) -> dict[str, Any]:
    document: dict[str, Any] = {
        "filename": file.filename,
        "url": file_url(file, links.files_url),
        "hashes": file.hashes,
        "gpg-sig": file.is_signed,
        # An empty reason would mean "not yanked" to some installers and "yanked" to others.
        "yanked": False if file.yanked is None else file.yanked or True,
    }
    if file.size is not None:
        document["size"] = file.size
    if file.uploaded_at is not None:
        document["upload-time"] = _timestamp(file.uploaded_at)
    if file.requires_python is not None:
        document["requires-python"] = file.requires_python
    if (metadata_hashes := file.metadata_hashes) is not None:
        # Not as `dist-info-metadata` too, its old name: pip 22.3 to 23.1 crash on an object there.
        document["core-metadata"] = metadata_hashes or True
    if (provenance := _provenance(file, links)) is not None:
        document["provenance"] = provenance
    if isinstance(file, DistributionFile) and file.exemption is not None:
        document["_exemption"] = file.exemption
    return document


def _file_link(file: ListedFile, links: Links) -> str:
    digest = _one_of(file.hashes)
    url = file_url(file, links.files_url) + (f"#{digest}" if digest else "")
    attributes = [f'href="{escape(url)}"']
    if file.requires_python is not None:
        attributes.append(f'data-requires-python="{escape(file.requires_python)}"')
    if file.yanked is not None:
        # Never the bare attribute: pip takes that as "not yanked".
        attributes.append(f'data-yanked="{escape(file.yanked)}"')
    if (metadata_hashes := file.metadata_hashes) is not None:
        digest = escape(_one_of(metadata_hashes) or "true")
        attributes.append(f'data-core-metadata="{digest}" data-dist-info-metadata="{digest}"')
    attributes.append(f'data-gpg-sig="{"true" if file.is_signed else "false"}"')
    if (provenance := _provenance(file, links)) is not None:
        attributes.append(f'data-provenance="{escape(provenance)}"')
    # Not in the standard; uv reads both for --exclude-newer and progress.
    if file.size is not None:
        attributes.append(f'data-size="{file.size}"')
    if file.uploaded_at is not None:
        attributes.append(f'data-upload-time="{_timestamp(file.uploaded_at)}"')
    return f"<a {' '.join(attributes)}>{escape(file.filename)}</a><br>\n"


def _project_link(project: ListedProject) -> str:
    return f'<a href="{project.normalized_name}/">{escape(project.name)}</a><br>\n'


def _provenance(file: ListedFile, links: Links) -> str | None:
    if links.provenance_url is None or not file.has_provenance:
        return None
    path = quote(f"{file.project}/{file.version}/{file.filename}/provenance")
    return links.provenance_url + path


def file_url(file: ListedFile, files_url: str) -> str:
    """Returns the URL at which clients get a file.

    files_url: what is put before the location of a file that is no URL of its own.
    """
    location = file.location
    # Of nearly all paths, quote() would change nothing, and it is slow.
    if _UNRESERVED.fullmatch(location):
        return files_url + location
    return location if "://" in location else files_url + quote(location)


def _one_of(hashes: Mapping[str, str]) -> str:
    """Returns a digest in the form of HTML, which has room for one: SHA-256 if it is known."""
    for name in ("sha256", *hashes):
        if name in hashes:
            return f"{name}={hashes[name]}"
    return ""


def _timestamp(moment: datetime) -> str:
    """moment: in UTC."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _json(document: dict[str, Any]) -> bytes:
    return msgspec.json.encode(document)


def _html(title: str, meta: str, links: str, serial: int) -> bytes:
    # No other anchors: installers take every one of them for a file or project.
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="{HTML_API_VERSION}">
{meta}
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
{links}</body>
</html>
<!--SERIAL {serial}-->
""".encode()
