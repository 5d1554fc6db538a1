"""What a wheel must hold. https://packaging.python.org/en/latest/specifications/binary-distribution-format/"""

import base64
import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

from packaging.tags import Tag, parse_tag

from pypi_repo.domain.archives.entry_points import script_names, stays_in_folder
from pypi_repo.domain.archives.member_names import list_names, warn_of_alike
from pypi_repo.domain.archives.unpacking import collect, exhaust, refuse_bomb
from pypi_repo.domain.archives.zip_archive import ZipMember, read_member, read_members
from pypi_repo.domain.errors import InvalidArchive
from pypi_repo.domain.filenames import DistributionFilename, number_of_tags, split_stem
from pypi_repo.domain.metadata.headers import split_headers
from pypi_repo.domain.metadata.raw_metadata import Document
from pypi_repo.domain.validation.rules import Rules
from pypi_repo.settings import Limits

_PLAIN = re.compile(r"[\w.-]+")
# "sha256 or better" (the specification rules out md5, sha1 and sha224 by name).
_RECORD_HASHES = frozenset({"sha256", "sha384", "sha512", "blake2b", "blake2s", "sha3_256"})
_MOST_TAGS = 100_000
_LINES = re.compile(rb"[^\r\n]+")
_LONGEST_RECORD_LINE = 4096  # bytes


class Wheel:
    """An opened wheel.

    warnings: sentences about what is unusual but accepted.
    """

    def __init__(
        self, file: IO[bytes], filename: DistributionFilename, rules: Rules, limits: Limits
    ) -> None:
        self._file = file
        self._filename = filename
        self._rules = rules
        self._limits = limits
        self._members = {member.name: member for member in read_members(file, limits)}
        self._verified: set[str] = set()
        self.warnings: list[str] = []
        self._info = self._find_info()

    def check(self) -> Document:
        """Checks the archive by its directory and by the rules, and returns its METADATA.

        Raises InvalidArchive if the wheel is invalid or cannot be installed.
        """
        self._check_size()
        self._check_folders()
        self._check_wheel_file()
        self._check_entry_points()
        metadata = Document(self._read(f"{self._info}/METADATA"))
        if self._rules.complete_wheels:
            self._check_licences(metadata)
            self._check_record()
        return metadata

    def read_the_rest(self) -> None:
        """Reads what `check` did not read. Raises InvalidArchive for a damaged member."""
        for member in self._members.values():
            if member.name not in self._verified:
                exhaust(read_member(self._file, member))

    def _check_size(self) -> None:
        claimed = sum(member.size for member in self._members.values())
        packed = sum(member.compressed_size for member in self._members.values())
        refuse_bomb(claimed, packed, self._limits)

    def _check_folders(self) -> None:
        infos = self._infos()
        if len(infos) > 1:
            raise InvalidArchive(
                f"The wheel has more than one .dist-info folder: {list_names(infos)}."
            )
        required = ["WHEEL", "METADATA"] + (["RECORD"] if self._rules.complete_wheels else [])
        for name in required:
            if f"{self._info}/{name}" not in self._members:
                raise InvalidArchive(f"The wheel lacks {self._info}/{name}.")
        self.warnings += warn_of_alike(self._members, f"{self._info}/", self._rules)

    def _find_info(self) -> str:
        """Returns the `.dist-info` folder, which must be that of the same project and version."""
        expected = f"{self._filename.stem}.dist-info"
        infos = self._infos()
        if self._rules.normalized_filenames or len(infos) != 1 or expected in infos:
            return expected
        (found,) = infos
        named = self._filename
        stated = split_stem(found.removesuffix(".dist-info"), named.project)
        if stated != (named.project, named.version):
            return expected
        self.warnings.append(f"The folder {found} should be named {expected}.")
        return found

    def _infos(self) -> set[str]:
        tops = {name.partition("/")[0] for name in self._members}
        return {name for name in tops if name.endswith(".dist-info")}

    def _check_wheel_file(self) -> None:
        if not self._rules.verified_record:
            return
        headers, _body = split_headers(self._read(f"{self._info}/WHEEL"))
        first = {header.name: header.value for header in reversed(headers)}
        version = first.get(b"wheel-version", "")
        if version.partition(".")[0].strip() != "1":
            raise InvalidArchive(f"Wheel-Version {version[:20]!r} is not known here; 1.x is.")
        if b"root-is-purelib" not in first:
            raise InvalidArchive("The file WHEEL does not say Root-Is-Purelib.")
        stated = {header.value for header in headers if header.name == b"tag"}
        if _expanded(stated) != self._filename.tags:
            # Well-known projects repack one wheel for many platforms; installers do not compare.
            self.warnings.append("The tags in the file WHEEL are not those of the filename.")
        build = first.get(b"build", "")
        if build and build != self._filename.build:
            raise InvalidArchive("The Build in the file WHEEL is not that of the filename.")

    def _check_entry_points(self) -> None:
        name = f"{self._info}/entry_points.txt"
        if name not in self._members:
            return
        for script in script_names(self._read(name)):
            # Installers make a file of this name in a folder of programs.
            is_taken = _PLAIN.fullmatch(script) or not self._rules.plain_script_names
            if not (is_taken and stays_in_folder(script)):
                raise InvalidArchive(f"{script[:80]!r} cannot be the name of a script.")

    def _check_licences(self, metadata: Document) -> None:
        for path in metadata.licence_files:
            if f"{self._info}/licenses/{path}" not in self._members:
                raise InvalidArchive(f"The wheel lacks the licence file {path[:80]!r}.")

    def _check_record(self) -> None:
        record_name = f"{self._info}/RECORD"
        record = self._read(record_name, _record_limit(self._limits))
        rows = _record_rows(record, self._limits.archive_members)
        unsigned = {f"{record_name}{suffix}" for suffix in ("", ".jws", ".p7s")}
        files = {name for name, member in self._members.items() if not member.is_folder}
        for what, names in (
            ("RECORD does not list", files - rows.keys() - unsigned),
            ("RECORD lists, but the wheel lacks,", rows.keys() - files - unsigned),
        ):
            if names:
                self.warnings.append(f"{what} {list_names(names)}.")
        if self._rules.verified_record:
            for name in sorted(files & rows.keys() - unsigned):
                self._verify(self._members[name], *rows[name])

    def _verify(self, member: ZipMember, stated: str, size: str) -> None:
        algorithm, _equals, expected = stated.partition("=")
        if algorithm not in _RECORD_HASHES:
            raise InvalidArchive(
                f"RECORD has no SHA-256 or better for {member.name[:80]!r}; build the wheel again."
            )
        digest = hashlib.new(algorithm)
        for chunk in read_member(self._file, member):
            digest.update(chunk)
        found = base64.urlsafe_b64encode(digest.digest()).decode("ascii").rstrip("=")
        if found != expected.rstrip("=") or (size and size != str(member.size)):
            raise InvalidArchive(f"{member.name[:80]!r} is not the file that RECORD describes.")
        self._verified.add(member.name)

    def _read(self, name: str, limit: int | None = None) -> bytes:
        limit = limit or self._limits.metadata_size
        return collect(read_member(self._file, self._members[name]), limit, name)


