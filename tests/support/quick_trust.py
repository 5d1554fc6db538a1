"""The system's certificates are read once, not by each registry that asks another server.

A process that serves has one registry, which reads them once. A process that tests makes
thousands, and each would need longer to read them than for all the rest of a request.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from pypi_repo.outbound import trust

_PLACES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def quick_trust() -> Iterator[None]:
    """Within the block, registries share what trusts the certificates of the system."""
    of_system: dict[tuple[str | None, ...], ssl.SSLContext] = {}

    def context(*, cafile: str | None) -> ssl.SSLContext:
        if cafile is not None:
            return ssl.create_default_context(cafile=cafile)
        places = tuple(map(os.environ.get, _PLACES))
        if places not in of_system:
            of_system[places] = ssl.create_default_context()
        return of_system[places]

    quick = SimpleNamespace(**{**vars(ssl), "create_default_context": context})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trust, "ssl", quick)
        yield
