"""A real server of the S3 protocol (moto), in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.support.processes import ServerProcess, free_port

REGION = "us-east-1"
_PROGRAM = Path(__file__).with_name("s3_process.py")


class S3Server(ServerProcess):
    """Keeps its objects in memory: they are gone when the server ends."""

    def __init__(self) -> None:
        port = free_port()
        super().__init__([sys.executable, "-P", str(_PROGRAM), str(port)], port)

    @property
    def endpoint_url(self) -> str:
        return self.url

    @property
    def storage_options(self) -> dict[str, Any]:
        """The options that fsspec hands on to s3fs."""
        return {
            "key": "testing",
            "secret": "testing",
            "client_kwargs": {"endpoint_url": self.endpoint_url, "region_name": REGION},
        }

    def create_bucket(self, name: str) -> str:
        with urlopen(Request(f"{self.url}/{name}", method="PUT"), timeout=60):
            return name
