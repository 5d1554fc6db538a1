"""Creates folders and files with restricted permissions."""

import os

PRIVATE = 0o700
FOR_GROUP = 0o750  # such as a proxy that sends files
_PRIVATE_FILE = 0o600
_OTHERS = 0o007


def make_folders(path: str | os.PathLike[str], mode: int) -> list[str]:
    """Creates a folder and its missing parents, all with these permissions.

    os.makedirs would only use the permissions for the last folder.

    Returns the folders that were created.

    Raises OSError.
    """
    path = os.path.abspath(path)
    if os.path.isdir(path):
        return []
    above = os.path.dirname(path)
    made = make_folders(above, mode) if above != path else []
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not os.path.isdir(path):  # and not only made by somebody else a moment ago
            raise
        return made
    return [*made, path]


def make_private_file(path: str) -> None:
    """Creates an empty file that only this account can read.

    If the file exists and everybody can read it, this permission is removed; other permissions
    stay.

    Raises OSError if the file cannot be created.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE_FILE))
    except FileExistsError:
        make_private(path)


def make_private(path: str) -> None:
    """Lets only this account read a file that everybody could read.

    It does nothing if there is no such file, or if it belongs to another account.
    """
    try:
        if os.stat(path).st_mode & _OTHERS:
            os.chmod(path, _PRIVATE_FILE)
    except (FileNotFoundError, PermissionError):
        pass
