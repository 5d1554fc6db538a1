"""The checked text fields of an upload. What the archive contains is checked elsewhere."""

import dataclasses
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Self, get_args

from packaging.version import InvalidVersion, Version

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.errors import DigestMismatch, InvalidFilename, InvalidForm
from pypi_repo.domain.filenames import DistributionFilename, FileKind, sdist_filename
from pypi_repo.domain.names import normalize, project_name
from pypi_repo.domain.validation.rules import Rules
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


@dataclass(frozen=True, slots=True)
class UploadForm:
    """What a client says about the file that it uploads.

    For a file without a form, the filename says it.

    stated: the digests that the client sent, in hexadecimal, by their names.
    signature: an OpenPGP signature of the file.
    attestations: attestations as a JSON array (PEP 740).
    """

    filename: DistributionFilename
    stated: Mapping[str, str] = dataclasses.field(default_factory=dict)
    signature: bytes | None = None
    attestations: str | None = None

    @classmethod
    def from_fields(
        cls, fields: Mapping[str, Sequence[str]], filename: str, signature: bytes | None = None
    ) -> Self:
        """Checks the fields of a form, and reports the most important error first.

        filename: the filename that the client sent with the `content` part.
        signature: the content of the `gpg_signature` part.

        Raises InvalidForm, InvalidName, or InvalidFilename if no profile allows this name for a
        file of this project and version.
        """
        single = _single_values(fields)
        if single.get("protocol_version", "1") != "1":
            raise InvalidForm("Only protocol_version 1 of the upload API is supported.")
        name = project_name(_required(single, "name"))
        kind = _kind(single)
        _check_pyversion(single, kind)
        stated = _stated_digests(single)
        version = _version(_required(single, "version"))
        return cls(
            _parsed_filename(filename, name, version, kind),
            stated,
            signature,
            single.get("attestations"),
        )

    def check_digests(
        self, computed: Digests, content: Callable[[], IO[bytes]], rules: Rules
    ) -> None:
        """Checks the digests that the client sent against those of the received content.

        content: a function that opens the content, if it has to be read once more.

        Raises DigestMismatch if a digest is wrong, and InvalidForm for a digest that the profile
        does not accept.
        """
        for digest, stated in self.stated.items():
            if digest != _BLAKE2_512:
                found = getattr(computed, digest)
            elif not rules.distutils_digests:
                raise InvalidForm(_not_hexadecimal("blake2_256"))
            else:
                found = _blake2_512_of(content())
            if stated.lower() != found:
                raise DigestMismatch(
                    f"The {digest} digest of the received file is not the stated one; the upload "
                    "was damaged on its way, so try again."
                )


def _parsed_filename(
    filename: str, name: str, version: Version, kind: FileKind
) -> DistributionFilename:
    """Parses the filename.

    Raises InvalidFilename unless it is that of a file of this project, version and kind.
    """
    project = normalize(name)
    parsed = DistributionFilename.parse(filename, project)
    if (parsed.kind, parsed.project, parsed.version) != (kind, project, version):
        right = f"; it is {sdist_filename(project, version)!r}" if kind == "sdist" else ""
        raise InvalidFilename(
            f"{filename!r} is not the name of any {kind} of {name} {version}, which the upload is "
            f"for{right}."
        )
    return parsed


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
