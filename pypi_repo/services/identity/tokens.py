"""Verifies signed tokens (JWT, RFC 7519), whoever issued them and whatever they are for.

The cryptography is that of PyJWT and cryptography, which are imported when a token is verified:
`pypi-repo[oidc]` brings them.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.domain.identity.claims import Claims
from pypi_repo.domain.identity.errors import invalid_token, unknown_key
from pypi_repo.services.identity.keys import ALGORITHMS, Key

LEEWAY = 60  # seconds by which clocks may differ

_LARGEST = 128 * 1024  # characters
_LONGEST_SUBJECT = 1000  # characters; those of CI jobs name branches, which do not fit into 255
_REQUIRED = ("iss", "sub", "aud", "exp", "iat")


def require_jwt() -> ModuleType:
    """Returns the library that verifies tokens.

    Raises ConfigurationError if it is not installed.
    """
    try:
        import cryptography
        import jwt
    except ImportError as error:
        raise ConfigurationError(
            "Signed tokens need a library that is not installed; install pypi-repo[oidc] on the "
            "server."
        ) from error
    del cryptography
    return jwt


def verify_jwt(token: str, keys: Sequence[Key], *, issuer: str, audience: str) -> Claims:
    """Returns the claims of a token that an issuer has signed for an audience, and that is valid.

    keys: the keys of the issuer. A key serves for its own kind of algorithm only.
    issuer: the issuer, which must be the very one in the token.
    audience: what must be among the audiences in the token.

    Raises UnknownKey if new keys of the issuer could help, InvalidToken for everything else that is
    wrong, and ConfigurationError if the library for tokens is not installed.
    """
    jwt = require_jwt()
    header = _header(jwt, token)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise invalid_token(f"it is signed with {algorithm!r:.50}")
    if "crit" in header:  # RFC 7515, section 4.1.11: none of these extensions is known here
        raise invalid_token("its header has critical extensions")
    candidates = [key for key in keys if (kid is None or key.kid == kid) and key.signs(algorithm)]
    if not candidates:
        raise unknown_key(f"its key {kid!r:.100} for {algorithm} is none of the issuer")
    wrong = "its signature is wrong"
    for key in candidates:
        try:
            return _claims(jwt, token, key, algorithm, issuer, audience)
        except jwt.InvalidSignatureError:
            continue
        except ValueError as error:
            wrong = str(error)
    if kid is None:
        raise unknown_key(f"it names no key, and {wrong}")
    raise invalid_token(wrong)


def issuer_in(token: str) -> str:
    """Returns whom a token names as its issuer, which proves nothing yet.

    Raises InvalidToken if it names nobody, and ConfigurationError if the library for tokens is not
    installed.
    """
    issuer = _claimed(token).get("iss")
    if isinstance(issuer, str) and issuer.isprintable():  # or it cannot be looked up
        return issuer
    raise invalid_token("it names no issuer")


def subject_in(token: str) -> str:
    """Returns what is the same for each token that says it is of one subject of one issuer.

    It proves nothing yet, and has 64 characters.

    Raises InvalidToken if it can be read in no token, and ConfigurationError as `issuer_in`.
    """
    claimed = _claimed(token)
    said = f"{claimed.get('iss')!r} {claimed.get('sub')!r}"
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _claimed(token: str) -> Claims:
    jwt = require_jwt()
    _header(jwt, token)
    with suppress(jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        claims: Claims = jwt.decode(token, options={"verify_signature": False})
        return claims
    raise invalid_token("its claims cannot be read")


def _header(jwt: ModuleType, token: str) -> dict[str, Any]:
    if len(token) > _LARGEST:
        raise invalid_token(f"it has more than {_LARGEST} characters")
    with suppress(jwt.PyJWTError, ValueError, RecursionError):
        header: dict[str, Any] = jwt.get_unverified_header(token)
        return header
    raise invalid_token("it is no signed token")


def _claims(
    jwt: ModuleType, token: str, key: Key, algorithm: str, issuer: str, audience: str
) -> Claims:
    """Raises InvalidSignatureError of PyJWT, and ValueError for a key that cannot be used."""
    loaded = key.loaded(algorithm)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            loaded,
            algorithms=[algorithm],
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY,
            options={"require": list(_REQUIRED)},
        )
    except jwt.InvalidSignatureError:
        raise
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise invalid_token(f"{type(error).__name__}: {str(error)[:200]}") from error
    if claims["iss"] != issuer:
        raise invalid_token(f"its issuer is {claims['iss']!r:.200}")
    subject = claims["sub"]
    if not (0 < len(subject) <= _LONGEST_SUBJECT and subject.isprintable()):
        raise invalid_token("its subject is empty, too long or not printable")
    try:
        json.dumps(claims, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:  # neither stored nor shown without an error later
        raise invalid_token("a claim is no text in Unicode") from error
    return claims
