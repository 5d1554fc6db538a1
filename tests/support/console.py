"""Runs the console blocks of a page, one after another, as if they were typed in one shell.

Around the shell is a machine as the reader has it: a home of its own, the tools that the page
names, and no network but the loopback interface. What would come from the public index lies in a
folder, and a server starts on a free port by the environment variable that all servers here know.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.markdown import Block, blocks
from tests.support.processes import free_port
from tests.support.repacked import repack_with_requirements

LEFT_OUT = re.compile(r"<!-- Not run by the tests: .+ -->")
REFUSED = "<!-- The last command is refused. -->"

_SERVES = re.compile(
    r"^(\S*(?:python -m pypi_repo\.serve|pypi-repo serve)\b[^\n&]*?)(?: &)?$", re.MULTILINE
)
_TOOLS = ("pypi-repo", "uv", "poetry", "hatch", "flit", "pdm")
_LONGEST = 1800.0  # seconds, after which something hangs and is not merely slow

# What starts a server waits until it listens; the one before it is stopped, as its port is needed.
_PRELUDE = """\
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
server=
serving() {
    [ -z "$server" ] || { kill $server; wait $server; } || true
    : > server.log
    "$@" >> server.log 2>&1 &
    server=$!
    until grep -q "Listening on" server.log; do
        kill -0 $server || { cat server.log; exit 1; }
        sleep 0.3
    done
    cat server.log
}
refused() {
    if "$@"; then echo "was not refused: $*"; exit 1; fi
}
"""


def console_blocks(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language == "console"]


def is_run(block: Block) -> bool:
    return LEFT_OUT.fullmatch(block.before) is None


@dataclass
class Machine:
    """A folder to type in, and its environment.

    replaced: what stands on the page for something else, by regular expression; `\\1` works.
    """

    folder: Path
    home: Path
    port: int = field(default_factory=free_port)
    replaced: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "tools").mkdir()
        self.packages = self.home / "packages"
        self.packages.mkdir()
        repack_with_requirements("hatchling", self.packages)
        self._make_tools()

    def run(self, page: Path, told: Mapping[int, str] | None = None) -> str:
        """What all blocks of a page print together, standard output and errors.

        told: what a reader does before the block of this number because the text says so.
        """
        parts = [_PRELUDE]
        for number, block in enumerate(console_blocks(page)):
            parts.append(self._replaced((told or {}).get(number, "")))
            if is_run(block):
                parts.append(f": '--- {page.name}, line {block.line}'\n{self._typed(block)}")
        return self._shell("\n".join(parts))

    def _shell(self, script: str) -> str:
        with subprocess.Popen(
            ["bash", "-x", "-c", script],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as shell:
            try:
                printed, _nothing = shell.communicate(timeout=_LONGEST)
            finally:
                with suppress(ProcessLookupError):  # servers that a page started
                    os.killpg(shell.pid, signal.SIGKILL)
        assert shell.returncode == 0, printed
        return printed

    def _typed(self, block: Block) -> str:
        text = self._replaced(_SERVES.sub(r"serving \1", block.text))
        if block.before == REFUSED:
            first, _break, last = text.rstrip("\n").rpartition("\n")
            text = f"{first}\nrefused {last}\n"
        return text

    def _replaced(self, text: str) -> str:
        for pattern, value in self.replaced.items():
            text = re.sub(pattern, value, text)
        return text

    def environment(self) -> dict[str, str]:
        tools = [str(self.home / "tools"), str(self.home / "venv" / "bin")]
        kept = ("LANG", "LC_ALL", "TMPDIR")
        return {name: os.environ[name] for name in kept if name in os.environ} | {
            "PATH": os.pathsep.join([*tools, os.defpath]),
            "HOME": str(self.home),
            "VIRTUAL_ENV": str(self.home / "venv"),
            "PYPI_REPO_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "NO_COLOR": "1",
            "COLUMNS": "200",
            # Nobody listens there, so that nothing outside is asked.
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "PIP_FIND_LINKS": str(self.packages),
            "PIP_INDEX_URL": (self.home / "no-public-index").as_uri(),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "FLIT_NO_NETWORK": "1",
            "PDM_CHECK_UPDATE": "0",
        }

    def make_tool(self, name: str, script: str) -> None:
        """Makes a command of this shell script, in the place of one of the same name."""
        path = self.home / "tools" / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def _make_tools(self) -> None:
        """python3 makes environments that have already what the public index would give, and pip.

        It does not install another one into each of them, which takes longer than most pages.
        """
        scripts = Path(sys.executable).parent
        given = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (self.home / "given.pth").write_text(given)
        venv, site = self.home / "venv", "lib/python3*/site-packages"
        pip = self.home / "pip"
        pip.write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n')
        pip.chmod(0o755)
        make = (
            f'{sys.executable} "$@" --without-pip && cp {pip} "$3/bin" && '
            f'for place in "$3"/{site}; do cp {self.home / "given.pth"} "$place"; done'
        )
        run = f'exec {venv}/bin/python "$@"'
        self.make_tool("python3", f'if [ "$1 $2" = "-m venv" ]; then {make}; else {run}; fi')
        self.make_tool("python", run)
        for name in ("pip", "twine"):
            self.make_tool(name, f'exec python -m {name} "$@"')
        for name in _TOOLS:
            (self.home / "tools" / name).symlink_to(scripts / name)
        uv = [shutil.which("uv", path=str(scripts)) or "uv", "venv", "--quiet", "--offline"]
        subprocess.run([*uv, "--python", sys.executable, venv], check=True)
        (place,) = venv.glob(site)
        shutil.copy(self.home / "given.pth", place)
