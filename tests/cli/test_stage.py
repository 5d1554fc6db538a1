"""pypi-repo stage ..."""

import pytest

from tests.cli.conftest import CommandLine
from tests.support.distributions import sdist, wheel
from tests.support.uploads import filenames, stage

URL = "https://packages.example.com"


def put(cli: CommandLine, id_: str) -> None:
    """A wheel and an sdist into the stage, by somebody who may write."""
    with cli.registry() as registry:
        stage(registry, id_, wheel("demo"))
        stage(registry, id_, sdist("demo"))


def test_open_prints_id_and_urls_a_line_each(main_cli: CommandLine) -> None:
    """G1."""
    for url in (URL, f"{URL}/"):
        lines = main_cli.ok("stage", "open", "main", "--public-url", url).splitlines()
        id_, upload_url, index_url = lines
        assert upload_url == f"{URL}/repositories/main/stages/{id_}/"
        assert index_url == f"{upload_url}simple/"
    opened = main_cli.json("stage", "open", "main", "--public-url", URL)
    assert opened["upload_url"] == f"{URL}/repositories/main/stages/{opened['id']}/"
    assert opened["index_url"] == f"{opened['upload_url']}simple/"


def test_without_a_public_url_the_urls_are_relative(main_cli: CommandLine) -> None:
    result = main_cli.run("stage", "open", "main")
    id_, upload_url, _index_url = result.stdout.splitlines()
    assert upload_url == f"repositories/main/stages/{id_}/"
    assert "--public-url" in result.stderr


def test_list_publish(main_cli: CommandLine) -> None:
    """G2."""
    id_ = main_cli.json("stage", "open", "main", "--description", "release 1.0")["id"]
    put(main_cli, id_)
    (listed,) = main_cli.json("stage", "list", "main")
    assert (listed["id"], listed["description"]) == (id_, "release 1.0")
    assert (listed["files"], listed["opened_by"]) == (2, "operator")
    assert id_ in main_cli.ok("stage", "list", "main")
    names = [wheel("demo").filename, sdist("demo").filename]
    assert main_cli.ok("stage", "publish", "main", id_).splitlines() == names
    with main_cli.registry() as registry:
        assert filenames(registry) == names
    assert "see `pypi-repo stage list REPOSITORY`" in main_cli.refused(
        "stage", "publish", "main", id_
    )
    assert main_cli.json("stage", "list", "main") == []


def test_drop_asks(main_cli: CommandLine) -> None:
    id_ = main_cli.json("stage", "open", "main")["id"]
    put(main_cli, id_)
    said = main_cli.refused("stage", "drop", "main", id_)
    assert "2 files" in said
    assert len(main_cli.json("stage", "list", "main")) == 1
    assert "Dropped" in main_cli.ok("stage", "drop", "main", id_, "--yes")
    assert main_cli.json("stage", "list", "main") == []


@pytest.mark.parametrize("days", ["0", "91"])
def test_days(main_cli: CommandLine, days: str) -> None:
    assert "1 to 90 days" in main_cli.refused("stage", "open", "main", "--days", days)
