"""The blob store that a URL stands for.

fsspec is imported by the first of them: who only imports the package may never need one.
"""

from collections.abc import Mapping
from typing import Any

from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.storage.blobs import BlobStore
from pypi_repo.storage.local_blobs import LocalBlobStore
from pypi_repo.storage.remote_blobs import MemoryBlobStore, RemoteBlobStore

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"} | dict.fromkeys(
    ("az", "abfs", "abfss"), "azure"
)
# A store that is gone is told so within ten seconds: clients and operators can do something then.
_BOTOCORE: Mapping[str, Any] = {
    "connect_timeout": 3,  # seconds
    "read_timeout": 5,  # until the next byte
    "retries": {"mode": "standard", "total_max_attempts": 2},
    "max_pool_connections": 40,  # 16 threads of `serve` send two parts each
}
_PATIENCE = 120  # seconds, with the other clouds
_AZURE: Mapping[str, Any] = {"blocksize": 8 * 1024 * 1024}  # 50 MiB would be held in memory


def open_blob_store(url: str, options: Mapping[str, Any]) -> BlobStore:
    """The blob store at an fsspec URL.

    options: keyword arguments for the file system, such as credentials; they come before what is
        said in fsspec's own configuration, and that before the timeouts that are set here.

    Raises ConfigurationError for a URL that no installed file system understands.
    """
    import fsspec
    from fsspec.core import split_protocol
    from fsspec.implementations.local import LocalFileSystem

    protocol = split_protocol(url)[0] or "file"
    if protocol == "memory":
        memory = fsspec.filesystem("memory", global_store=False, skip_instance_cache=True)
        return MemoryBlobStore(lambda: memory, "/", _PATIENCE)
    try:
        file_system, root = _connect(protocol, url, options)
    except (ImportError, ValueError) as error:
        # Not the whole URL: some hold a password.
        raise ConfigurationError(
            f"No file system for the blob URL {protocol}://...: {str(error).rstrip('.!')}."
            + _advice(protocol, error)
        ) from error
    if isinstance(file_system, LocalFileSystem):
        return LocalBlobStore(root)
    is_s3 = _EXTRAS.get(protocol) == "s3"
    patience = 2 * file_system.config_kwargs["read_timeout"] if is_s3 else _PATIENCE
    return RemoteBlobStore(lambda: _connect(protocol, url, options)[0], root, patience)


def _connect(protocol: str, url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """The file system, and the path on it."""
    from fsspec.core import url_to_fs

    chosen = _with_defaults(protocol, options)
    file_system, root = url_to_fs(url, skip_instance_cache=True, use_listings_cache=False, **chosen)
    if _EXTRAS.get(protocol) == "s3":
        file_system.retries = 1  # botocore tries again by itself, and these would multiply
    return file_system, root


def _advice(protocol: str, error: Exception) -> str:
    if protocol not in _EXTRAS:
        return " Write file:///folder, or s3://, gs:// or az:// with bucket and folder."
    if isinstance(error, ImportError):
        return f" Install pypi-repo[{_EXTRAS[protocol]}]."
    return " Say it in blob_options, or in the environment as its own tools take it."


def _with_defaults(protocol: str, options: Mapping[str, Any]) -> dict[str, Any]:
    import fsspec
    from fsspec.config import apply_config

    kind = fsspec.get_filesystem_class(protocol)
    given = apply_config(kind, dict(options))
    if _EXTRAS.get(protocol) == "s3":
        given["config_kwargs"] = {**_BOTOCORE, **given.get("config_kwargs", {})}
    if _EXTRAS.get(protocol) == "azure":
        given = {**_AZURE, **given}
    return dict(given)
