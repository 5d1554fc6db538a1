# ruff: noqa: S101, S310, S603, T201 - a script of our own, run by .ci/run
"""Whether the pypi_repo that is installed here works: import, migrations, command line, server."""

import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pypi_repo
from pypi_repo.storage.database import schema


def main() -> None:
    print(f"pypi_repo is imported from {Path(pypi_repo.__file__).parent}")
    if not list(Path(schema.script_location(), "versions").glob("*.py")):
        sys.exit(f"There are no migrations in {schema.script_location()}.")
    with tempfile.TemporaryDirectory() as data:
        _upgrade(data)
        _serve(data)


def _upgrade(data: str) -> None:
    command = _script("pypi-repo")
    subprocess.run([*command, "db", "upgrade", "--data", data], check=True)
    subprocess.run([*command, "db", "current", "--data", data], check=True)


def _serve(data: str) -> None:
    command = [sys.executable, "-I", "-u", "-m", "pypi_repo.serve", "--port", "0", "--data", data]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            listening = (re.match(r"Listening on (\S+)", line) for line in server.stdout)
            url = next((found[1] for found in listening if found), None)
            if url is None:
                sys.exit("The server ended before it listened.")
            with urllib.request.urlopen(url, timeout=30) as answer:
                print(f"{url} answers {answer.status}")
        finally:
            server.terminate()
    if server.returncode != 0:
        sys.exit(f"The server ended with {server.returncode}.")


def _script(name: str) -> Sequence[str]:
    return [str(Path(sys.executable).with_name(name))]


if __name__ == "__main__":
    main()
