"""Log lines for people and for programs. Nothing here is used until somebody asks for it."""

import json
import logging
import sys
from datetime import UTC, datetime

from pypi_repo.domain.texts import printable
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


def log_to_stderr(log_format: str = "text", *, requests: bool = True) -> None:
    """Sends all log lines of this process to standard error, and warnings as such.

    log_format: `text` or `json`.
    requests: whether each request is a line.
    """
    logging.captureWarnings(True)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RequestId())
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger("pypi_repo.access").setLevel(logging.INFO if requests else logging.ERROR)
