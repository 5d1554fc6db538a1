"""What all commands share: how they are started, configured and refused."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.cli.main import main
from pypi_repo.variables import ADMINISTRATORS_VARIABLES, unknown_variables
from tests.cli.conftest import PASSWORD, CommandLine, typed
from tests.support.command_line_docs import all_commands
from tests.support.postgres import PostgresServer

COMMANDS = {
    "repository": ["create", "delete", "list", "set", "show"],
    "upstream": ["check", "create", "delete", "list", "prefetch", "set", "show"],
    "rule": ["add", "audit", "delete", "list"],
    "exception": ["add", "delete", "list"],
    "user": ["create", "delete", "invite", "list", "set", "set-password", "show"],
    "group": ["add", "create", "delete", "list", "remove", "set", "show"],
    "token": ["create", "list", "revoke"],
    "admin": ["create", "delete", "list", "set", "set-password", "token"],
    "project": ["delete", "list", "promote", "set-status", "show"],
    "release": ["delete", "pin", "promote", "unpin", "unyank", "yank"],
    "retention": ["add", "delete", "list", "preview", "run"],
    "file": ["delete", "unyank", "yank"],
    "trash": ["list", "purge", "restore"],
    "db": ["current", "upgrade"],
    "upkeep": ["list", "run", "sweep", "verify"],
    "backup": ["create", "restore", "show"],
}


def run(
    *args: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """`python -m pypi_repo`, for real."""
    inherited = {name: value for name, value in os.environ.items() if "PYPI_REPO_" not in name}
    return subprocess.run(
        [sys.executable, "-m", "pypi_repo", *args],
        cwd=cwd,
        env={**inherited, **(env or {})},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_day_with_real_processes(tmp_path: Path) -> None:
    """Everything through processes of their own, the folder given by the environment.

    Nothing is left open at their ends, of which Python would tell.
    """
    env = {"PYPI_REPO_DATA": "elsewhere", "PYTHONDEVMODE": "1"}
    upgraded = run("db", "upgrade", cwd=tmp_path, env=env)
    made = run("repository", "create", "main", cwd=tmp_path, env=env)
    user = run("user", "create", "ada", "--password-stdin", cwd=tmp_path, env=env, stdin=PASSWORD)
    token = run("token", "create", "ada", cwd=tmp_path, env=env)
    listed = run("repository", "list", "--json", cwd=tmp_path, env=env)
    refused = run("repository", "create", "main", cwd=tmp_path, env=env)
    misused = run("repository", "make", cwd=tmp_path, env=env)

    assert [each.returncode for each in (upgraded, made, user, token, listed)] == [0] * 5
    assert (refused.returncode, misused.returncode) == (1, 2)
    assert token.stdout.splitlines()[-1].startswith("ppr_")
    assert [each["name"] for each in json.loads(listed.stdout)] == ["main"]
    assert refused.stderr.count("\n") == 1
    for each in (upgraded, made, user, token, listed, refused, misused):
        for alarm in ("Traceback", "Warning", "Exception ignored"):
            assert alarm not in each.stderr
    assert (tmp_path / "elsewhere" / "registry.db").is_file()
    assert not (tmp_path / "pypi-repo-data").exists()


def test_the_installed_script(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("pypi-repo")
    done = subprocess.run(
        [script, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert version("pypi-repo") in done.stdout


@pytest.mark.parametrize("noun", COMMANDS)
def test_help_of_every_command(noun: str, cli: CommandLine) -> None:
    overview = cli.run_anywhere(noun, "--help")
    listed = overview.stdout.partition("Commands:")[2].split("\n")
    names = [line.split()[0] for line in listed if line.startswith("  ") and line[2] != " "]

    assert overview.exit_code == 0
    assert names == COMMANDS[noun]
    for name in names:
        if (noun, name) in {("admin", "token"), ("backup", "show")}:
            continue  # a group, of which the next test is; and what needs no registry
        page = cli.run_anywhere(noun, name, "--help")
        assert page.exit_code == 0
        assert "--data DIR" in page.stdout
        assert "PYPI_REPO_DATA" in page.stdout


def test_help_of_the_tokens_of_administrators(cli: CommandLine) -> None:
    for name in ("create", "list", "revoke"):
        page = cli.run_anywhere("admin", "token", name, "--help")
        assert page.exit_code == 0
        assert "--data DIR" in page.stdout


def test_top_level_help(cli: CommandLine) -> None:
    page = cli.run_anywhere("--help")

    assert page.exit_code == 0
    for name in ("serve", "explain", *COMMANDS):
        assert f"  {name} " in page.stdout


def test_the_overview_says_of_each_noun_what_the_noun_says() -> None:
    context = click.Context(main)
    with context:
        overview = " ".join(main.get_help(context).split())
    for name in main.list_commands(context):
        noun = main.get_command(context, name)
        assert noun is not None
        assert f" {name} {noun.get_short_help_str(limit=200)}" in overview


def test_help_loads_no_registry() -> None:
    code = (
        "import sys\n"
        "from pypi_repo.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print('pypi_repo.registry' in sys.modules, 'sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "Run the server." in done.stdout
    assert done.stdout.splitlines()[-1] == "False False"


def test_json_is_what_list_and_show_and_upkeep_take(cli: CommandLine) -> None:
    for noun, names in COMMANDS.items():
        for name in names:
            offered = "--json" in cli.run_anywhere(noun, name, "--help").stdout
            expected = name in ("audit", "check", "list", "preview", "show") or noun == "upkeep"
            assert offered == expected, f"{noun} {name}"


def test_the_default_folder(nowhere: CommandLine, tmp_path: Path) -> None:
    nowhere.run_anywhere("db", "upgrade")

    assert (tmp_path / "pypi-repo-data" / "registry.db").is_file()


@pytest.mark.parametrize(
    "command",
    [
        ["repository", "list"],
        ["repository", "create", "main"],
        ["upstream", "list"],
        ["rule", "list", "main"],
        ["user", "list"],
        ["admin", "list"],
        ["token", "list", "ada"],
        ["project", "list", "main"],
        ["db", "current"],
        ["upkeep", "sweep"],
        ["upkeep", "verify"],
        ["backup", "create", "backup"],
        ["backup", "restore", "backup"],
    ],
    ids=" ".join,
)
def test_a_mistyped_place_makes_no_registry(
    command: list[str], nowhere: CommandLine, tmp_path: Path
) -> None:
    refused = nowhere.refused(*command)
    named = nowhere.run_anywhere(*command, "--database", f"sqlite:///{tmp_path}/typo.db")

    assert f"There is no registry in {tmp_path}/data/registry.db; " in refused
    assert "`pypi-repo db upgrade`" in refused
    assert named.exit_code == 1
    assert f"There is no registry in {tmp_path}/typo.db" in named.stderr
    assert list(tmp_path.iterdir()) == []


def test_db_upgrade_makes_a_registry_and_says_where(nowhere: CommandLine) -> None:
    made, again = nowhere.run("db", "upgrade"), nowhere.run("db", "upgrade")

    assert made.exit_code == again.exit_code == 0
    assert made.stderr == f"Made a new, empty registry in {nowhere.data}/registry.db.\n"
    assert again.stderr == ""
    assert nowhere.json("repository", "list") == []


def test_a_home_and_what_means_something_in_a_url(
    nowhere: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for data, folder in (("~/registry", "home/registry"), ("feature%2Fx?y#z", "feature%2Fx?y#z")):
        made = nowhere.run_anywhere("db", "upgrade", "--data", data)
        created = nowhere.run_anywhere("repository", "create", "main", "--data", data)

        assert (made.exit_code, created.exit_code) == (0, 0)
        assert [path.name for path in (tmp_path / folder).iterdir()] == ["registry.db"]
    assert {path.name for path in tmp_path.iterdir()} == {"home", "feature%2Fx?y#z"}


def test_only_the_place_and_serve_come_from_the_environment(cli: CommandLine) -> None:
    """A variable that makes every new repository public would act where nobody thought of it."""
    env = {
        "PYPI_REPO_DATA": str(cli.data),
        "PYPI_REPO_DESCRIPTION": "From the environment",
        "PYPI_REPO_PUBLIC": "1",
        "PYPI_REPO_YES": "1",
    }
    created = cli.run_anywhere("repository", "create", "main", env=env)
    shown = cli.json("repository", "show", "main")
    deleted = cli.run_anywhere("repository", "delete", "main", env=env)

    assert (created.exit_code, deleted.exit_code) == (0, 1)
    assert (shown["public"], shown["description"]) == (False, "")
    known = set(_variables())
    assert known >= {"DATA", "DATABASE", "BLOBS"}
    places = ("DATA", "BLOBS", "PUBLIC_URL")
    assert {name for name in known if not name.startswith(places)} == set()


def test_a_mistyped_variable_is_told(cli: CommandLine) -> None:
    """Else the registry would be another one, or open to a proxy that nobody meant."""
    env = {
        "PYPI_REPO_DATA": str(cli.data),
        "PYPI_REPO_DATABSE": "postgresql://password@secret",
        "PYPI_REPO_COLOUR": "red",
        "PYPI_REPO_UPSTREAM_PARTNER": "a token",
        "PYPI_REPO_BLOBS": "",
        "PYPI_REPOSITORY": "ours",
    }
    listed = cli.run_anywhere("repository", "list", "--json", env=env)

    assert listed.exit_code == 0
    assert listed.stderr.splitlines() == [
        "PYPI_REPO_COLOUR is not a setting; look for the right name.",
        "PYPI_REPO_DATABSE is not a setting; did you mean PYPI_REPO_DATABASE?",
    ]


def test_what_kubernetes_says_of_a_service_is_no_mistyped_variable() -> None:
    """It tells each container of all Services of its namespace, so of one called pypi-repo."""
    of_a_service = {
        *("PYPI_REPO_SERVICE_HOST", "PYPI_REPO_SERVICE_PORT", "PYPI_REPO_SERVICE_PORT_HTTP"),
        *("PYPI_REPO_PORT", "PYPI_REPO_PORT_8080_TCP", "PYPI_REPO_PORT_8080_TCP_PROTO"),
        *("PYPI_REPO_PORT_8080_TCP_PORT", "PYPI_REPO_PORT_8080_TCP_ADDR"),
        *("PYPI_REPO_STAGING_SERVICE_HOST", "PYPI_REPO_STAGING_PORT_8080_TCP"),
    }
    mistyped = {"PYPI_REPO_PORTS", "PYPI_REPO_SERVICE", "PYPI_REPO_PORT_HTTP"}
    told = unknown_variables(of_a_service | mistyped)

    assert [sentence.split()[0] for sentence in told] == sorted(mistyped)


def test_all_variables_are_known_and_documented() -> None:
    """Whatever a command reads from the environment is no mistyped name."""
    named = {
        str(parameter.envvar)
        for _path, command, _context in all_commands()
        for parameter in command.params
        if parameter.envvar
    }
    page = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
    documented = set(re.findall("PYPI_REPO_[A-Z_]+", page.read_text(encoding="utf-8")))

    assert len(named) > 15
    assert documented == named | {"PYPI_REPO_METRICS_FOLDER", ADMINISTRATORS_VARIABLES}
    assert unknown_variables(documented) == []


def _variables() -> Iterator[str]:
    """What any command but `serve` takes from the environment, without PYPI_REPO_."""
    for path, command, _context in all_commands():
        for parameter in command.params:
            if parameter.envvar and path != "pypi-repo serve":
                yield str(parameter.envvar).removeprefix("PYPI_REPO_")


def test_database_and_blobs_in_place_of_data(cli: CommandLine, tmp_path: Path) -> None:
    database = ["--database", f"sqlite:///{tmp_path}/else/meta.db"]
    cli.run_anywhere("db", "upgrade", *database)
    created = cli.run_anywhere("repository", "create", "main", *database)
    listed = cli.run_anywhere(
        "repository", "list", "--json", env={"PYPI_REPO_DATABASE": database[1]}
    )

    assert created.exit_code == 0, created.output
    assert [each["name"] for each in json.loads(listed.stdout)] == ["main"]
    assert (tmp_path / "else" / "meta.db").is_file()
    assert not (tmp_path / "pypi-repo-data" / "registry.db").exists()


def test_on_postgresql(cli: CommandLine, postgres: PostgresServer, tmp_path: Path) -> None:
    place = ["--database", postgres.create_database(), "--blobs", f"file://{tmp_path}/blobs"]
    refused = cli.run_anywhere("repository", "create", "main", *place)
    empty = cli.run_anywhere("db", "current", *place)
    upgraded = cli.run_anywhere("db", "upgrade", *place)
    created = cli.run_anywhere("repository", "create", "main", *place)
    again = cli.run_anywhere("repository", "create", "main", *place)
    registry = Registry(Settings(database=place[1], blobs="memory://"))
    names = [repository.name for repository in registry.acting_as(OPERATOR).repositories.all()]
    registry.close()

    assert [each.exit_code for each in (refused, empty, upgraded, created, again)] == [
        1, 0, 0, 0, 1,
    ]  # fmt: skip
    assert "`pypi-repo db upgrade`" in refused.stderr
    assert empty.stdout == "empty\n"
    assert names == ["main"]


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgresql+psycopg://user:secret-word@127.0.0.1:1/x", "cannot be used right now"),
        ("mysql://user:secret-word@127.0.0.1/x", "not a supported kind"),
        ("not a url: secret-word", "cannot be understood"),
    ],
    ids=["unreachable", "unsupported", "nonsense"],
)
def test_impossible_databases(url: str, part: str, cli: CommandLine) -> None:
    result = cli.run_anywhere("user", "list", "--database", url, "--blobs", "memory://")

    assert result.exit_code == 1
    assert part in result.stderr
    assert "secret-word" not in result.output


def test_data_below_a_regular_file(nowhere: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    nowhere.data = tmp_path / "file" / "data"

    assert "cannot be made" in nowhere.refused("db", "upgrade")


@pytest.mark.parametrize("wrong", ["--port 808O", "--workers four"])
def test_a_mistyped_number_is_called_a_number(wrong: str, cli: CommandLine) -> None:
    result = cli.run_anywhere("serve", *wrong.split())

    assert result.exit_code == 2
    assert f"'{wrong.split()[1]}' is not a valid number." in result.stderr


def test_an_option_before_the_command_is_told_its_place(cli: CommandLine) -> None:
    result = cli.run_anywhere("--data", "x", "repository", "list")

    assert result.exit_code == 2
    assert "no option --data before the command; write it after it" in result.stderr


def test_no_command_is_wrong_usage(cli: CommandLine) -> None:
    for arguments in ([], ["repository"], ["frobnicate"]):
        result = cli.run_anywhere(*arguments)
        assert result.exit_code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_password_typed_at_a_terminal(cli: CommandLine, tmp_path: Path) -> None:
    """Asked for twice, and never shown."""
    code, seen = typed(
        *("user", "create", "ada", "--data", "data"),
        cwd=tmp_path,
        answers={"Password: ": PASSWORD, "confirmation: ": PASSWORD},
    )

    assert code == 0
    assert "Created" in seen
    assert PASSWORD not in seen
    registry = Registry(Settings(database=f"sqlite:///{tmp_path}/data/registry.db"))
    assert [user.name for user in registry.acting_as(OPERATOR).accounts.users()] == ["ada"]
    registry.close()


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("user delete nobody --yes", "user list"),
        ("user set ada --access nowhere=read", "repository list"),
        ("token list nobody", "user list"),
        ("token create ada --repository nowhere", "repository list"),
        ("token revoke 99 --yes", "token list USER"),
        ("admin set-password nobody --generate-password", "admin list"),
        ("admin token list nobody", "admin list"),
        ("admin token revoke 99 --yes", "admin token list ADMINISTRATOR"),
        ("repository show nowhere", "repository list"),
        ("repository set main --source upstream:nowhere", "upstream list"),
        ("upstream show nowhere", "upstream list"),
        ("rule delete main 99 --yes", "rule list REPOSITORY"),
        ("exception delete main 99 --yes", "exception list REPOSITORY"),
        ("project show main nothing", "project list REPOSITORY"),
    ],
)
def test_who_names_what_is_not_there_learns_what_lists_it(
    main_cli: CommandLine, command: str, hint: str
) -> None:
    assert main_cli.refused(*command.split()).endswith(f" (see `pypi-repo {hint}`).\n")
