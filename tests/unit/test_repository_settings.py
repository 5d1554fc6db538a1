"""The settings of a repository are the same wherever they are read, written or stored."""

from dataclasses import fields
from typing import get_type_hints

import click
import msgspec
import pytest

from pypi_repo.cli.repository import create, set_
from pypi_repo.domain.records import Repository
from pypi_repo.domain.repository_settings import SETTINGS, GivenSettings, RepositorySettings
from pypi_repo.storage.database.tables import repositories
from pypi_repo.web.api import documents


def test_each_can_be_given_and_left_out() -> None:
    assert get_type_hints(GivenSettings) == SETTINGS
    assert GivenSettings.__required_keys__ == frozenset()


def test_each_has_a_column() -> None:
    columns = repositories.columns
    assert {field.name for field in fields(Repository)} == {*columns.keys()}


def test_the_api_has_each_with_its_default() -> None:
    assert msgspec.structs.asdict(documents.RepositorySettings()) == RepositorySettings().settings()


@pytest.mark.parametrize("command", [create, set_], ids=lambda command: command.name)
def test_the_command_line_has_an_option_for_each(command: click.Command) -> None:
    assert SETTINGS.keys() - {option.name for option in command.params} == set()
