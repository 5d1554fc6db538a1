"""The TLS context for HTTPS."""

import asyncio
import logging
import ssl
import stat
from pathlib import Path
from typing import Any, cast

from pypi_repo.domain.errors import ConfigurationError

_log = logging.getLogger(__name__)

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = b"PRIVATE KEY-----"
_NOT_YET_VALID, _HAS_EXPIRED = 9, 10  # X509_V_ERR_... of OpenSSL
_OUT_OF_DATE = {_NOT_YET_VALID: "is not valid yet", _HAS_EXPIRED: "has expired"}
_ROUNDS = 4  # from end to end; a handshake takes three


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Returns a TLS context for a server, for TLS 1.2 and newer.

    It logs a warning if the certificate is out of date, which clients refuse, and if everybody on
    this machine can read the key.

    certificate: a PEM file with the certificate of the server, followed by the intermediate
        certificates.
    key: a PEM file with the private key, without a passphrase.

    Raises ConfigurationError if the files cannot be used.
    """
    _check_is_there(certificate, "certificate", _CERTIFICATE)
    _check_is_there(key, "key", _KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=lambda: _passphrase(key))
    except ssl.SSLError as error:
        raise ConfigurationError(_does_not_work(error, certificate, key)) from error
    _warn(context, certificate, key)
    return context


def transport_below(transport: asyncio.Transport) -> asyncio.Transport | None:
    """Returns the transport that sends what TLS has encrypted; None without TLS.

    Up to some 200 KiB of an answer may wait there, which the upper transport does not count.
    """
    protocol: Any = getattr(transport, "_ssl_protocol", None)  # asyncio has no other way to it
    return None if protocol is None else cast("asyncio.Transport", protocol._transport)


def _check_is_there(path: Path, what: str, mark: bytes) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The TLS {what} {path} cannot be read: {error.strerror}. Make it readable, or start "
            "with another one."
        ) from error
    if mark not in content:
        raise ConfigurationError(
            f"The file {path} holds no {what} in PEM format. Put one there, or start with another "
            "file."
        )


def _passphrase(key: Path) -> str:
    raise ConfigurationError(
        f"The TLS key {key} has a passphrase, which nobody can type in here; remove it with "
        f"`openssl pkey -in {key} -out FILE`."
    )


def _does_not_work(error: ssl.SSLError, certificate: Path, key: Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return (
            f"The TLS key {key} does not belong to the first certificate in {certificate}. Put the "
            "right one there, or start with another key."
        )
    return (
        f"The TLS certificate {certificate} and the key {key} cannot be used: "
        f"{error.reason or 'they are damaged'}. Put others there, or start with other files."
    )


def _warn(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    fault = _OUT_OF_DATE.get(_verify_code(context, certificate))
    if fault is not None:
        _log.warning("The TLS certificate %s %s; clients will refuse it.", certificate, fault)
    if key.stat().st_mode & stat.S_IROTH:
        _log.warning("The TLS key %s can be read by everybody; run chmod 600 on it.", key)


def _verify_code(context: ssl.SSLContext, certificate: Path) -> int:
    """Returns what OpenSSL says to a client that trusts the certificate; 0 if it is valid."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(certificate)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server)
    for _ in range(_ROUNDS):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                return getattr(error, "verify_code", 0)
    return 0
