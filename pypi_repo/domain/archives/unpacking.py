"""Reads members of archives within limits."""

from collections.abc import Iterable

from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.settings import Limits


def collect(chunks: Iterable[bytes], limit: int, name: str) -> bytes:
    """Returns the content of a small member.

    limit: the largest size, in bytes.

    Raises InvalidArchive if the member is larger.
    """
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > limit:
            raise InvalidArchive(f"{name} is larger than {limit} bytes.")
    return bytes(content)


def exhaust(chunks: Iterable[bytes]) -> None:
    """Reads a member to its end, only to check it."""
    for _chunk in chunks:
        pass


def refuse_bomb(unpacked: int, packed: int, limits: Limits) -> None:
    """Raises InvalidArchive if the unpacked size is out of proportion to the size of the upload.

    unpacked: the unpacked size, in bytes.
    packed: the size of the archive, in bytes.
    """
    if unpacked > limits.unpacked_size or (
        unpacked > limits.archive_expansion_floor and unpacked > packed * limits.archive_expansion
    ):
        raise InvalidArchive("The archive unpacks to far more than its size allows for.")
