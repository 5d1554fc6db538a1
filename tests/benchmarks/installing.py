"""`pip install` and `uv pip install` of many small packages, beside nginx with the same files."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.benchmarks.forms import form_of
from tests.benchmarks.installation import Installation
from tests.benchmarks.measuring import Measure, Result, in_turns
from tests.support.distributions import wheel
from tests.support.nginx import NginxServer, installed_nginx
from tests.support.processes import free_port

_PACKAGES = 50
_SIZE = 5_000


def measure(installation: Installation, folder: Path, rounds: int) -> Iterator[Result]:
    """Nothing where nginx is not installed."""
    if installed_nginx() is None:
        return
    static = folder / "static"
    wheels = [wheel(f"small-{number}", padding=_SIZE) for number in range(_PACKAGES)]
    installation.publish([form_of(each) for each in wheels])
    for each in wheels:
        place = static / "simple" / each.name
        place.mkdir(parents=True)
        each.save(place)
        link = f'<a href="{each.filename}#sha256={each.sha256}">{each.filename}</a>'
        (place / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
    port = free_port()
    site = f"server {{ listen 127.0.0.1:{port}; root {static}; index index.html; }}"
    with NginxServer(folder, port, site):
        indexes = (installation.index_url, f"http://127.0.0.1:{port}/simple/")
        names = [each.name for each in wheels]
        for title, command in (
            ("uv pip install", [_program("uv"), "pip", "install", "--no-cache", "--quiet"]),
            ("pip install", [sys.executable, "-m", "pip", "install", "--no-cache-dir", "-qq"]),
        ):
            ours, bare = (_installing(command, index, names, folder) for index in indexes)
            name = f"{title} of {_PACKAGES} (bare: nginx)"
            yield in_turns(name, "s", rounds, ours, bare, more_is_better=False)


def _installing(command: list[str], index: str, names: list[str], folder: Path) -> Measure:
    targets = (folder / f"target-{number}" for number in count())

    def seconds() -> float:
        target = next(targets)
        arguments = ["--index-url", index, "--target", str(target), *names]
        began = time.monotonic()
        subprocess.run([*command, *arguments], check=True, capture_output=True)
        elapsed = time.monotonic() - began
        shutil.rmtree(target)
        return elapsed

    return seconds


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
