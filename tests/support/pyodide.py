"""Python in a browser: Pyodide with micropip, on the pages of a site of its own."""

from __future__ import annotations

import io
import mimetypes
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_PACKAGE = "pyodide@0.27.7"


def fetch_pyodide(folder: Path) -> Path | None:
    """The folder with its files, as npm brings them; None where it cannot."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    command = [npm, "pack", _PACKAGE, "--silent"]
    if subprocess.run(command, cwd=folder, check=False, timeout=300).returncode != 0:
        return None
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    archive.unlink()
    return folder / "package"


class NotebookSite:
    """A page with nothing on it, Pyodide's files beside it, and micropip to unpack there."""

    def __init__(self, pyodide: Path) -> None:
        self._pyodide = pyodide
        self._micropip = _installed("micropip", "packaging")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        name = environ["PATH_INFO"].rpartition("/")[2]
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if not name:
            kind, content = "text/html", b"<!DOCTYPE html><title>Notebook</title>"
        elif name == "micropip.zip":
            content = self._micropip
        else:
            kind = {".mjs": "text/javascript"}.get(Path(name).suffix, kind)
            content = (self._pyodide / name).read_bytes()
        start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(content)))])
        return [content]


def _installed(*packages: str) -> bytes:
    """A zip archive of what is installed of them here, all of it Python."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for package in packages:
            for file in files(package) or ():
                if file.suffix != ".pyc":
                    packed.writestr(str(file), file.read_binary())
    return archive.getvalue()
