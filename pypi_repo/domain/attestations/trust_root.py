"""Trust roots: whose signatures attestations are verified with (Sigstore's trusted_root.json)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

import msgspec

from pypi_repo.domain.errors import InvalidSetting

TrustedKind = Literal["certificate authority", "certificate log", "signature log"]

_MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """One whose signatures are trusted.

    kind: what it does.
    url: where it is.
    valid_from: since when its signatures are trusted; None if it is not said.
    valid_until: until when; None if there is no end yet.
    """

    kind: TrustedKind
    url: str
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """With which authorities and logs attestations are verified.

    document: the trust root as Sigstore publishes it (JSON).
    trusted: the authorities and logs in it.
    log_keys: the public keys of the logs (DER).
    replaced_at: when it was loaded; None for the one that is installed with the library.
    replaced_by: the name of the actor that has loaded it.
    """

    document: str
    trusted: tuple[Trusted, ...]
    log_keys: tuple[bytes, ...]
    replaced_at: datetime | None = None
    replaced_by: str | None = None

    @property
    def sha256(self) -> str:
        """The digest of the document, as hexadecimal text."""
        return hashlib.sha256(self.document.encode()).hexdigest()

    def at(self, moment: datetime) -> str:
        """Returns the document with those authorities and logs alone that were valid at a time.

        An authority is replaced because its key is no longer safe, or may soon not be: with it,
        somebody could still sign.
        """
        document: dict[str, Any] = json.loads(self.document)
        authorities = document["certificateAuthorities"]
        document["certificateAuthorities"] = [
            each for each in authorities if _is_valid(each, moment)
        ]
        for kind in ("ctlogs", "tlogs"):
            document[kind] = [
                each for each in document[kind] if _is_valid(each["publicKey"], moment)
            ]
        return json.dumps(document)

    @classmethod
    def read(
        cls, document: str, replaced_at: datetime | None = None, replaced_by: str | None = None
    ) -> Self:
        """Reads a trust root.

        Raises InvalidSetting if it is none, or if nothing could be verified with it.
        """
        try:
            found = msgspec.json.decode(document, type=_Document)
        except (ValueError, RecursionError) as error:
            raise InvalidSetting(
                "This is no trust root; take the trusted_root.json of Sigstore.", detail=str(error)
            ) from error
        if found.media_type != _MEDIA_TYPE:
            raise InvalidSetting(f"A trust root has the media type {_MEDIA_TYPE}; check the file.")
        authorities = [
            Trusted(
                kind="certificate authority",
                url=each.uri,
                valid_from=each.valid_for.start,
                valid_until=each.valid_for.end,
            )
            for each in found.certificate_authorities
        ]
        logs: list[tuple[TrustedKind, list[_Log]]] = [
            ("certificate log", found.ctlogs),
            ("signature log", found.tlogs),
        ]
        for kind, listed in logs:
            authorities += [
                Trusted(
                    kind=kind,
                    url=each.base_url,
                    valid_from=each.public_key.valid_for.start,
                    valid_until=each.public_key.valid_for.end,
                )
                for each in listed
            ]
        if not (found.certificate_authorities and found.ctlogs and found.tlogs):
            raise InvalidSetting(
                "A trust root needs a certificate authority, a certificate log and a signature "
                "log; take the whole trusted_root.json of Sigstore."
            )
        return cls(
            document=document,
            trusted=tuple(authorities),
            log_keys=tuple(each.public_key.raw_bytes for each in found.ctlogs + found.tlogs),
            replaced_at=replaced_at,
            replaced_by=replaced_by,
        )


class _Period(msgspec.Struct, rename="camel"):
    start: datetime | None = None
    end: datetime | None = None


def _is_valid(described: Mapping[str, Any], moment: datetime) -> bool:
    period = msgspec.convert(described.get("validFor", {}), _Period)
    began = period.start is None or period.start <= moment
    return began and (period.end is None or moment < period.end)


class _Key(msgspec.Struct, rename="camel"):
    raw_bytes: bytes
    valid_for: _Period = msgspec.field(default_factory=_Period)


class _Log(msgspec.Struct, rename="camel"):
    public_key: _Key
    base_url: str = ""


class _Authority(msgspec.Struct, rename="camel"):
    uri: str = ""
    valid_for: _Period = msgspec.field(default_factory=_Period)


class _Document(msgspec.Struct, rename="camel"):
    media_type: str
    certificate_authorities: list[_Authority] = []
    ctlogs: list[_Log] = []
    tlogs: list[_Log] = []
