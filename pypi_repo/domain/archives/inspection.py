"""Inspects wheels and sdists within limits, and returns their core metadata, byte for byte."""

import io
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO

from pypi_repo.domain.archives.sdists import Sdist
from pypi_repo.domain.archives.wheels import Wheel
from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.metadata.raw_metadata import Document
from pypi_repo.domain.validation.rules import Rules
from pypi_repo.settings import Limits

_BROKEN = (
    EOFError,
    IndexError,
    KeyError,
    OSError,  # gzip.BadGzipFile is one, and so are tarfile's complaints about negative seeks
    OverflowError,
    RecursionError,  # tarfile, where extended headers follow each other without end
    ValueError,
    struct.error,
    tarfile.TarError,
    zlib.error,
)
"""What the standard library's readers raise on bytes that are no archive, or a broken one."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result of inspecting an archive.

    document: the METADATA of a wheel or the PKG-INFO of an sdist.
    warnings: sentences about what is unusual but accepted.
    """

    document: Document
    warnings: tuple[str, ...]

    @property
    def metadata(self) -> bytes:
        """The content of the document."""
        return self.document.content


def inspect(
    file: IO[bytes],
    filename: DistributionFilename,
    rules: Rules,
    limits: Limits,
    *,
    is_known: bool = False,
) -> Inspection:
    """Inspects a whole archive.

    file: a seekable file; its position does not matter.
    is_known: whether all of it was inspected before. Then of a wheel only the parts are read that
        the rules are about.

    Raises InvalidArchive if the archive cannot be read, could harm a program that unpacks it,
    breaks a rule, or exceeds the limits.
    """
    is_wheel = filename.kind == "bdist_wheel"
    try:
        _refuse_polyglot(file, filename)
        archive = (Wheel if is_wheel else Sdist)(file, filename, rules, limits)
        document = archive.check()
        if isinstance(archive, Wheel) and not is_known:
            archive.read_the_rest()
    except _BROKEN as error:
        raise InvalidArchive(f"{filename.filename} is broken or cut off: {error}") from error
    return Inspection(document, tuple(archive.warnings))


def _refuse_polyglot(file: IO[bytes], filename: DistributionFilename) -> None:
    """Refuses a file that is a zip for some tools and a tar for others.

    It could be two different packages.
    """
    if filename.filename.endswith(".tar.gz"):
        is_both = zipfile.is_zipfile(file)
    else:
        file.seek(0, io.SEEK_SET)
        is_both = _is_tar_header(file.read(tarfile.BLOCKSIZE))
    if is_both:
        raise InvalidArchive(f"{filename.filename} is a zip archive and a tar archive at once.")


def _is_tar_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
