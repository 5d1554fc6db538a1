"""Clients of S3 are made in a fraction of the time: what describes the service is read once.

Each client reads megabytes of JSON, and looks for more of it in hundreds of folders. A process
that serves has one client. A process that tests makes hundreds.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader, Loader


@contextmanager
def quick_s3() -> Iterator[None]:
    """Within the block, nothing that describes a service is read again."""
    load_file = JSONFileLoader.load_file
    list_available_services = Loader.list_available_services

    @functools.cache
    def loaded(path: str) -> Any:
        return load_file(JSONFileLoader(), path)

    @functools.cache
    def available(type_name: str) -> Any:
        return list_available_services(Loader(), type_name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _loader, path: loaded(path))
        patch.setattr(Loader, "list_available_services", lambda _loader, name: available(name))
        yield
