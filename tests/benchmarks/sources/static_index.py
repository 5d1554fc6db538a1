"""The upstream: nginx, with pages in JSON and the files. Nothing on this machine answers faster."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.support.distributions import Distribution
from tests.support.nginx import NginxServer
from tests.support.processes import free_port

_SITE = """
server {{
    listen 127.0.0.1:{port} backlog=1024;
    root {root};
    gzip_static on;
    access_log {log};
    location /simple/ {{
        index index.json;
        types {{ }}
        default_type application/vnd.pypi.simple.v1+json;
    }}
    location /slow/ {{ alias {root}/files/; limit_rate {rate}; }}
}}
"""
_AT = "2026-01-02T03:04:05.000000Z"


class StaticIndex(NginxServer):
    """An index to which projects can be added while it runs.

    rate: with how many bytes a second it sends each file that is added as a slow one.
    """

    def __init__(self, folder: Path, rate: int) -> None:
        self._folder = folder
        self._requests = folder / "access.log"
        self._projects: list[str] = []
        (folder / "files").mkdir(parents=True)
        port = free_port()
        site = _SITE.format(port=port, root=folder, log=self._requests, rate=rate)
        super().__init__(folder, port, site)

    @property
    def index_url(self) -> str:
        return f"{self.url}/simple/"

    def add(self, distributions: Iterable[Distribution]) -> None:
        """Adds all files of some projects, with their core metadata."""
        projects: defaultdict[str, list[Distribution]] = defaultdict(list)
        for each in distributions:
            projects[each.name].append(each)
        for project, files in projects.items():
            listed = [self._save(each) for each in files]
            self.write_page(project, [each.version for each in files], listed)

    def _save(self, distribution: Distribution) -> dict[str, Any]:
        path = distribution.save(self._folder / "files")
        path.with_name(f"{path.name}.metadata").write_bytes(distribution.metadata)
        listed = _listed(path, f"../../files/{path.name}")
        listed["core-metadata"] = {"sha256": hashlib.sha256(distribution.metadata).hexdigest()}
        return listed

    def add_slow(self, project: str, file: Path) -> None:
        """Adds a file that is in the folder of files, as the only one of its project."""
        listed = _listed(file, f"../../slow/{file.name}")
        self.write_page(project, ["1.0"], [listed])

    def write_page(
        self, project: str, versions: Sequence[str], files: Sequence[dict[str, Any]]
    ) -> None:
        self._projects.append(project)
        page = {"name": project, "versions": versions, "files": files}
        names = [{"name": name} for name in self._projects]
        self._write_document(self._folder / "simple" / project, page)
        self._write_document(self._folder / "simple", {"projects": names})

    @property
    def slow_folder(self) -> Path:
        return self._folder / "files"

    def asked_for(self, path: str) -> int:
        """How often a path was asked for so far, as far as the answers have ended."""
        return sum(f"GET {path}" in line for line in self._requests.read_text().splitlines())

    def _write_document(self, folder: Path, document: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"meta": {"api-version": "1.1"}, **document})
        (folder / "index.json").write_text(text)


def generated_files(project: str, count: int) -> list[dict[str, Any]]:
    """What a page says of files that do not exist, two of each version."""
    found = []
    for number in range(count):
        filename = f"{project.replace('-', '_')}-1.{number // 2}-py{3 + number % 2}-none-any.whl"
        digest = hashlib.sha256(filename.encode()).hexdigest()
        found.append(
            {
                "filename": filename,
                "url": f"../../files/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{filename}",
                "hashes": {"sha256": digest},
                "requires-python": ">=3.9",
                "core-metadata": {"sha256": digest[::-1]},
                "upload-time": _AT,
                "size": 20_000 + number,
                "yanked": False,
            }
        )
    return found


def _listed(file: Path, url: str) -> dict[str, Any]:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {
        "filename": file.name,
        "url": url,
        "hashes": {"sha256": digest},
        "requires-python": ">=3.9",
        "upload-time": _AT,
        "size": file.stat().st_size,
        "yanked": False,
    }
