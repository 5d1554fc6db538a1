"""The keys with which an issuer signs its tokens (JWK Set, RFC 7517)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from pypi_repo.domain.identity.errors import IdentityProviderFailed
from pypi_repo.domain.identity.issuer import Issuer, json_object

if TYPE_CHECKING:
    from jwt.api_jwk import PyJWK

_MOST = 100
_SMALLEST_RSA = 2048  # bits
_CURVES = {
    "ES256": ("P-256",),
    "ES384": ("P-384",),
    "ES512": ("P-521",),
    "EdDSA": ("Ed25519", "Ed448"),
}
_KINDS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
ALGORITHMS = frozenset(_KINDS)
"""How tokens may be signed: with a public key, so neither `none` nor HMAC (RFC 8725, section 3)."""

_PUBLIC = frozenset({"kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y"})


@dataclass(frozen=True, slots=True)
class Key:
    """A public key of an issuer, as its key set describes it."""

    jwk: Mapping[str, Any]

    @property
    def kid(self) -> str | None:
        """What tokens call it; several keys may have the same name, or none."""
        return self.jwk.get("kid")

    @property
    def is_for_tokens(self) -> bool:
        """Whether it can be a key for signed tokens, and is strong enough."""
        return any(self.signs(algorithm) and self._can_be_loaded(algorithm) for algorithm in _KINDS)

    def signs(self, algorithm: str) -> bool:
        """Returns whether it is a key for an algorithm, and meant to verify signatures."""
        operations = self.jwk.get("key_ops", ["verify"])
        return (
            self.jwk.get("kty") == _KINDS.get(algorithm)
            and self.jwk.get("use", "sig") == "sig"
            and self.jwk.get("alg", algorithm) == algorithm
            and isinstance(operations, list)
            and "verify" in operations
            and self.jwk.get("crv") in _CURVES.get(algorithm, (None,))
        )

    def _can_be_loaded(self, algorithm: str) -> bool:
        try:
            self.loaded(algorithm)
        except ValueError:
            return False
        return True

    def loaded(self, algorithm: str) -> "PyJWK":
        """Returns the key for an algorithm.

        Raises ValueError if it is broken, or too weak to be trusted.
        """
        from jwt.api_jwk import PyJWK
        from jwt.exceptions import PyJWTError

        try:
            loaded = PyJWK(dict(self.jwk), algorithm)
        except (PyJWTError, TypeError, KeyError) as error:
            raise ValueError(f"a broken key: {error}") from error
        if self.jwk["kty"] == "RSA" and loaded.key.key_size < _SMALLEST_RSA:
            raise ValueError(f"an RSA key of {loaded.key.key_size} bits")
        return loaded


def read_keys(content: bytes | str, issuer: Issuer) -> Sequence[Key]:
    """Reads the key set of an issuer, of which only what is public is kept.

    Raises IdentityProviderFailed if it is none, or has too many keys.
    """
    keys = (json_object(content) or {}).get("keys")
    if not isinstance(keys, list) or len(keys) > _MOST:
        raise IdentityProviderFailed(
            f"The {issuer.called} has no keys where it says; try again later, or tell who runs it.",
            detail=f"no JWK Set, or one of more than {_MOST} keys",
        )
    public = [
        {name: value for name, value in each.items() if name in _PUBLIC}
        for each in keys
        if isinstance(each, dict)
    ]
    return [Key(each) for each in public if isinstance(each.get("kid"), str | None)]


def written_keys(keys: Sequence[Key]) -> str:
    """Returns a key set from which `read_keys` reads the same keys."""
    return msgspec.json.encode({"keys": [key.jwk for key in keys]}).decode()
