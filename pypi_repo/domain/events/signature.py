"""Signs what webhooks are sent, so that receivers can tell who sends."""

import hashlib
import hmac
from collections.abc import Iterable

SIGNATURE_HEADER = "X-Pypi-Repo-Signature"
"""The header that has the signature."""


def signature(secrets: Iterable[str], time: int, body: bytes) -> str:
    """Returns the value of the signature header, such as `t=1764160000,v1=3f0c...`.

    Each secret makes one `v1`: the HMAC-SHA256 of the time, a dot and the body, as hexadecimal
    digits. A receiver that knows one of the secrets accepts the body if one of them is right, and
    if the time is not long ago, so that nobody can send again what was sent before.

    secrets: the secrets that sign.
    time: the time of this attempt, in seconds of Unix time.
    """
    signed = f"{time}.".encode("ascii") + body
    digests = (hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join([f"t={time}", *(f"v1={digest}" for digest in digests)])
