"""The server as `serve` runs it, over a folder, with clients it soon loses patience with.

python -m tests.support.impatient_server DATA PORT HOST ANSWER

ANSWER: for how long, in seconds, it bears that nothing of an answer is taken.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from pypi_repo import Registry
from pypi_repo.server.http.patience import Patience
from pypi_repo.server.loop import Server
from pypi_repo.server.sockets import listen
from pypi_repo.settings import in_folder

PATIENCE = Patience(
    idle=3, headers=2, body=2, slowest=1024, answer=2, crowded=1, refused=3, leaving=1
)

if __name__ == "__main__":
    data, port, host, answer = sys.argv[1:]
    patience = replace(PATIENCE, answer=float(answer))
    with Registry(in_folder(data)) as registry:
        Server(registry.wsgi_app(), listen(host, int(port)), patience=patience).run()
