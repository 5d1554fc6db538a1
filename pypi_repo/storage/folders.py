"""Creates folders and files with restricted permissions, and tells who may use them."""

import os
from contextlib import suppress

from pypi_repo.domain.errors import ConfigurationError

PRIVATE = 0o700
FOR_GROUP = 0o750  # such as a proxy that sends files
_PRIVATE_FILE = 0o600
_OTHERS = 0o007
_MOUNTS = "/proc/mounts"
_SHARED = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph")
_LOCAL_FUSE = ("fuse.fuse-overlayfs", "fuse.overlayfs")  # the disk of a container


def make_folders(path: str | os.PathLike[str], mode: int, *, keep_owner: bool = False) -> list[str]:
    """Creates a folder and its missing parents, all with these permissions.

    os.makedirs would only use the permissions for the last folder.

    keep_owner: whether each belongs to the owner of the one around it; see `give_to_owner`.

    Returns the folders that were created.

    Raises OSError.
    """
    path = os.path.abspath(path)
    if os.path.isdir(path):
        return []
    above = os.path.dirname(path)
    made = make_folders(above, mode, keep_owner=keep_owner) if above != path else []
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not os.path.isdir(path):  # and not only made by somebody else a moment ago
            raise
        return made
    if keep_owner and _is_root():
        # Through a descriptor, as whoever owns the folder above could put a link here meanwhile.
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            give_to_owner(folder, above)
        finally:
            os.close(folder)
    return [*made, path]


def give_to_owner(descriptor: int, folder: str) -> None:
    """Lets a new file belong to the owner of the folder that it is in, if root has made it.

    A service that runs under an account of its own could otherwise not use what a command has
    stored that was run as root.

    descriptor: the file, which must be new: root must not give away what others put there.
    """
    if _is_root():
        around = os.stat(folder)
        with suppress(OSError):  # as not every file system and not every container's root can
            os.fchown(descriptor, around.st_uid, around.st_gid)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def make_private_file(path: str, folder_mode: int) -> None:
    """Creates an empty file that only this account can read, and its folder; see `give_to_owner`.

    If the file exists and everybody can read it, this permission is removed; other permissions
    stay.

    folder_mode: the permissions of folders that it creates.

    Raises OSError if the file cannot be created.
    """
    folder = os.path.dirname(os.path.abspath(path))
    make_folders(folder, folder_mode, keep_owner=True)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE_FILE)
    except FileExistsError:
        make_private(path)
        return
    try:
        give_to_owner(descriptor, folder)
    finally:
        os.close(descriptor)


def make_private(path: str) -> None:
    """Lets only this account read a file that everybody could read.

    It does nothing if there is no such file, or if it belongs to another account.
    """
    try:
        if os.stat(path).st_mode & _OTHERS:
            os.chmod(path, _PRIVATE_FILE)
    except (FileNotFoundError, PermissionError):
        pass


def is_there(path: str) -> bool:
    """Returns whether there is a file.

    Raises ConfigurationError if this account may not look, or may not read it.
    """
    try:
        os.stat(path)
    except PermissionError:
        raise ConfigurationError(_not_for_us(_last_seen(os.path.abspath(path)), "enter")) from None
    except OSError:
        return False
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise ConfigurationError(_not_for_us(path, "read"))
    return True


def _last_seen(path: str) -> str:
    """Returns the folder on the way to a path that this account may see and not enter."""
    above = os.path.dirname(path)
    with suppress(PermissionError):
        os.stat(above)
        return above
    return _last_seen(above)


def _not_for_us(path: str, verb: str) -> str:
    return f"This account may not {verb} {path}; use the account to which it belongs{_owner(path)}."


def _owner(path: str) -> str:
    try:
        import pwd  # there is none on Windows

        return f", {pwd.getpwuid(os.stat(path).st_uid).pw_name}"
    except (ImportError, KeyError):
        return ""


def network_file_system(folder: str, mounts: str = _MOUNTS) -> str | None:
    """Returns the kind of file system of a folder, such as `nfs4`, if it is one of another machine.

    File systems in user space (FUSE) count as such, except those of containers.

    mounts: the file in which the system lists what is mounted where (proc(5)).

    Returns None for a disk of this machine, and where the system does not tell.
    """
    path, kind, longest = os.path.join(os.path.realpath(folder), ""), "", 0
    with suppress(OSError), open(mounts, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            _device, place, found, *_rest = line.split(" ")
            place = os.path.join(place.replace("\\040", " "), "")
            if path.startswith(place) and len(place) >= longest:  # the last one hides the others
                kind, longest = found, len(place)
    is_fuse = kind.startswith("fuse.") and kind not in _LOCAL_FUSE
    return kind if kind in _SHARED or is_fuse else None
