"""Receives webhooks of a registry, and checks who has sent them."""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, abort, request


def make_receiver(secret: str, handle: Callable[[dict[str, Any]], None]) -> Flask:
    app = Flask(__name__)

    @app.post("/hook")
    def hook() -> str:
        sent_at, *digests = request.headers.get("X-Pypi-Repo-Signature", "").split(",")
        signed = sent_at.removeprefix("t=").encode() + b"." + request.get_data()
        right = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        if not any(hmac.compare_digest(right.encode(), digest.encode()) for digest in digests):
            abort(401)
        if abs(time.time() - int(sent_at.removeprefix("t="))) > 300:
            abort(401)
        handle(request.get_json())
        return "taken"

    return app
