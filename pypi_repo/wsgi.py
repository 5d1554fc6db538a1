"""`pypi_repo.wsgi:application`, for gunicorn, uWSGI, mod_wsgi, granian ...

Configured by the environment: PYPI_REPO_DATA, or PYPI_REPO_DATABASE and PYPI_REPO_BLOBS, and the
variables in docs/reference/settings.md that name `pypi_repo.wsgi`.
"""

import atexit
import logging
import os
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING

from pypi_repo.domain.errors import ConfigurationError, RegistryError
from pypi_repo.registry import Registry
from pypi_repo.variables import forgotten_variables, from_mapping, unknown_variables
from pypi_repo.web.proxy import behind_proxy

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)


def _open_registry() -> Registry:
    said = os.environ.get
    forgotten = forgotten_variables(said("PYPI_REPO_DATABASE"), said("PYPI_REPO_BLOBS"))
    for sentence in [*unknown_variables(os.environ), *forgotten]:
        _log.warning("%s", sentence)
    try:
        registry = Registry(from_mapping(os.environ))
    except (RegistryError, ValueError) as error:
        # A server's log should end with the sentence; how we came upon it only buries it.
        sentence = error.for_operator if isinstance(error, RegistryError) else str(error)
        raise ConfigurationError(sentence) from None
    _log.info(
        "The database is %s; the files are in %s.", registry.database_place, registry.files_place
    )
    # A worker that ends in order writes what it has counted. granian's workers are children of
    # multiprocessing, which ends them without atexit.
    atexit.register(registry.close)
    Finalize(None, registry.close, exitpriority=0)
    return registry


def _application() -> "WSGIApplication":
    site = _open_registry().wsgi_app()
    proxy = os.environ.get("PYPI_REPO_TRUSTED_PROXY")
    return behind_proxy(site, proxy) if proxy else site


application = _application()
