"""Run by `s3.py`: moto's application on waitress, on the port of the first argument.

Not `python -m moto.server`: on that server each answer has two Server headers, which s3fs's
HTTP client refuses when Python runs in development mode. And not moto's choice among the services
of its own, which looks through its modules for each request, and takes a third of the time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import create_backend_app
from waitress import serve

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_moto = create_backend_app("s3")


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    # moto looks for the undecoded path of a key where its own server puts it.
    environ["RAW_URI"] = environ["REQUEST_URI"]
    answer: Iterable[bytes] = _moto(environ, start_response)
    return answer


if __name__ == "__main__":
    serve(application, host="127.0.0.1", port=int(sys.argv[1]), threads=16)
