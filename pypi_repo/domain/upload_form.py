"""The text fields of one legacy upload, checked; what the archive says itself is not here."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Self, get_args

from packaging.version import InvalidVersion, Version

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.errors import DigestMismatch, InvalidFilename, InvalidForm
from pypi_repo.domain.filenames import (
    DistributionFilename,
    FileKind,
    check_characters,
    sdist_filename,
)
from pypi_repo.domain.names import normalize, project_name
from pypi_repo.domain.profiles import RULES, Rules
from pypi_repo.domain.versions import parse_version

_DIGEST_FIELDS = ("sha256", "blake2_256", "md5")
_HEX_64 = re.compile(r"[0-9a-f]{64}\Z", re.ASCII | re.IGNORECASE)
# `setup.py upload` of Python 3.9 to 3.11 sends BLAKE2b at its full length as blake2_256_digest.
_BLAKE2_512 = "blake2_512"
_CHUNK = 256 * 1024
_HEX_128 = re.compile(r"[0-9a-f]{128}\Z", re.ASCII | re.IGNORECASE)

# Fields that travel once; all others may repeat, which is how lists travel.
_SCALARS = frozenset(
    {
        "attestations",
        "protocol_version",
        "metadata_version",
        "name",
        "version",
        "filetype",
        "pyversion",
        "comment",
        "md5_digest",
        "sha256_digest",
        "blake2_256_digest",
        "summary",
        "description",
        "description_content_type",
        "author",
        "author_email",
        "maintainer",
        "maintainer_email",
        "license",
        "license_expression",
        "home_page",
        "download_url",
        "requires_python",
    }
)
# Those of them that mean something here; of all others, a client may send what it likes.
_USED = frozenset(
    {"protocol_version", "name", "version", "filetype", "pyversion", "attestations"}
    | {f"{digest}_digest" for digest in _DIGEST_FIELDS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadForm:
    """What the client says it uploads.

    stated: digest names -> hexadecimal text.
    signature: an OpenPGP signature of the file.
    attestations: a JSON array (PEP 740).
    """

    name: str
    version: Version
    kind: FileKind
    filename: str
    stated: Mapping[str, str]
    signature: bytes | None
    attestations: str | None

    @classmethod
    def from_fields(
        cls, fields: Mapping[str, Sequence[str]], filename: str, signature: bytes | None = None
    ) -> Self:
        """Checks the fields in the order in which their first failure is worth reporting.

        filename: as the client sent it with the `content` part.
        signature: the content of the `gpg_signature` part.

        Raises InvalidForm, InvalidName or InvalidFilename.
        """
        single = _single_values(fields)
        if single.get("protocol_version", "1") != "1":
            raise InvalidForm("Only protocol_version 1 of the upload API is supported.")
        name = project_name(_required(single, "name"))
        kind = _kind(single)
        _check_pyversion(single, kind)
        stated = _stated_digests(single)
        version = _version(_required(single, "version"))
        check_characters(filename)
        return cls(
            name=name,
            version=version,
            kind=kind,
            filename=filename,
            stated=stated,
            signature=signature,
            attestations=single.get("attestations"),
        )

    @classmethod
    def of_file(cls, filename: str) -> Self:
        """For a file that came without a form: its name has to say everything.

        Raises InvalidFilename.
        """
        parsed = DistributionFilename.alone(filename)
        return cls(
            name=parsed.project,
            version=parsed.version,
            kind=parsed.kind,
            filename=filename,
            stated={},
            signature=None,
            attestations=None,
        )

    def parse_filename(self, rules: Rules) -> DistributionFilename:
        """Raises InvalidFilename unless it is the one that this project and version must have."""
        try:
            return self._parsed_filename(rules)
        except InvalidFilename as error:
            if rules.normalized_filenames and self._is_taken_by(RULES["lenient"]):
                raise InvalidFilename(
                    f"{error.message.removesuffix('.')}; only a repository with the profile "
                    "'lenient' takes it as it is."
                ) from None
            raise

    def _is_taken_by(self, rules: Rules) -> bool:
        try:
            self._parsed_filename(rules)
        except InvalidFilename:
            return False
        return True

    def _parsed_filename(self, rules: Rules) -> DistributionFilename:
        if self.kind == "sdist" and rules.normalized_filenames:
            expected = sdist_filename(self.name, self.version)
            if self.filename != expected:
                raise InvalidFilename(f"{self.filename!r} should be named {expected!r} (PEP 625).")
        if self.kind == "sdist" and self.filename.endswith((".tar.gz", ".zip")):
            filename = DistributionFilename.of_old_sdist(self.filename, normalize(self.name))
        else:
            filename = DistributionFilename.parse(
                self.filename, normalized=rules.normalized_filenames
            )
        if filename.kind != self.kind:
            raise InvalidFilename(f"{self.filename!r} is not the name of an {self.kind}.")
        if not filename.belongs_to(self.name) or filename.version != self.version:
            raise InvalidFilename(
                f"{self.filename!r} does not belong to {self.name} {self.version}, which the "
                "upload is for."
            )
        return filename

    def check_digests(
        self, computed: Digests, content: Callable[[], IO[bytes]], rules: Rules
    ) -> None:
        """Raises DigestMismatch unless every stated digest is that of the bytes received.

        content: opens them, where they have to be read once more.

        Raises InvalidForm for a digest that only some profiles take.
        """
        for field, stated in self.stated.items():
            if field != _BLAKE2_512:
                found = getattr(computed, field)
            elif rules.public_commons:
                raise InvalidForm(_not_hexadecimal("blake2_256"))
            else:
                found = _blake2_512_of(content())
            if stated.lower() != found:
                raise DigestMismatch(
                    f"The {field} digest of the received file is not the stated one; the upload "
                    "was damaged on its way, so try again."
                )


def _single_values(fields: Mapping[str, Sequence[str]]) -> dict[str, str]:
    single: dict[str, str] = {}
    for field in _SCALARS & fields.keys():
        # distutils sent UNKNOWN for what it did not know; uv and hatch send "" for the same.
        values = [value for value in fields[field] if value.strip() not in ("", "UNKNOWN")]
        if len(values) > 1:
            raise InvalidForm(f"The field {field} may be sent only once.")
        if values:
            single[field] = values[0].replace("\0", "\\x00")
            if field in _USED and "\N{REPLACEMENT CHARACTER}" in single[field]:
                raise InvalidForm(f"The field {field} is not UTF-8; send it in that encoding.")
    return single


def _required(single: Mapping[str, str], field: str) -> str:
    try:
        return single[field]
    except KeyError:
        raise InvalidForm(f"The field {field} is missing.") from None


def _kind(single: Mapping[str, str]) -> FileKind:
    filetype = _required(single, "filetype")
    for kind in get_args(FileKind):
        if filetype == kind:
            found: FileKind = kind
            return found
    raise InvalidForm(f"The filetype {filetype[:40]!r} is neither sdist nor bdist_wheel.")


def _check_pyversion(single: Mapping[str, str], kind: FileKind) -> None:
    if kind == "bdist_wheel":
        _required(single, "pyversion")
    elif single.get("pyversion", "source") != "source":  # flit sends none for an sdist
        raise InvalidForm("The pyversion of an sdist must be 'source'.")


def _stated_digests(single: Mapping[str, str]) -> dict[str, str]:
    stated = {
        field: single[f"{field}_digest"] for field in _DIGEST_FIELDS if f"{field}_digest" in single
    }
    if not stated:
        raise InvalidForm("The upload states no digest of the file; send sha256_digest.")
    if _HEX_128.match(stated.get("blake2_256", "")):
        stated[_BLAKE2_512] = stated.pop("blake2_256")
    for field, value in stated.items():
        if field not in ("md5", _BLAKE2_512) and not _HEX_64.match(value):
            raise InvalidForm(_not_hexadecimal(field))
    return stated


def _not_hexadecimal(digest: str) -> str:
    return f"The field {digest}_digest is not 64 hexadecimal digits."


def _blake2_512_of(content: IO[bytes]) -> str:
    digest = hashlib.blake2b()
    content.seek(0)
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _version(text: str) -> Version:
    try:
        return parse_version(text)
    except InvalidVersion:
        raise InvalidForm(f"{text[:80]!r} is not a valid version (PEP 440).") from None
