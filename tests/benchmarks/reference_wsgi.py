"""The reference apps for any WSGI server, told by the environment what they stand beside."""

import os
from pathlib import Path

from tests.benchmarks.reference import Site

application = Site(
    Path(os.environ["BENCHMARKS_FOLDER"]), Path(os.environ["BENCHMARKS_DATABASE"])
).wsgi_app()
