"""The server as `serve` runs it, over a folder, with clients it soon loses patience with.

python -m tests.support.impatient_server DATA PORT
"""

from __future__ import annotations

import sys

from pypi_repo import Registry
from pypi_repo.server.channel import Patience
from pypi_repo.server.loop import Server
from pypi_repo.settings import in_folder

PATIENCE = Patience(idle=3, headers=2, body=2, slowest=1024, answer=2, refused=3)

if __name__ == "__main__":
    data, port = sys.argv[1:]
    with Registry(in_folder(data)) as registry:
        Server(registry.wsgi_app(), "127.0.0.1", int(port), patience=PATIENCE).run()
