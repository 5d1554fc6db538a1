"""Which certificates are trusted."""

import os
import ssl
from threading import Lock

from pypi_repo.domain.errors import UpstreamFailed


class Trust:
    """Reads files of certificates, and reads them again after they were changed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._contexts: dict[str | None, tuple[int, ssl.SSLContext]] = {}

    def in_file(self, place: str | None, called: str) -> ssl.SSLContext:
        """Returns what trusts the certificates in a file and no others.

        place: the path of a file in PEM format; None for the certificates of the system.
        called: what errors call whoever shows a certificate.

        Raises UpstreamFailed if the file cannot be read.
        """
        try:
            with self._lock:
                changed = os.stat(place).st_mtime_ns if place is not None else 0
                known = self._contexts.get(place)
                if known is None or known[0] != changed:
                    known = (changed, ssl.create_default_context(cafile=place))
                    self._contexts[place] = known
                return known[1]
        except (OSError, ValueError) as error:
            raise UpstreamFailed(
                f"The CA file of the {called} cannot be read; correct its path, or write "
                "certificates in PEM format into it.",
                detail=f"{place}: {getattr(error, 'strerror', None) or error}",
            ) from error
