"""An OpenID Connect provider of this process, which is honest until a test makes it lie."""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
import sys
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from werkzeug.wrappers import Request, Response

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.waiting import about_to_wait
from tests.support.live import LiveServer
from tests.support.processes import ServerProcess, free_port

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

CLIENT_ID = "pypi-repo"
CLIENT_SECRET = "client s3cret/+=&"
SUBJECT = "248289761001"


@dataclass(frozen=True)
class SigningKey:
    """A pair of keys. `jwk` describes the public one."""

    kid: str | None
    algorithm: str
    private: Any = field(repr=False)

    @property
    def jwk(self) -> dict[str, Any]:
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        described: dict[str, Any] = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        described.pop("key_ops", None)
        return described | {"use": "sig", "kid": self.kid} if self.kid else described

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        names = ({"kid": self.kid} if self.kid else {}) | header
        return jwt.encode(dict(claims), self.private, self.algorithm, headers=names)


@cache
def _made(algorithm: str, number: int, size: int) -> Any:
    """Keys take long to make."""
    if algorithm.startswith("ES"):
        return ec.generate_private_key(
            {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[algorithm]
        )
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


def signing_key(
    kid: str | None = "first", algorithm: str = "RS256", number: int = 0, size: int = 2048
) -> SigningKey:
    """A key; another `number` is another key, whatever it is called."""
    return SigningKey(kid, algorithm, _made(algorithm, number, size))


class ScriptedProvider:
    """Answers at `url`, which is its issuer.

    keys: its keys, of which the first signs.
    person: what it says of who signs in.
    changed_claims: what it says wrongly in the next tokens; None leaves a claim out.
    changed_discovery: what it says wrongly of itself.
    make_token: makes an ID token of its claims.
    answers: answers to whole requests, by their paths.
    asked: the paths that were asked for.
    forms: the forms that came to its token endpoint.
    refusal: the error that it answers instead of a code, if there is one.
    """

    def __init__(self) -> None:
        self.keys = [signing_key()]
        self.person: dict[str, Any] = {
            "sub": SUBJECT,
            "email": "dev@example.com",
            "email_verified": True,
        }
        self.changed_claims: dict[str, Any] = {}
        self.changed_discovery: dict[str, Any] = {}
        self.make_token: Callable[[dict[str, Any]], str] = lambda claims: self.keys[0].sign(claims)
        self.answers: dict[str, Callable[[], Response]] = {}
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.refusal: dict[str, str] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self._server = LiveServer(self._serve)
        self.url = self._server.url

    def close(self) -> None:
        self._server.close()

    def create_on(self, registry: Registry, name: str = "sso", **settings: Any) -> None:
        """Creates this provider in a registry."""
        given = {
            "title": "Acme",
            "issuer": self.url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "allow_http": True,
            "allow_private_network": True,
        }
        registry.acting_as(OPERATOR).identity_providers.create(name, **{**given, **settings})

    def answer_to(self, url: str) -> dict[str, str]:
        """Signs the person in, as a browser that was sent to `url` has it done.

        Returns the parameters with which the browser is sent back.
        """
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc)
        try:
            connection.request("GET", f"{parts.path}?{parts.query}")
            location = connection.getresponse().headers["Location"]
        finally:
            connection.close()
        return dict(parse_qsl(urlsplit(location).query))

    def claims(self, **more: Any) -> dict[str, Any]:
        """The claims of a token for a client that sent no nonce."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            **self.person,
            **more,
            **self.changed_claims,
        }
        return {name: value for name, value in claims.items() if value is not None}

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.jwk for key in self.keys]}

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        about_to_wait()  # or the server may call this twice for one request
        request = Request(environ)
        self.asked.append(request.path)
        answered = self.answers.get(request.path)
        response = self._answer(request) if answered is None else answered()
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        match request.path:
            case "/.well-known/openid-configuration":
                return _json(self._discovery())
            case "/jwks":
                return _json(self.jwks)
            case "/authorize":
                return self._authorize(request)
            case "/token":
                return self._exchange(request)
        return Response("nothing here", 404)

    def _discovery(self) -> dict[str, Any]:
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            **self.changed_discovery,
        }
        return {name: value for name, value in document.items() if value is not None}

    def _authorize(self, request: Request) -> Response:
        """Signs the person in without asking."""
        asked = request.args.to_dict()
        answer = {"state": asked["state"]}
        if self.refusal:
            answer |= self.refusal
        else:
            code = secrets.token_urlsafe(16)
            self._codes[code] = asked
            answer["code"] = code
        return Response(
            status=303, headers={"Location": f"{asked['redirect_uri']}?{urlencode(answer)}"}
        )

    def _exchange(self, request: Request) -> Response:
        form = request.form.to_dict()
        self.forms.append(form)
        if _client(request, form) != (CLIENT_ID, CLIENT_SECRET):
            return _json({"error": "invalid_client"}, 401)
        begun = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            begun is None
            or (begun["code_challenge"], begun["code_challenge_method"]) != (challenge, "S256")
            or begun["redirect_uri"] != form.get("redirect_uri")
        ):
            return _json({"error": "invalid_grant", "error_description": "<b>no</b>"}, 400)
        token = self.make_token(self.claims(nonce=begun["nonce"]))
        return _json({"access_token": "opaque", "token_type": "Bearer", "id_token": token})


def _client(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic "):
        name, _colon, secret = b64decode(header[6:]).decode().partition(":")
        return unquote_plus(name), unquote_plus(secret)
    return form.get("client_id", ""), form.get("client_secret", "")


def _json(document: object, status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type="application/json")


class RealProvider(ServerProcess):
    """`oidc-provider-mock` in a process of its own, which asks people with a page who they are.

    issuer: its URL. The host is another one than that of the tests' servers, as in real life.
    """

    def __init__(self) -> None:
        port = free_port()
        super().__init__([sys.executable, "-m", "oidc_provider_mock", "--port", str(port)], port)
        self.issuer = f"http://localhost:{port}"

    def set_person(self, subject: str, **claims: object) -> None:
        """Says who somebody is, from the next sign-in on."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("PUT", f"/users/{subject}", json.dumps(claims), headers)
            assert connection.getresponse().status == 204
        finally:
            connection.close()
