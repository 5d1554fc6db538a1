"""What is known of the files of an upstream beyond what it says itself."""

from datetime import datetime

import msgspec

from pypi_repo.domain.upstreams.pages import UpstreamFile, UpstreamPage


def with_what_was_known(
    page: UpstreamPage, before: UpstreamPage | None, now: datetime
) -> UpstreamPage:
    """Returns a page with what its upstream does not say: when files were first seen, and digests.

    before: the page as it was kept.
    """
    if all(file.uploaded_at is not None and not _lacks_something(file) for file in page.files):
        return page
    known = {} if before is None else {file.filename: file for file in before.files}
    return msgspec.structs.replace(
        page, files=tuple(_completed(file, known.get(file.filename), now) for file in page.files)
    )


def with_found_file(
    page: UpstreamPage, found: UpstreamFile, metadata_sha256: str | None
) -> UpstreamPage:
    """Returns a page with what was found out of one of its files when it was fetched.

    found: the file, with its SHA-256.
    metadata_sha256: the SHA-256 of its core metadata, or None.
    """
    return msgspec.structs.replace(
        page,
        files=tuple(
            with_found(each, found.hashes["sha256"], metadata_sha256)
            if is_same_file(found, each)
            else each
            for each in page.files
        ),
    )


def _completed(file: UpstreamFile, known: UpstreamFile | None, now: datetime) -> UpstreamFile:
    is_same = known is not None and is_same_file(known, file)
    if file.uploaded_at is None:
        seen = known.first_seen if is_same and known is not None else None
        file = msgspec.structs.replace(file, first_seen=seen or now)
    if is_same and known is not None and "sha256" in known.hashes and _lacks_something(file):
        found = (known.metadata_hashes or {}).get("sha256")
        file = with_found(file, known.hashes["sha256"], found)
    return file


def _lacks_something(file: UpstreamFile) -> bool:
    """Returns whether an upstream says less of a file than is found out when it is fetched."""
    is_wheel = file.kind == "bdist_wheel"
    return "sha256" not in file.hashes or (
        is_wheel and "sha256" not in (file.metadata_hashes or {})
    )


def is_same_file(known: UpstreamFile, file: UpstreamFile) -> bool:
    """Returns whether nothing tells two files of one name apart, of which one may have a digest."""
    if known.filename != file.filename or file.size not in (None, known.size):
        return False
    both = known.hashes.keys() & file.hashes.keys()
    if both:
        return all(known.hashes[name] == file.hashes[name] for name in both)
    return known.url == file.url


def with_found(file: UpstreamFile, sha256: str, metadata_sha256: str | None) -> UpstreamFile:
    """Returns a file with what was found out when it was fetched.

    metadata_sha256: the SHA-256 of its core metadata, or None.
    """
    metadata_hashes = file.metadata_hashes
    if metadata_sha256 is not None:
        metadata_hashes = {**(metadata_hashes or {}), "sha256": metadata_sha256}
    return msgspec.structs.replace(
        file, hashes={**file.hashes, "sha256": sha256}, metadata_hashes=metadata_hashes
    )
