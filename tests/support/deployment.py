"""The files of examples/deploy, with the places of this test in the stead of their own."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from tests.support.processes import ServerProcess

APPLICATION = "pypi_repo.wsgi:application"
DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"


def placed(name: str, places: Mapping[str, object]) -> str:
    """The text of the file; each key must stand in it, and its value comes in its stead."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for original, place in places.items():
        assert original in text, original
        text = text.replace(original, str(place))
    return text


def nginx_without_tls(port: int, upstream: int, blobs: Path) -> str:
    """nginx.conf, listening on a port of the loopback interface."""
    return placed(
        "nginx.conf",
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{port};",
            "ssl_certificate /etc/ssl/packages.example.com.pem;": "",
            "ssl_certificate_key /etc/ssl/private/packages.example.com.key;": "",
            "server 127.0.0.1:8080;": f"server 127.0.0.1:{upstream};",
            "/var/lib/pypi-repo/blobs/": f"{blobs}/",
        },
    )


# What systemd does for a service that has a socket (sd_listen_fds(3)).
_ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""

# What certificates must say since Python 3.13, which verifies them by RFC 5280 to the letter.
_MAY_SIGN = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


class ActivatedGunicorn(ServerProcess):
    """gunicorn with examples/deploy/gunicorn.conf.py, on a socket that outlives it."""

    def __init__(self, listener: socket.socket, environment: Mapping[str, str]) -> None:
        inherited = {name: value for name, value in os.environ.items() if "PYPI_REPO_" not in name}
        config = DEPLOY / "gunicorn.conf.py"
        gunicorn = [sys.executable, "-m", "gunicorn", "--config", str(config), APPLICATION]
        super().__init__(
            [sys.executable, "-c", _ACTIVATE, str(listener.fileno()), *gunicorn],
            listener.getsockname()[1],
            env={**inherited, **environment},
            pass_fds=[listener.fileno()],
        )


def assignments(text: str) -> dict[str, str]:
    """The variables of an EnvironmentFile."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def write_certificate(folder: Path, valid: tuple[int, int] = (-1, 1)) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, with that of an authority of its own, and its key.

    valid: hours from now at which its time begins and ends.
    """
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        for name in ("Authority", "packages.example.com")
    ]
    issued = [
        _certificate(names[1], key.public_key(), valid)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            critical=False,
        ),
        _certificate(names[0], authority.public_key(), (-1, 1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False
        )
        .add_extension(_MAY_SIGN, critical=True),
    ]
    place, key_place = folder / "packages.pem", folder / "packages.key"
    place.write_bytes(
        b"".join(
            each.issuer_name(names[0]).sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM)
            for each in issued
        )
    )
    key_place.touch(mode=0o600)
    key_place.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return place, key_place


def _certificate(
    name: x509.Name, key: ec.EllipticCurvePublicKey, valid: tuple[int, int]
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(hours=valid[0]))
        .not_valid_after(now + timedelta(hours=valid[1]))
    )
