"""Renders the JSON document of a project, in the shape of the public index's own JSON API.

That shape is no standard; mirrors, bots and auditors read it all the same. What only the public
index knows (downloads, vulnerabilities, owners) is there and empty.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from pypi_repo.domain.pages.simple_pages import file_url
from pypi_repo.domain.records import DistributionFile, ListedFile, ProjectDetails


def render(details: ProjectDetails, *, files_url: str, project_url: str, whole: bool) -> bytes:
    """Returns the JSON document about one release of a project, `details.version`.

    files_url, project_url: absolute, since readers use them out of their context.
    whole: whether it lists all releases too.
    """
    document: dict[str, Any] = {
        "info": _info(details, project_url),
        "last_serial": details.serial,
        "urls": _files(details.releases.get(details.version, ()), files_url),
        "vulnerabilities": [],
        "ownership": {"roles": [], "organization": None},
    }
    if whole:
        document["releases"] = {
            version: _files(files, files_url) for version, files in details.releases.items()
        }
    return msgspec.json.encode(document)


def _info(details: ProjectDetails, project_url: str) -> dict[str, Any]:
    fields: dict[str, Any] = dict(details.fields)
    files = details.releases.get(details.version, ())
    reasons = [file.yanked for file in files]
    yanked = bool(reasons) and None not in reasons
    return {
        "name": details.name,
        "version": details.version,
        "summary": fields.get("summary"),
        "description": fields.get("description", ""),
        "description_content_type": fields.get("description_content_type"),
        "keywords": ",".join(fields.get("keywords", [])),
        "license": fields.get("license"),
        "license_expression": fields.get("license_expression"),
        "license_files": fields.get("license_files"),
        "classifiers": fields.get("classifiers", []),
        "author": fields.get("author"),
        "author_email": fields.get("author_email"),
        "maintainer": fields.get("maintainer"),
        "maintainer_email": fields.get("maintainer_email"),
        "requires_python": fields.get("requires_python"),
        "platform": ",".join(fields.get("platforms", [])) or None,
        "downloads": {"last_day": -1, "last_week": -1, "last_month": -1},
        "package_url": project_url,
        "project_url": project_url,
        "release_url": project_url,
        "project_urls": fields.get("project_urls") or None,
        "requires_dist": fields.get("requires_dist"),
        "provides_extra": fields.get("provides_extra"),
        "docs_url": None,
        "bugtrack_url": None,
        "home_page": fields.get("home_page"),
        "download_url": fields.get("download_url"),
        "dynamic": fields.get("dynamic"),
        "yanked": yanked,
        "yanked_reason": next((reason for reason in reasons if reason), None) if yanked else None,
    }


def _files(files: tuple[ListedFile, ...], files_url: str) -> list[dict[str, Any]]:
    return [_file(file, files_url) for file in files]


def _file(file: ListedFile, files_url: str) -> dict[str, Any]:
    digests, metadata_hashes, uploaded_at = _digests(file), file.metadata_hashes, file.uploaded_at
    return {
        "filename": file.filename,
        "packagetype": file.kind,
        "python_version": file.python_tag,
        "requires_python": file.requires_python,
        "url": file_url(file, files_url),
        "size": file.size,
        "md5_digest": digests.get("md5"),
        "digests": digests,
        "core-metadata": False if metadata_hashes is None else metadata_hashes or True,
        "has_sig": file.is_signed,
        "comment_text": (isinstance(file, DistributionFile) and file.exemption) or "",
        "downloads": -1,
        "upload_time": uploaded_at and uploaded_at.strftime("%Y-%m-%dT%H:%M:%S"),
        "upload_time_iso_8601": uploaded_at and uploaded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "yanked": file.yanked is not None,
        "yanked_reason": file.yanked or None,
    }


def _digests(file: ListedFile) -> Mapping[str, str]:
    """Returns all digests, under the names that the public index has for them."""
    if not isinstance(file, DistributionFile):
        return file.hashes
    digests = file.digests
    return {"blake2b_256": digests.blake2_256, "md5": digests.md5, "sha256": digests.sha256}
