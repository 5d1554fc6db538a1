"""What strangers wrote into an exception is no line of the log."""

import logging
import sys
import traceback
import warnings
from collections.abc import Callable

import pytest

from pypi_repo.web.observability.logs import JsonFormatter, TextFormatter
from pypi_repo.web.observability.tracebacks import traceback_lines

HOSTILE = "a.tar\r\n2026-01-01 00:00:00,000 INFO pypi_repo.access: forged\x1b[2J\u2028\udc80\x85"
ESCAPED = r"a.tar\r\n2026-01-01 00:00:00,000 INFO pypi_repo.access: forged\x1b[2J\u2028\udc80\x85"


class Odd(Exception):
    def __str__(self) -> str:
        raise ValueError(HOSTILE)


def alone() -> None:
    raise ValueError(HOSTILE)


def caused() -> None:
    try:
        alone()
    except ValueError as error:
        raise KeyError(HOSTILE) from error


def meanwhile() -> None:
    try:
        caused()
    except KeyError:
        raise OSError(HOSTILE)  # noqa: B904 - what is to be shown


def noted() -> None:
    error = ValueError("short")
    error.add_note(HOSTILE)
    raise error


def grouped() -> None:
    inner = ExceptionGroup("inner", [OSError(HOSTILE)])
    raise ExceptionGroup(HOSTILE, [ValueError(HOSTILE), inner])


def named() -> None:
    raise type(HOSTILE.replace("\udc80", ""), (Exception,), {})


def odd() -> None:
    raise Odd


def circular() -> None:
    first, second = ValueError(HOSTILE), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


FAILURES = [alone, caused, meanwhile, noted, grouped, named, odd, circular]


def record_of(failure: Callable[[], None]) -> logging.LogRecord:
    try:
        failure()
    except Exception:  # noqa: BLE001 - whatever it is
        information = sys.exc_info()
    return logging.LogRecord("x", logging.ERROR, __file__, 1, "%s", (HOSTILE,), information)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.__name__)
def test_no_line_is_a_strangers(failure: Callable[[], None]) -> None:
    text = TextFormatter().format(record_of(failure))
    first, *rest = text.split("\n")

    assert first.endswith(f" ERROR x: {ESCAPED}")
    assert all(line.isprintable() for line in (first, *rest))
    assert not any(line.startswith("2026") for line in rest)
    assert f"in {failure.__name__}" in text
    assert len(text) < 20_000


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.__name__)
def test_json_is_one_line(failure: Callable[[], None]) -> None:
    line = JsonFormatter().format(record_of(failure))

    assert line.isascii()
    assert line.isprintable()


def test_otherwise_it_is_what_python_prints() -> None:
    try:
        try:
            int("one")
        except ValueError as error:
            raise KeyError("two") from error
    except KeyError:
        try:
            raise OSError(2, "three")
        except OSError as error:
            lines = list(traceback_lines(error))
            expected = traceback.format_exception(error)

    assert "\n".join(lines) + "\n" == "".join(expected)


def test_warnings_are_escaped_too() -> None:
    """As the standard library logs them, whose text is of two lines."""
    text = warnings.formatwarning(UserWarning(HOSTILE), UserWarning, "a.py", 1, "line")
    record = logging.LogRecord("py.warnings", logging.WARNING, "a.py", 1, "%s", (text,), None)

    line = TextFormatter().format(record)

    assert ESCAPED in line
    assert line.isprintable()
