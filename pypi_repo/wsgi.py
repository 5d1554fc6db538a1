"""`pypi_repo.wsgi:application`, for gunicorn, uWSGI, mod_wsgi, granian ...

Configured by the environment: PYPI_REPO_DATA, or PYPI_REPO_DATABASE and PYPI_REPO_BLOBS, and
PYPI_REPO_MAX_UPLOAD_SIZE.
"""

import os

from pypi_repo.registry import Registry
from pypi_repo.settings import from_mapping

application = Registry(from_mapping(os.environ)).wsgi_app()
