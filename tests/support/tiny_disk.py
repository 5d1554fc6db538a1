"""A file system of its own that is as small as one likes, at any moment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

PAGE = 4096


class NoTinyDisk(Exception):
    """This machine does not let us mount one; the reason is the message."""


class TinyDisk:
    """Mounted at `folder` while the block runs. Raises NoTinyDisk where that is not allowed."""

    def __init__(self, folder: Path, size: int = 64 * 1024 * 1024) -> None:
        self.folder = folder
        self._size = size

    def __enter__(self) -> Self:
        self.folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._size}", "tmpfs", str(self.folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise NoTinyDisk("a full disk needs the program `mount`") from None
        if done.returncode != 0:
            raise NoTinyDisk(f"a full disk needs the right to mount one: {done.stderr.strip()}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def leave_pages(self, number: int) -> None:
        """Room for so many more pages of 4 KiB, and no more."""
        status = os.statvfs(self.folder)
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        self._remount(f"size={used + number * PAGE}")

    def leave_names(self, number: int) -> None:
        """Room for so many more files and folders, and no more."""
        status = os.statvfs(self.folder)
        self._remount(f"nr_inodes={status.f_files - status.f_ffree + number}")

    def leave_plenty(self) -> None:
        self._remount(f"size={self._size},nr_inodes=10000")

    def _remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.folder)], check=True)
