"""Columns of settings are of the types that settings have, and of no type by guess."""

from dataclasses import replace
from typing import Any

import pytest

from pypi_repo.domain.repository_settings import SETTINGS, RepositorySettings
from pypi_repo.storage.database import tables


def test_a_setting_of_a_new_type_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SETTINGS", {**SETTINGS, "public": int})
    with pytest.raises(KeyError):
        tables._columns_of_settings()


def test_a_default_of_a_new_type_is_neither_true_nor_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one: Any = 1
    given = replace(RepositorySettings(), accepts_uploads=one)
    monkeypatch.setattr(tables, "RepositorySettings", lambda: given)
    with pytest.raises(KeyError):
        tables._columns_of_settings()
