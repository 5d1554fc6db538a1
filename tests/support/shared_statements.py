"""SQLAlchemy compiles each statement once for all engines of one kind, not for each of them.

A process that serves has one engine, and compiles a statement once. A process that tests makes
thousands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Dialect, Engine


class _Compiled(dict[Any, Any]):
    """Compiled statements by their dialects and themselves; dialects of one kind are the same."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_of_kind(*key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_of_kind(*key), compiled)


def _of_kind(dialect: Dialect, *statement: Any) -> tuple[Any, ...]:
    return type(dialect), dialect.server_version_info, dialect.paramstyle, *statement


@contextmanager
def shared_statements() -> Iterator[None]:
    """Within the block, new engines have the compiled statements of the earlier ones."""
    create_engine, compiled = sqlalchemy.create_engine, _Compiled()

    def create(*args: Any, execution_options: dict[str, Any] | None = None, **more: Any) -> Engine:
        options = {**(execution_options or {}), "compiled_cache": compiled}
        return create_engine(*args, execution_options=options, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlalchemy, "create_engine", create)
        yield
