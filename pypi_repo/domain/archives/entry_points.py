"""The names of scripts in entry_points.txt.

https://packaging.python.org/en/latest/specifications/entry-points/ defines the format as what
configparser reads, but configparser takes quadratic time for a line of blanks. Installers differ in
how they treat comments and continued values. So this module treats every line that could be an
entry as one.
"""

from collections.abc import Iterator

from pypi_repo.domain.errors import InvalidArchive

_LARGEST = 1024 * 1024  # bytes
_MOST_LINES = 20_000
_LONGEST_LINE = 4096  # characters

# Some readers find the entries of DEFAULT in each section.
_SECTIONS_OF_SCRIPTS = frozenset({"console_scripts", "gui_scripts", "DEFAULT"})


def script_names(content: bytes) -> Iterator[str]:
    """Yields the names of all scripts.

    Raises InvalidArchive if the file cannot be parsed.
    """
    section = ""
    for line in _lines(content):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        name, equals, _value = (part.strip() for part in entry.partition("="))
        if entry.startswith("["):
            if not entry.endswith("]"):
                raise _unreadable()
            section = entry.strip("[]").strip()
        elif equals and section:
            if section in _SECTIONS_OF_SCRIPTS:
                yield name
        elif not (entry.startswith(";") or (section and line[0].isspace())):
            raise _unreadable()


def stays_in_folder(name: str) -> bool:
    """Returns whether a script of this name is installed inside the folder for scripts."""
    return (
        name.isprintable()
        and not set(name) & {"/", "\\"}
        and bool(name.strip(". "))  # what is left of "." and ".." and, on Windows, of "..."
        and name[1:2] != ":"  # a drive
    )


def _lines(content: bytes) -> list[str]:
    if len(content) > _LARGEST:
        raise InvalidArchive(f"The file entry_points.txt is larger than {_LARGEST} bytes.")
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise _unreadable() from None
    if len(lines) > _MOST_LINES or max(map(len, lines), default=0) > _LONGEST_LINE:
        raise InvalidArchive(
            f"The file entry_points.txt has more than {_MOST_LINES} lines, or one of more than "
            f"{_LONGEST_LINE} characters."
        )
    return lines


def _unreadable() -> InvalidArchive:
    return InvalidArchive(
        "The file entry_points.txt cannot be parsed; write it as UTF-8 with sections and "
        "lines like 'name = module:function'."
    )
