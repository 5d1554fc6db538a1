"""Log lines for people and for programs. Nothing here is used until somebody asks for it."""

import json
import logging
import os
import sys
from collections import Counter
from datetime import UTC, datetime

from pypi_repo.domain.texts import printable
from pypi_repo.web.log_writer import FAILED, NO_ROOM, LogWriter
from pypi_repo.web.observation import current
from pypi_repo.web.tracebacks import traceback_lines

FORMATS = ("text", "json")

_as_json = json.JSONEncoder(default=str).encode


class RequestId(logging.Filter):
    """For a handler: gives each record the id of the request meanwhile, as `request_id`."""

    def filter(self, record: logging.LogRecord) -> bool:
        observation = current.get()
        record.request_id = observation.id if observation else "-"
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

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
    """One line for people, and those of a traceback.

    Whatever strangers wrote into it is escaped, so that no line is theirs.
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
        fields = getattr(record, "fields", None)
        if fields is not None:
            record.message = (
                f"{fields['address'] or '-'} {fields['actor'] or '-'} {record.message} "
                f"{fields['bytes']} bytes {fields['milliseconds']} ms {fields['error']}"
            ).rstrip()
        request_id = getattr(record, "request_id", "-")
        line = super().formatMessage(record) + ("" if request_id == "-" else f" [{request_id}]")
        return printable(line)


class BatchHandler(logging.Handler):
    """Formats each record at once, and leaves the writing to `writer`."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self.writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.writer.add(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - as all handlers of the standard library do
            self.handleError(record)

    def flush(self) -> None:
        """Also at the end of the process, where logging asks for it."""
        self.writer.flush()


def dropped_lines() -> dict[str, int]:
    """How many lines of this process's log were dropped, by the reason."""
    handlers = logging.getLogger().handlers
    total = Counter({NO_ROOM: 0, FAILED: 0})
    for handler in handlers:
        if isinstance(handler, BatchHandler):
            total.update(handler.writer.dropped)
    return dict(total)


def log_to_stderr(log_format: str = "text", *, requests: bool = True) -> None:
    """Sends all log lines of this process to standard error, and warnings as such.

    They are written together a moment later, and dropped where standard error takes no more. Where
    it is closed, there is no log.

    log_format: `text` or `json`.
    requests: whether each request is a line.
    """
    if sys.stderr is None:
        return
    logging.captureWarnings(True)
    # The file itself: whoever writes to sys.stderr for long keeps everybody else from it.
    handler = BatchHandler(LogWriter(os.fdopen(os.dup(sys.stderr.fileno()), "wb", buffering=0)))
    handler.addFilter(RequestId())
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger("pypi_repo.access").setLevel(logging.INFO if requests else logging.ERROR)
