"""Formats and writes the log. The library uses nothing of this by itself."""

import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from pypi_repo.domain.text import printable
from pypi_repo.web.observability.log_writer import FAILED, NO_ROOM, LogWriter
from pypi_repo.web.observability.request_notes import current
from pypi_repo.web.observability.tracebacks import traceback_lines

ACCESS = "pypi_repo.access"
"""The logger of the requests."""

FORMATS = ("text", "json")

_as_json = json.JSONEncoder(default=str).encode


class RequestId(logging.Filter):
    """A logging filter that adds the id of the current request to each record, as `request_id`."""

    def filter(self, record: logging.LogRecord) -> bool:
        observation = current.get()
        record.request_id = observation.id if observation else "-"
        return True


class JsonFormatter(logging.Formatter):
    """A logging formatter that writes each record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        document = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", "-"),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return _as_json(document)


class TextFormatter(logging.Formatter):
    """A logging formatter that writes each record as one line of text, followed by its traceback.

    Control characters and line breaks that come from clients are escaped, so that no client can
    forge a line.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        line = self.formatMessage(record)
        error = record.exc_info[1] if record.exc_info else None
        return line if error is None else "\n".join([line, *traceback_lines(error)])

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging calls it so
        """Returns the line of a record, which ends with the id of the request if there is one."""
        request_id, fields = getattr(record, "request_id", "-"), getattr(record, "fields", None)
        if fields is not None:
            return _request_as_text(record.asctime, record.levelname, request_id, fields)
        line = super().formatMessage(record)
        return printable(line if request_id == "-" else f"{line} [{request_id}]")


class BatchHandler(logging.Handler):
    """A logging handler that formats each record at once, and lets another thread write it.

    writer: writes the lines.
    log_format: `text` or `json`.
    """

    def __init__(self, writer: LogWriter, log_format: str = "text") -> None:
        super().__init__()
        self.writer = writer
        is_json = log_format == "json"
        self.addFilter(RequestId())
        self.setFormatter(JsonFormatter() if is_json else TextFormatter())
        self._as_made = (self.formatter, self.filters.copy())
        self._moment = _moment_in_utc if is_json else _moment_on_the_clock
        self._line = _request_as_json if is_json else _request_as_text

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.writer.add(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - as all handlers of the standard library do
            self.handleError(record)

    def is_as_made(self, level: int) -> bool:
        """Returns whether records of a level are handled, with the original filters and format."""
        return level >= self.level and (self.formatter, self.filters) == self._as_made

    def write_request(self, level: int, request_id: str, fields: Mapping[str, Any]) -> None:
        """Writes the line of a request, without a record, which takes a third of the time.

        level: the level, as in `logging`.
        fields: what the line says of the request, by name.
        """
        moment, name = self._moment(time.time()), logging.getLevelName(level)
        self.writer.add(f"{self._line(moment, name, request_id, fields)}\n")

    def flush(self) -> None:
        """Waits until all lines are written. `logging` calls it at the end of the process, too."""
        self.writer.flush()


def only_handler(logger: logging.Logger, level: int) -> BatchHandler | None:
    """Returns the BatchHandler of a logger, if no filter or other handler gets its records.

    Lines can then be written without making records. Otherwise returns None.
    """
    if logger.filters:
        return None
    found: logging.Handler | None = None
    place: logging.Logger | None = logger
    while place is not None:
        for handler in place.handlers:
            if found is not None:
                return None
            found = handler
        place = place.parent if place.propagate else None
    return found if isinstance(found, BatchHandler) and found.is_as_made(level) else None


def dropped_lines() -> dict[str, int]:
    """Returns how many lines of this process's log were dropped, by reason."""
    handlers = logging.getLogger().handlers
    total = Counter({NO_ROOM: 0, FAILED: 0})
    for handler in handlers:
        if isinstance(handler, BatchHandler):
            total.update(handler.writer.dropped)
    return dict(total)


def log_to_stderr(log_format: str = "text", *, requests: bool = True) -> None:
    """Sends all log records of this process to standard error, and Python warnings too.

    A separate thread writes the lines a moment later. Lines that standard error does not accept are
    dropped and counted. If standard error is closed, there is no log.

    log_format: `text` or `json`.
    requests: whether each request is logged.
    """
    if sys.stderr is None:
        return
    logging.captureWarnings(True)
    # Not sys.stderr: a thread that writes to it for long keeps all others from it.
    file = os.fdopen(os.dup(sys.stderr.fileno()), "wb", buffering=0)
    handler = BatchHandler(LogWriter(file), log_format)
    logging.getLogger().addHandler(handler)
    logging.getLogger(ACCESS).setLevel(logging.INFO if requests else logging.ERROR)


def _request_as_text(moment: str, level: str, request_id: str, fields: Mapping[str, Any]) -> str:
    line = (
        f"{moment} {level} {ACCESS}: {fields['address'] or '-'} {fields['actor'] or '-'} "
        f"{fields['method']} {fields['path']} {fields['status']} "
        f"{fields['bytes']} bytes {fields['milliseconds']} ms {fields['error']}"
    ).rstrip()
    return printable(line if request_id == "-" else f"{line} [{request_id}]")


def _request_as_json(moment: str, level: str, request_id: str, fields: Mapping[str, Any]) -> str:
    """Returns the line as JsonFormatter does, whose encoder takes three times as long."""
    method, path, status = _quoted(fields["method"]), _quoted(fields["path"]), fields["status"]
    return (
        f'{{"time": "{moment}", "level": "{level.lower()}", "logger": "{ACCESS}", '
        f'"message": "{method[1:-1]} {path[1:-1]} {status}", "request_id": "{request_id}", '
        f'"method": {method}, "path": {path}, "route": "{fields["route"]}", "status": {status}, '
        f'"error": {_quoted(fields["error"])}, "bytes": {fields["bytes"]}, '
        f'"milliseconds": {fields["milliseconds"]}, "actor": {_quoted(fields["actor"])}, '
        f'"address": {_quoted(fields["address"])}, "client": {_quoted(fields["client"])}}}'
    )


def _moment_on_the_clock(now: float) -> str:
    return f"{_second_on_the_clock(int(now))},{int(now % 1 * 1000):03d}"


def _moment_in_utc(now: float) -> str:
    return f"{_second_in_utc(int(now))}.{int(now % 1 * 1000):03d}Z"


@lru_cache(maxsize=1)
def _second_on_the_clock(second: int) -> str:
    return time.strftime(TextFormatter.default_time_format, TextFormatter.converter(second))


@lru_cache(maxsize=1)
def _second_in_utc(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")
