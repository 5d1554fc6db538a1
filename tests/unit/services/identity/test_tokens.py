"""Signed tokens of issuers, and those that only look like some (O2, O7)."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from pypi_repo.domain.identity.errors import IdentityProviderFailed, InvalidToken, UnknownKey
from pypi_repo.domain.identity.issuer import Issuer
from pypi_repo.services.identity.keys import Key, read_keys, written_keys
from pypi_repo.services.identity.tokens import verify_jwt
from tests.support.identity_provider import SigningKey, signing_key

ISSUER = "https://sso.example.com/realms/acme"
ASKED = Issuer(url=ISSUER)
FIRST = signing_key()


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    told = {"iss": ISSUER, "sub": "x1", "aud": "app", "iat": now, "exp": now + 300, **changed}
    return {name: value for name, value in told.items() if value is not None}


def verified(token: str, *keys: SigningKey, issuer: str = ISSUER) -> Any:
    return verify_jwt(token, [Key(each.jwk) for each in keys], issuer=issuer, audience="app")


def why(token: str, *keys: SigningKey) -> str:
    with pytest.raises(InvalidToken) as caught:
        verified(token, *(keys or (FIRST,)))
    assert caught.value.code == "invalid-token"
    assert caught.value.detail not in caught.value.message
    return caught.value.detail


@pytest.mark.parametrize(
    "algorithm", ["RS256", "RS384", "RS512", "PS256", "PS512", "ES256", "ES384", "EdDSA"]
)
def test_o2_tokens_that_a_key_of_the_issuer_has_signed(algorithm: str) -> None:
    key = signing_key("k", algorithm)
    assert verified(key.sign(claims(extra=["a"])), key)["extra"] == ["a"]


def test_o2_several_audiences_of_which_we_are_one() -> None:
    assert verified(FIRST.sign(claims(aud=["other", "app"])), FIRST)["sub"] == "x1"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://sso.example.com/realms/other"}, "InvalidIssuerError"),
        ({"iss": ISSUER + "/"}, "InvalidIssuerError"),
        ({"iss": None}, "MissingRequiredClaimError"),
        ({"iss": [ISSUER]}, "InvalidIssuerError"),
        ({"aud": "other"}, "InvalidAudienceError"),
        ({"aud": ["other"]}, "InvalidAudienceError"),
        ({"aud": "app2"}, "InvalidAudienceError"),
        ({"aud": None}, "MissingRequiredClaimError"),
        ({"exp": int(time.time()) - 120}, "ExpiredSignatureError"),
        ({"exp": None}, "MissingRequiredClaimError"),
        ({"exp": "soon"}, "DecodeError"),
        ({"exp": float("inf")}, "Error"),
        ({"iat": int(time.time()) + 86_400}, "ImmatureSignatureError"),
        ({"iat": None}, "MissingRequiredClaimError"),
        ({"nbf": int(time.time()) + 86_400}, "ImmatureSignatureError"),
        ({"sub": None}, "MissingRequiredClaimError"),
        ({"sub": 7}, "InvalidSubjectError"),
        ({"sub": ""}, "subject is empty"),
        ({"sub": "x" * 1001}, "too long"),
        ({"sub": "a\0b"}, "not printable"),
        ({"extra": ["\ud800"]}, "no text in Unicode"),
        ({"\udfff": 1}, "no text in Unicode"),
    ],
)
def test_o7_claims_that_are_wrong(changed: dict[str, Any], reason: str) -> None:
    payload = claims(**changed)
    # PyJWT refuses to sign some of these.
    token = jwt.api_jws.encode(
        json.dumps(payload).encode(), FIRST.private, "RS256", headers={"kid": FIRST.kid}
    )
    assert reason in why(token)


def test_t3_the_subject_of_a_job_may_name_much() -> None:
    """A repository, a workflow and a branch, each of which may have a long name."""
    subject = f"repo:acme/{'r' * 100}:job_workflow_ref:acme/{'w' * 100}@refs/heads/{'b' * 250}"
    assert verified(FIRST.sign(claims(sub=subject)), FIRST)["sub"] == subject


def test_o2_clocks_may_differ_by_a_minute() -> None:
    now = int(time.time())
    for changed in ({"exp": now - 30}, {"iat": now + 30}, {"nbf": now + 30}):
        verified(FIRST.sign(claims(**changed)), FIRST)


def test_o7_a_token_that_nobody_signed() -> None:
    for header in ({"alg": "none"}, {"alg": "None", "kid": "first"}, {}, {"alg": ["RS256"]}):
        token = ".".join([_encoded(header), _encoded(claims()), ""])
        assert "it is" in why(token)


def test_o7_hmac_with_the_public_key() -> None:
    """The public key is known to everybody, so as a secret it proves nothing."""
    pem = FIRST.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    token = _hmac(claims(), pem)
    assert "signed with 'HS256'" in why(token)
    with pytest.raises(InvalidToken):
        verify_jwt(
            token,
            read_keys(json.dumps({"keys": [FIRST.jwk, {"kty": "oct", "k": _b64(pem)}]}), ASKED),
            issuer=ISSUER,
            audience="app",
        )


def test_o7_a_key_that_is_none_of_the_issuer() -> None:
    other = signing_key("other", number=1)
    with pytest.raises(UnknownKey):
        verified(other.sign(claims()), FIRST)
    assert "signature" in why(signing_key("first", number=1).sign(claims()))


def test_o7_two_keys_of_one_name_are_both_tried() -> None:
    twin = signing_key("first", number=1)
    for keys in ((FIRST, twin), (twin, FIRST)):
        assert verified(twin.sign(claims()), *keys)["sub"] == "x1"
    third = signing_key("first", number=2)
    assert "signature" in why(third.sign(claims()), FIRST, twin)


def test_a_token_that_names_no_key_may_have_a_new_one() -> None:
    nameless, newer = signing_key(None), signing_key(None, number=1)
    assert verified(nameless.sign(claims()), nameless, newer)["sub"] == "x1"
    with pytest.raises(UnknownKey):
        verified(newer.sign(claims()), nameless)


@pytest.mark.parametrize(
    "changed",
    [
        {"use": "enc"},
        {"alg": "RS512"},
        {"alg": "ES256"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"kty": "EC"},
        {"n": "AQAB"},
        {"n": 7},
        {"e": ""},
    ],
)
def test_o2_keys_serve_for_nothing_else(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        verify_jwt(FIRST.sign(claims()), [Key(FIRST.jwk | changed)], issuer=ISSUER, audience="app")


def test_o2_an_elliptic_key_serves_for_its_own_curve() -> None:
    key = signing_key("k", "ES384")
    token = signing_key("k", "ES256").sign(claims())
    with pytest.raises(UnknownKey):
        verified(token, key)


def test_o2_weak_keys_are_not_trusted() -> None:
    weak = signing_key("weak", size=1024)
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = weak.sign(claims())
    assert "1024 bits" in why(token, weak)
    found = [Key(each.jwk) for each in (weak, signing_key())]
    assert [key.is_for_tokens for key in found] == [False, True]


def test_o2_extensions_that_are_not_known_here() -> None:
    why(FIRST.sign(claims(), crit=["exp"]))


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b", "a.b.c", "é.é.é", ".".join(["A" * 200_000] * 3), "\ud800.b.c", "=.=.="],
)
def test_o7_what_is_no_token(token: str) -> None:
    why(token)


def test_o7_a_token_that_was_cut_or_changed() -> None:
    header, payload, signature = FIRST.sign(claims()).split(".")
    other = _encoded(claims(sub="somebody else"))
    for token in (f"{header}.{other}.{signature}", f"{header}.{payload}.", f"{header}.{payload}"):
        why(token)


def test_o7_deep_content() -> None:
    deep = "[" * 50_000
    why(f"{_b64(deep.encode())}.e30.")
    token = jwt.api_jws.encode(deep.encode(), FIRST.private, "RS256", headers={"kid": "first"})
    why(token)


def test_only_what_is_public_is_kept_of_keys() -> None:
    private = jwt.get_algorithm_by_name("RS256").to_jwk(FIRST.private, as_dict=True)
    keys = read_keys(json.dumps({"keys": [private | {"kid": "first"}, 7, {"kid": 8}]}), ASKED)
    assert [key.kid for key in keys] == ["first"]
    assert set(keys[0].jwk) == {"kty", "kid", "key_ops", "n", "e"}
    assert read_keys(written_keys(keys), ASKED) == keys


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": 7}', b"\xff", "[" * 100_000])
def test_what_is_no_key_set(content: str | bytes) -> None:
    with pytest.raises(IdentityProviderFailed) as caught:
        read_keys(content, ASKED)
    assert caught.value.code == "identity-provider-failed"


def test_a_key_set_has_an_end() -> None:
    with pytest.raises(IdentityProviderFailed):
        read_keys(json.dumps({"keys": [FIRST.jwk] * 101}), ASKED)


def _hmac(payload: dict[str, Any], secret: bytes) -> str:
    """PyJWT does not do it with what looks like a public key."""
    signed = f"{_encoded({'alg': 'HS256', 'kid': 'first'})}.{_encoded(payload)}"
    return f"{signed}.{_b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def _encoded(document: object) -> str:
    return _b64(json.dumps(document).encode())


def _b64(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")
