"""Lines of requests that our own handler writes without records: the same ones, and only then."""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pypi_repo import Registry
from pypi_repo.web.observability.log_writer import LogWriter
from pypi_repo.web.observability.logs import ACCESS, BatchHandler
from tests.support.http import Site, call, environ_of

_CHANGES = re.compile(rb'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,]\d{3}|(?<=bytes )\d+\.\d+(?= ms)|'
                      rb'(?<="milliseconds": )\d+\.\d+')  # fmt: skip
HOSTILE = "/a%0A2026-01-01 INFO forged%1b[31m%E2%80%A8%22%5C%C3%A9%F0%9F%90%8D%ED%A0%80%FF{}%s"


class Log:
    """What is written of the requests, by our handler and nobody else; see `records`.

    records: how many were made.
    """

    def __init__(self, path: Path, log_format: str) -> None:
        self._path = path
        self._file = path.open("wb", buffering=0)
        self.handler = BatchHandler(LogWriter(self._file), log_format)
        self.records = 0

    def record(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        self.records += 1
        return logging.LogRecord(*args, **kwargs)

    @property
    def lines(self) -> list[bytes]:
        self.handler.flush()
        return _CHANGES.sub(b"?", self._path.read_bytes()).splitlines()

    def close(self) -> None:
        self.handler.flush()
        self._file.close()


@pytest.fixture(params=["text", "json"])
def log(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Log]:
    log, logger = Log(tmp_path / "log", request.param), logging.getLogger(ACCESS)
    level, factory = logger.level, logging.getLogRecordFactory()
    monkeypatch.setattr(logger, "parent", None)  # pytest has handlers of its own
    logger.addHandler(log.handler)
    logger.setLevel(logging.INFO)
    logging.setLogRecordFactory(log.record)
    yield log
    logging.setLogRecordFactory(factory)
    logger.setLevel(level)
    logger.removeHandler(log.handler)
    log.close()


def use(site: Site, registry: Registry) -> int:
    """Returns how many requests it makes."""

    def authenticate(_environ: object) -> Any:
        raise ZeroDivisionError

    site.get(site.index_url)
    site.get(site.index_url, method="HEAD", User_Agent='evil\x1b[31m"\\\x85é browser')
    site.get(f"{site.index_url}nothing/", User_Agent="")
    site.get(HOSTILE)
    site.get("/user:s3cret@host/simple/")
    site.get("/repositories/ppr_secret-1/simple/")
    site.get(f"/{'x' * 10_000}", method='BR"EW')
    site.client.get(site.index_url, headers={"X-Request-ID": "a"}, environ_base={"REMOTE_ADDR": ""})
    with pytest.raises(ZeroDivisionError):
        call(
            registry.wsgi_app(authenticate=authenticate),
            environ_of("/repositories/main/simple/", headers={"X-Request-ID": "b"}),
        )
    return 9


def test_they_are_those_that_records_become(site: Site, registry: Registry, log: Log) -> None:
    number = use(site, registry)
    direct, records = log.lines, log.records
    witness = logging.NullHandler()
    logging.getLogger(ACCESS).addHandler(witness)
    use(site, registry)
    logging.getLogger(ACCESS).removeHandler(witness)

    assert log.lines == direct + direct
    assert len(direct) == number
    assert all(line.decode().isprintable() for line in direct)
    assert (records, log.records) == (0, number)


def test_another_handler_gets_records(
    site: Site, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    """As in a host application, which adds its own when it likes to."""
    site.get(site.index_url)
    logging.getLogger(ACCESS).addHandler(caplog.handler)
    site.get(site.index_url)
    logging.getLogger(ACCESS).removeHandler(caplog.handler)

    assert [record.fields["status"] for record in caplog.records] == [200]  # type: ignore[attr-defined]
    assert len(log.lines) == 2


def is_refused(record: logging.LogRecord) -> bool:
    return bool(record.fields["status"] >= 400)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda log: log.handler.addFilter(is_refused), 1),
        (lambda _log: logging.getLogger(ACCESS).addFilter(is_refused), 1),
        (lambda log: log.handler.setLevel(logging.WARNING), 0),
    ],
    ids=["a filter of the handler", "a filter of the logger", "a level"],
)
def test_filters_and_levels_are_obeyed(
    site: Site, log: Log, change: Callable[[Log], None], number: int
) -> None:
    change(log)
    site.get(site.index_url)
    site.get("/nothing")
    logging.getLogger(ACCESS).removeFilter(is_refused)

    assert len(log.lines) == number
    assert all(b"/nothing 404" in line for line in log.lines)


def test_another_formatter_is_used(site: Site, log: Log) -> None:
    log.handler.setFormatter(logging.Formatter("%(message)s"))
    site.get("/nothing")

    assert log.lines == [b"GET /nothing 404"]


def test_a_line_waits_where_no_thread_can_be_started(
    site: Site, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the request does not: it is answered."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert site.get("/nothing").status_code == 404
    site.get("/nothing")

    assert len(log.lines) == 2
