"""Opens the blob store at a path or a URL.

fsspec is imported when the first store is opened, because many processes never open one.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.storage.blobs.local import LocalBlobStore
from pypi_repo.storage.blobs.remote import MemoryBlobStore, RemoteBlobStore
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.folders import PRIVATE

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"} | dict.fromkeys(
    ("az", "abfs", "abfss"), "azure"
)
_MISTYPED_URL = re.compile(rf"[a-z][a-z0-9+]+:|({'|'.join(EXTRAS)})//", re.IGNORECASE)
_UNCLEAR_PLACE = (
    "It is unclear whether the place for the files is a folder; write s3://bucket/folder, "
    "file:///folder, /folder or ./folder."
)
# A store that is gone is told so within ten seconds: clients and operators can do something then.
_BOTOCORE: Mapping[str, Any] = {
    "connect_timeout": 3,  # seconds
    "read_timeout": 5,  # until the next byte
    "retries": {"mode": "standard", "total_max_attempts": 2},
    "max_pool_connections": 40,  # 16 threads of `serve` send two parts each
}
# What files are stored with, which some file systems only inherit from a base that raises.
_ABILITIES: Mapping[str, tuple[str, ...]] = {
    "list": ("ls", "_ls"),
    "read and write": ("_open",),
    "delete": ("_rm", "rm_file", "_rm_file"),
    "tell the age of": ("modified", "_modified"),
}
_PATIENCE = 120  # seconds, with the other clouds
_AZURE: Mapping[str, Any] = {"blocksize": 8 * 1024 * 1024}  # 50 MiB would be held in memory


def open_blob_store(place: str | Path, options: Mapping[str, Any]) -> BlobStore:
    """Returns the blob store in a folder of this machine or at an fsspec URL.

    place: a path, or the text of a path or a URL. The text of a relative path begins with `./`:
        the name of a bucket is more often meant by others.
    options: keyword arguments for the file system, such as credentials. They take precedence over
        fsspec's own configuration, which takes precedence over the time-outs that are set here.

    Raises ConfigurationError if no installed file system supports the URL, if the file system
    cannot do what a blob store needs, and for text that is neither a URL nor clearly a path.
    """
    folder = _folder(place)
    if folder is None:
        return _open_url(str(place), options)
    if isinstance(place, str) and not _is_clear(place):
        raise ConfigurationError(_UNCLEAR_PLACE)
    return LocalBlobStore(folder)


def open_backup(place: str, options: Mapping[str, Any]) -> BlobStore:
    """Returns the blob store of a backup, which is not trusted, and as secret as the database.

    place: a folder, which may be relative, or a URL.

    Raises ConfigurationError as `open_blob_store` does, and for what looks like a mistyped URL.
    """
    folder = _folder(place)
    if folder is not None:
        return LocalBlobStore(folder, PRIVATE, follows_links=False)
    return _open_url(place, options)


def end_thread() -> None:
    """Ends the thread of the object stores, which must not be in use.

    The next store starts another thread. A process that is about to fork calls this, because a lock
    that a thread holds at that moment would stay locked in the child.
    """
    asyn = sys.modules.get("fsspec.asyn")
    if asyn is not None and asyn.loop[0] is not None:
        loop, thread = asyn.loop[0], asyn.iothread[0]
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        asyn.reset_after_fork()


def _folder(place: str | Path) -> str | None:
    """Returns the folder of this machine; None for another kind of store.

    Raises ConfigurationError for what looks like a mistyped URL, of which it would make a folder.
    """
    protocol, separator, _path = str(place).partition("://")
    if isinstance(place, str) and not separator and _MISTYPED_URL.match(place):
        raise ConfigurationError(_UNCLEAR_PLACE)
    if isinstance(place, Path) or not separator:
        return os.path.abspath(os.path.expanduser(place))
    if protocol not in ("file", "local"):
        return None
    from fsspec.implementations.local import LocalFileSystem

    return str(LocalFileSystem._strip_protocol(place))


def _is_clear(place: str) -> bool:
    is_absolute = os.path.isabs(os.path.expanduser(place))
    return is_absolute or "://" in place or place.startswith(".")


def _open_url(url: str, options: Mapping[str, Any]) -> BlobStore:
    protocol = url.partition("://")[0]
    return _open_memory() if protocol == "memory" else _open_remote(protocol, url, options)


def _open_memory() -> BlobStore:
    import fsspec

    memory = fsspec.filesystem("memory", global_store=False, skip_instance_cache=True)
    return MemoryBlobStore(lambda: memory, "/", _PATIENCE)


def _open_remote(protocol: str, url: str, options: Mapping[str, Any]) -> BlobStore:
    import fsspec

    try:
        _require_abilities(fsspec.get_filesystem_class(protocol))
        file_system, root = _connect(protocol, url, options)
        if not root.strip("/"):
            raise ValueError("it names no place there")
    except Exception as error:
        # Not the whole URL: some hold a password.
        raise ConfigurationError(
            f"No file system for the blob URL {protocol}://...: {_reason(error)}."
            + _advice(protocol, error)
        ) from error
    is_s3 = EXTRAS.get(protocol) == "s3"
    patience = 2 * file_system.config_kwargs["read_timeout"] if is_s3 else _PATIENCE
    return RemoteBlobStore(lambda: _connect(protocol, url, options)[0], root, patience)


def _connect(protocol: str, url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """Returns the file system, and the path in it."""
    from fsspec.core import url_to_fs

    chosen = _with_defaults(protocol, options)
    file_system, root = url_to_fs(url, skip_instance_cache=True, use_listings_cache=False, **chosen)
    if EXTRAS.get(protocol) == "s3":
        file_system.retries = 1  # botocore tries again by itself, and these would multiply
    return file_system, root


def _require_abilities(kind: Any) -> None:
    """Raises ValueError for a kind of file system that lacks methods that are needed."""
    from fsspec import AbstractFileSystem
    from fsspec.asyn import AsyncFileSystem

    inherited = {
        vars(base).get(name)
        for base in (AbstractFileSystem, AsyncFileSystem)
        for names in _ABILITIES.values()
        for name in names
    }
    for ability, names in _ABILITIES.items():
        if all(getattr(kind, name, None) in inherited for name in names):
            raise ValueError(f"it cannot {ability} files")


def _reason(error: Exception) -> str:
    """Returns what is wrong as text, because some file systems raise errors without a message."""
    text = str(error).rstrip(".!")
    if isinstance(error, (ImportError, ValueError)) and text:
        return text
    return f"it cannot be made of this URL and these options ({type(error).__name__})"


def _advice(protocol: str, error: Exception) -> str:
    if protocol not in EXTRAS:
        return " Write file:///folder, or s3://, gs:// or az:// with bucket and folder."
    if isinstance(error, ImportError):
        return f" Install pypi-repo[{EXTRAS[protocol]}]."
    return " Say it in blob_options, or in the environment as its own tools take it."


def _with_defaults(protocol: str, options: Mapping[str, Any]) -> dict[str, Any]:
    import fsspec
    from fsspec.config import apply_config

    kind = fsspec.get_filesystem_class(protocol)
    given = apply_config(kind, dict(options))
    if EXTRAS.get(protocol) == "s3":
        given["config_kwargs"] = {**_BOTOCORE, **given.get("config_kwargs", {})}
    if EXTRAS.get(protocol) == "azure":
        given = {**_AZURE, **given}
    return dict(given)