def _expanded(stated: Iterable[str]) -> set[Tag]:
    """Returns the tags that sets such as `py2.py3-none-any` stand for.

    If there are far too many, it returns none.
    """
    triples = [value for value in stated if value.count("-") == 2]
    count = sum(map(number_of_tags, triples))
    return (
        {tag for triple in triples for tag in parse_tag(triple)} if count <= _MOST_TAGS else set()
    )


def _record_limit(limits: Limits) -> int:
    """Returns the largest size of RECORD, in bytes.

    It allows for all names, each with a digest of 512 bits and a size.
    """
    return limits.archive_names + limits.archive_members * 128


def _record_rows(record: bytes, limit: int) -> Mapping[str, tuple[str, str]]:
    """Returns the hash and the size that RECORD states for each path."""
    if max(record.count(b"\n"), record.count(b"\r")) > limit:
        raise InvalidArchive(f"RECORD has more than {limit} lines.")
    return dict(_parse_record(record))


def _parse_record(record: bytes) -> Iterator[tuple[str, tuple[str, str]]]:
    for found in _LINES.finditer(record):
        line = found[0]
        if len(line) > _LONGEST_RECORD_LINE:
            raise InvalidArchive(f"RECORD has a line of more than {_LONGEST_RECORD_LINE} bytes.")
        try:
            # One by one: no name holds the end of a line, and quotes must not join lines to rows
            # of any size.
            row = next(csv.reader([line.decode("utf-8")]), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise InvalidArchive("RECORD cannot be parsed.") from error
        if len(row) == 3:
            yield row[0].replace("\\", "/"), (row[1], row[2])
        elif row:
            raise InvalidArchive("A line of RECORD has not three columns.")
