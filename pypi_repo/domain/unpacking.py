"""What members of any archive are read by, within limits."""

from collections.abc import Iterable

from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.settings import Limits


def collect(chunks: Iterable[bytes], limit: int, name: str) -> bytes:
    """All of a small member; raises InvalidArchive beyond `limit` bytes."""
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > limit:
            raise InvalidArchive(f"{name} is larger than {limit} bytes.")
    return bytes(content)


def exhaust(chunks: Iterable[bytes]) -> None:
    """Reads a member only to see that it is what it claims to be."""
    for _chunk in chunks:
        pass


def refuse_bomb(unpacked: int, packed: int, limits: Limits) -> None:
    """Raises InvalidArchive where unpacking would cost far more than the upload did."""
    if unpacked > limits.unpacked_size or (
        unpacked > limits.archive_expansion_floor and unpacked > packed * limits.archive_expansion
    ):
        raise InvalidArchive("The archive unpacks to far more than its size allows for.")
