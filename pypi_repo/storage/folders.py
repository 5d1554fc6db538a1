"""Folders and files that not everybody on the machine may look into."""

import os

PRIVATE = 0o700
FOR_GROUP = 0o750  # such as a proxy that sends files
_PRIVATE_FILE = 0o600
_OTHERS = 0o007


def make_folders(path: str | os.PathLike[str], mode: int) -> list[str]:
    """Makes a folder, and those above it that are missing, all with these permissions.

    Gives those that it made.

    os.makedirs would give them to the last one alone.

    Raises OSError where that cannot be done.
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
    """Makes an empty file for this account alone, and one that everybody could read private.

    Permissions that somebody narrowed already, perhaps for a group, stay as they are.

    Raises OSError where the file cannot be made.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE_FILE))
    except FileExistsError:
        make_private(path)


def make_private(path: str) -> None:
    """Does nothing where there is no such file, or it is another account's."""
    try:
        if os.stat(path).st_mode & _OTHERS:
            os.chmod(path, _PRIVATE_FILE)
    except (FileNotFoundError, PermissionError):
        pass
