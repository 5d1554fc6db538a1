"""The hot page and a download under gunicorn and granian, beside the references under the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal

from tests.benchmarks.load import Target, requests_per_second
from tests.benchmarks.measuring import Measure, Result, in_turns
from tests.support.wsgi_servers import WsgiServer

_SERVERS: tuple[Literal["gunicorn", "granian"], ...] = ("gunicorn", "granian")
_ROOT = Path(__file__).parents[2]


def measure(
    pages: Mapping[str, tuple[str, Target]],
    folder: Path,
    data: Path,
    recorded: Path,
    rounds: int,
    seconds: float,
) -> Iterator[Result]:
    """Two workers each, started as docs/how-to/scale-out.md says."""
    if os.name == "nt":
        return
    references = {
        "PYTHONPATH": str(_ROOT),
        "BENCHMARKS_FOLDER": str(recorded),
        "BENCHMARKS_DATABASE": str(data / "registry.db"),
    }
    for name in _SERVERS:
        with ExitStack() as stack:
            ours = stack.enter_context(
                WsgiServer(name, folder, {"PYPI_REPO_DATA": str(data), "PYTHONPATH": str(_ROOT)})
            )
            reference = stack.enter_context(
                WsgiServer(
                    name,
                    folder,
                    references,
                    application="tests.benchmarks.reference_wsgi:application",
                )
            )
            for page, (title, target) in pages.items():
                subjects = (
                    replace(target, port=ours.port),
                    replace(target, port=reference.port, path=f"/bare/{page}"),
                    replace(target, port=reference.port, path=f"/floor/{page}"),
                )
                for subject in subjects:
                    requests_per_second(subject, 1)  # bcrypt in both workers, and the caches
                yield in_turns(
                    f"{title}, {name}",
                    "requests/s",
                    rounds,
                    *(_rate(subject, seconds) for subject in subjects),
                )


def _rate(target: Target, seconds: float) -> Measure:
    return lambda: requests_per_second(target, seconds)
