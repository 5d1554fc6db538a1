"""`uv pip install` and `pip install` of many small packages, beside nginx with the same files."""

from __future__ import annotations

import functools
import os
import shutil
import statistics
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

from tests.benchmarks.consumption import processor_seconds
from tests.benchmarks.forms import form_of
from tests.benchmarks.installation import Installation
from tests.benchmarks.measuring import Plan, in_turns
from tests.benchmarks.report import Findings, Goal, Table
from tests.support.distributions import wheel
from tests.support.nginx import NginxServer
from tests.support.processes import free_port

_PACKAGES = 50
_SIZE = 5_000
UV = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--no-cache", "--quiet"]
PIP = [sys.executable, "-m", "pip", "install", "--no-cache-dir", "-qq"]

_folders = count()


def measure(installation: Installation, folder: Path, plan: Plan) -> Findings:
    """Into an empty folder each time, without anything in a cache."""
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
    names = [each.name for each in wheels]
    rows, ratios = [], []
    with NginxServer(folder, port, site):
        indexes = (installation.index_url(), f"http://127.0.0.1:{port}/simple/")
        for name, command, rounds in (
            ("`uv pip install`", UV, plan.installs),
            ("`pip install`", PIP, plan.rounds),
        ):
            install = functools.partial(install_into_nothing, command, names=names, folder=folder)
            install(indexes[0])
            processor = processor_seconds(installation.pid)
            found = in_turns(
                rounds, {index: functools.partial(install, index) for index in indexes}
            )
            processor = (processor_seconds(installation.pid) - processor) / rounds
            ours, nginx = (statistics.median(found[index]) for index in indexes)
            ratios.append(ours / nginx)
            spent = f"{ours:.2f} s ({1000 * processor:.0f} ms)"
            rows.append([name, spent, f"{nginx:.2f} s", f"{ours / nginx:.2f}"])
    return Findings(
        [Table([f"{_PACKAGES} packages", "`serve`", "nginx", "ratio"], rows)],
        [Goal("`uv pip install`, beside nginx", "at most", 1.3, {"": ratios[0]})],
    )


def install_into_nothing(command: list[str], index: str, names: list[str], folder: Path) -> float:
    """Installs into an empty folder, as on a machine without configuration, and returns the time.

    command: UV or PIP.

    Returns seconds.
    """
    target = folder / f"target-{next(_folders)}"
    arguments = ["--index-url", index, "--target", str(target), *names]
    began = time.monotonic()
    subprocess.run([*command, *arguments], check=True, capture_output=True, env=_environment())
    elapsed = time.monotonic() - began
    shutil.rmtree(target)
    return elapsed


def _environment() -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))
    }
    quiet = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {**inherited, **quiet, "UV_NO_CONFIG": "1"}
