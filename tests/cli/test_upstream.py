"""pypi-repo upstream ..."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pypi_repo import OPERATOR
from tests.cli.conftest import CommandLine, typed
from tests.support.distributions import wheel
from tests.support.live import LiveServer
from tests.support.upstreams import LiveUpstream

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

URL = "https://index.example/simple/"
SECRET = "correct-horse-battery"
UNASKED = "--no-file-hosts"
"""So that no page is asked for."""


def secret_of(cli: CommandLine, name: str = "public") -> tuple[str | None, str | None, str | None]:
    """What is stored: user, secret, variable."""
    with cli.registry() as registry:
        found = registry.acting_as(OPERATOR).upstreams.get(name)
    return found.username, found.secret, found.secret_variable


@pytest.fixture
def public_cli(cli: CommandLine) -> CommandLine:
    """With the upstream `public`, for which there are no credentials."""
    cli.ok("upstream", "create", "public", URL, UNASKED)
    return cli


def test_a_new_upstream_has_careful_defaults(cli: CommandLine) -> None:
    printed = cli.ok("upstream", "create", "public", "https://index.example/simple", UNASKED)
    shown = cli.json("upstream", "show", "public")

    assert "--source upstream:public`" in printed
    assert {key: shown[key] for key in shown if key != "created_at"} == {
        "name": "public",
        "url": URL,
        "credentials": "",
        "file_hosts": [],
        "fresh_for": 600,
        "stale_for": None,
        "cache_size": None,
        "allow_http": False,
        "allow_private_network": False,
        "ca_file": None,
        "offline": False,
        "cooldown": None,
        "cooldown_mode": "off",
        "first_seen": False,
        "used_by": [],
        "answered_at": None,
        "failing_since": None,
        "failure": "",
        "cached_files": 0,
        "cached_size": 0,
        "fetched": 0,
        "hit_rate": None,
    }


def test_create_with_every_option(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("certificates")
    cli.ok(
        *("upstream", "create", "public", "http://10.0.0.1/simple/"),
        *("--file-host", "files.example", "--file-host", "cdn.example:8443"),
        *("--fresh-for", "1h", "--stale-for", "7d", "--cache-size", "50GiB"),
        *("--allow-http", "--allow-private-network", "--ca-file", "ca.pem", "--offline"),
        *("--cooldown", "3d", "--cooldown-mode", "enforce", "--first-seen"),
    )
    shown = cli.json("upstream", "show", "public")

    assert shown["file_hosts"] == ["files.example", "cdn.example:8443"]
    assert (shown["fresh_for"], shown["stale_for"]) == (3600, 7 * 86400)
    assert shown["cache_size"] == 50 * 1024**3
    assert (shown["allow_http"], shown["allow_private_network"]) == (True, True)
    assert shown["ca_file"] == str(tmp_path / "ca.pem"), "wherever the server is started"
    assert shown["offline"] is True
    assert (shown["cooldown"], shown["cooldown_mode"]) == ("3d", "enforce")
    assert shown["first_seen"] is True
    people = [line.split() for line in cli.ok("upstream", "show", "public").splitlines()]
    assert ["fresh_for:", "1h"] in people
    assert ["stale_for:", "1w"] in people


def test_set_and_its_opposites(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("certificates")
    cli.ok("upstream", "create", "public", URL, UNASKED)
    before = cli.json("upstream", "show", "public")
    cli.ok(
        *("upstream", "set", "public", "--file-host", "files.example", "--stale-for", "7d"),
        *("--cache-size", "1GiB", "--allow-http", "--allow-private-network", "--offline"),
        *("--ca-file", "ca.pem", "--cooldown", "2026-11-01", "--cooldown-mode", "audit"),
        "--first-seen",
    )
    changed = cli.json("upstream", "show", "public")
    cli.ok("upstream", "set", "public", "--fresh-for", "30s")
    fresh = cli.json("upstream", "show", "public")
    cli.ok(
        *("upstream", "set", "public", "--no-file-hosts", "--stale-for", "FOREVER"),
        *("--cache-size", "none", "--https-only", "--public-network-only", "--online"),
        *("--ca-file", "none", "--cooldown", "none", "--cooldown-mode", "off"),
        *("--upload-times-only", "--fresh-for", "10m"),
    )

    assert changed["cooldown"] == "2026-11-01"
    assert {key for key in before if before[key] != changed[key]} == {
        *("file_hosts", "stale_for", "cache_size", "allow_http", "allow_private_network"),
        *("offline", "ca_file", "cooldown", "cooldown_mode", "first_seen"),
    }
    assert fresh == {**changed, "fresh_for": 30}, "the others stay"
    assert cli.json("upstream", "show", "public") == before


@pytest.mark.parametrize(
    ("options", "stdin", "shown", "stored"),
    [
        (
            ["--username", "me", "--password-stdin"],
            f"{SECRET}\n",
            "username + password",
            ("me", SECRET, None),
        ),
        (["--token-stdin"], f"{SECRET}\r\n", "token", (None, SECRET, None)),
        (["--credentials", "environment:TOKEN"], "", "environment:TOKEN", (None, None, "TOKEN")),
        (["--no-credentials"], "", "", (None, None, None)),
    ],
    ids=["password", "token", "environment", "none"],
)
def test_credentials_replace_each_other_and_are_not_shown(
    options: list[str],
    stdin: str,
    shown: str,
    stored: tuple[str | None, ...],
    public_cli: CommandLine,
) -> None:
    """S1."""
    for before in (
        ["--username", "other", "--password-stdin"],
        ["--token-stdin"],
        ["--credentials", "environment:OTHER"],
    ):
        public_cli.ok("upstream", "set", "public", *before, stdin="something-else\n")
        said = public_cli.ok("upstream", "set", "public", *options, stdin=stdin)
        assert secret_of(public_cli) == stored
        assert public_cli.json("upstream", "show", "public")["credentials"] == shown
        for text in (said, *(public_cli.ok("upstream", *each) for each in SHOWING)):
            assert SECRET not in text
    with public_cli.registry() as registry:
        entries = registry.acting_as(OPERATOR).activity.entries()
    assert SECRET not in str(entries)


SHOWING = [["list"], ["list", "--json"], ["show", "public"], ["show", "public", "--json"]]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--username", "me"], "--password-stdin"),
        (["--password-stdin"], "--username"),
        (["--username", "me", "--password-stdin", "--token-stdin"], "only one of"),
        (["--token-stdin", "--credentials", "environment:X"], "only one of"),
        (["--credentials", SECRET], "environment:VARIABLE"),
        (["--credentials", f"env:{SECRET}"], "environment:VARIABLE"),
        (["--file-host", "a.example", "--no-file-hosts"], "Say one of"),
        (["--fresh-for", "10 minutes"], "write it like 30s, 10m"),
        (["--fresh-for", "none"], "write it like 30s, 10m"),
        (["--stale-for", "always"], "write it like 30s, 10m"),
        (["--cache-size", "large"], "write it like 500MiB"),
        (["--cooldown", "soon"], "write a duration such as 3d, or a date"),
        (["--cooldown-mode", "on"], "enforce"),
        (["--ca-file", "absent.pem"], "does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(options: list[str], part: str, public_cli: CommandLine) -> None:
    for command in (["create", "other", URL], ["set", "public"]):
        said = public_cli.misused("upstream", *command, *options, stdin=SECRET)
        assert part in said
        assert SECRET not in said
    assert "Say what to change" in public_cli.misused("upstream", "set", "public")
    assert "a line" in public_cli.misused("upstream", "set", "public", "--token-stdin")


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("index.example", "begins with https://"),
        ("ftp://index.example/", "begins with https://"),
        ("https:///simple/", "begins with https://"),
        ("https://index.example\\other/", "begins with https://"),
        ("https://[::1/", "begins with https://"),
        ("https://index.example:99999/", "begins with https://"),
        (f"https://me:{SECRET}@index.example/", "credentials"),
        ("https://index.example/?q=/", "without ?"),
        ("https://index.example/#/", "without ?"),
        ("http://index.example/", "use https://"),
    ],
)
def test_urls_that_no_index_has(url: str, part: str, public_cli: CommandLine) -> None:
    created = public_cli.refused("upstream", "create", "other", url)
    changed = public_cli.refused("upstream", "set", "public", "--url", url)

    assert part in created
    assert part in changed
    assert SECRET not in created + changed
    assert public_cli.json("upstream", "show", "public")["url"] == URL


def test_credentials_are_not_sent_to_another_place_by_a_new_url(cli: CommandLine) -> None:
    """S1: whoever may change the URL could else read the password."""
    cli.ok(
        *("upstream", "create", "public", "https://index.example/repository/x/simple/"),
        *(UNASKED, "--token-stdin"),
        stdin=SECRET,
    )
    for elsewhere in (
        "https://other.example/repository/x/simple/",
        "https://index.example:8443/repository/x/simple/",
        "https://index.example/repository/y/simple/",
    ):
        refused = cli.refused("upstream", "set", "public", "--url", elsewhere)
        assert "give the credentials for it, too" in refused
    cli.ok("upstream", "set", "public", "--url", "https://index.example/repository/x/+simple/")
    assert secret_of(cli) == (None, SECRET, None)
    cli.ok("upstream", "set", "public", "--url", URL, "--token-stdin", stdin="another")
    assert secret_of(cli) == (None, "another", None)
    cli.ok("upstream", "set", "public", "--url", "https://other.example/", "--no-credentials")
    assert secret_of(cli) == (None, None, None)


def test_a_cooldown_that_is_off_is_told(cli: CommandLine) -> None:
    created = cli.run("upstream", "create", "public", URL, UNASKED, "--cooldown", "3d")
    enforced = cli.run("upstream", "set", "public", "--cooldown-mode", "enforce")
    longer = cli.run("upstream", "set", "public", "--cooldown", "7d")

    assert "the mode enforce turns it on" in created.stderr
    assert enforced.stderr == longer.stderr == ""


def test_a_cooldown_that_a_repository_enforces_is_not_told_to_be_off(main_cli: CommandLine) -> None:
    """C1: the mode of a repository comes first. A cooldown of nothing is off in each mode."""
    main_cli.ok("upstream", "create", "public", URL, UNASKED)
    none = main_cli.run("upstream", "set", "public", "--cooldown", "0d").stderr
    main_cli.ok("repository", "set", "main", "--source", "upstream:public")
    asked = main_cli.run("upstream", "set", "public", "--cooldown", "3d").stderr
    main_cli.ok("repository", "set", "main", "--cooldown-mode", "enforce")
    enforced = main_cli.run("upstream", "set", "public", "--cooldown", "4d").stderr

    assert "the mode enforce turns it on" in asked
    assert none == enforced == ""


def test_a_cooldown_of_a_repository_without_effect_is_told(main_cli: CommandLine) -> None:
    """C1: the mode and the cooldown of the repository come before those of its upstreams."""
    off, no_cooldown = "the mode enforce turns it on", "neither the repository nor an upstream"
    upstream = ("upstream", "set", "public")
    repository = ("repository", "set", "main")
    main_cli.ok("upstream", "create", "public", URL, UNASKED)
    main_cli.ok("repository", "create", "base")
    for command, warning in (
        ((*repository, "--cooldown", "2w"), ""),  # there are no sources yet
        ((*repository, "--source", "repository:base"), off),
        ((*repository, "--source", "upstream:public"), off),
        ((*repository, "--cooldown", "0d"), ""),
        ((*upstream, "--cooldown-mode", "enforce"), ""),
        ((*repository, "--cooldown", "2w"), ""),
        ((*repository, "--cooldown-mode", "off"), off),
        ((*repository, "--cooldown-mode", "audit"), ""),
        ((*repository, "--cooldown", "none"), no_cooldown),
        ((*repository, "--description", "ours"), ""),
        ((*upstream, "--cooldown", "3d"), ""),
        ((*repository, "--cooldown-mode", "enforce"), ""),
        (("repository", "set", "base", "--cooldown-mode", "enforce"), no_cooldown),
    ):
        told = main_cli.run(*command)
        assert told.exit_code == 0
        assert warning in told.stderr, command
        assert bool(told.stderr) == bool(warning), command


def test_values_that_are_surely_mistakes_are_warned_of(main_cli: CommandLine) -> None:
    """C1, F7 and V2: minutes for months, bytes for gigabytes, and all names reserved."""
    minutes = "A cooldown of 3 minutes is shorter than an hour"
    upstream = ("upstream", "set", "public")
    repository = ("repository", "set", "main")
    main_cli.ok("upstream", "create", "public", URL, UNASKED, "--cooldown-mode", "enforce")
    for command, warning in {
        (*upstream, "--cooldown", "3m"): minutes,
        (*upstream, "--fresh-for", "1h"): "",  # is not about the cooldown
        (*upstream, "--cooldown", "1h"): "",
        (*upstream, "--cooldown", "0d"): "",
        (*upstream, "--cache-size", "50"): "The cache is 50 bytes, which is less than 1 KiB",
        (*upstream, "--cache-size", "1KiB"): "",
        (*upstream, "--cooldown", "2099-01-01"): "The cooldown 2099-01-01 is a date in the future",
        (*upstream, "--cooldown", "2026-01-01"): "",
        (*repository, "--cooldown", "3m"): minutes,
        (*repository, "--quota", "50"): "The limit for all files together is 50 bytes",
        (*repository, "--reserve", "*"): "",  # there are no sources yet
        (*repository, "--source", "upstream:public"): "All names are reserved for main",
        (*repository, "--description", "ours"): "",
        (*repository, "--reserve", "acme-*"): "",
    }.items():
        told = main_cli.run(*command)
        assert told.exit_code == 0
        assert told.stderr.startswith(warning), command
        assert bool(told.stderr) == bool(warning), command
        assert told.stderr.count("\n") <= 1


def test_list(cli: CommandLine) -> None:
    for name in ("public", "mirror"):
        cli.ok("upstream", "create", name, f"https://{name}.example/simple/", UNASKED)
    table = cli.ok("upstream", "list").splitlines()

    assert [each["name"] for each in cli.json("upstream", "list")] == ["mirror", "public"]
    assert table[0].split()[:2] == ["NAME", "URL"]
    assert "USED_BY" in table[0]
    assert len(table) == 3


LOCAL = ("--allow-http", "--allow-private-network")


@pytest.fixture
def live() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def static() -> Iterator[LiveServer]:
    """An index in HTML, whose files are at two other hosts, without upload times."""

    def page(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        names = {"a": "pip-1.0.zip", "b": "pip-2.0.zip"}
        links = (
            f"<a href='https://{host}.example/{name}'>{name}</a>" for host, name in names.items()
        )
        return ["".join(links).encode()]

    server = LiveServer(page)
    yield server
    server.close()


def test_the_hosts_of_files_are_taken_from_a_page(cli: CommandLine, static: LiveServer) -> None:
    """S2."""
    created = cli.ok("upstream", "create", "found", static.url, *LOCAL)
    cli.ok("upstream", "create", "given", static.url, *LOCAL, "--file-host", "b.example")
    cli.ok("upstream", "create", "offline", static.url, *LOCAL, "--offline")

    assert "files may also come from a.example, b.example." in created
    hosts = {
        name: cli.json("upstream", "show", name)["file_hosts"]
        for name in ("found", "given", "offline")
    }
    assert hosts == {"found": ["a.example", "b.example"], "given": ["b.example"], "offline": []}


def test_a_url_that_is_put_right_is_read_as_a_new_one(
    cli: CommandLine, static: LiveServer, live: LiveUpstream
) -> None:
    """B4: else its pages would work, and none of its files."""
    hosts = {}
    for name, wrong, right in (
        ("typo", (live.url, *LOCAL), ("--url", static.url)),
        ("option", (static.url, "--allow-http"), ("--allow-private-network",)),
        ("offline", (static.url, *LOCAL, "--offline"), ("--online",)),
        ("said", (live.url, *LOCAL), ("--url", static.url, "--file-host", "b.example")),
    ):
        cli.ok("upstream", "create", name, *wrong)
        said = cli.ok("upstream", "set", name, *right)
        assert ("files may also come from a.example, b.example." in said) == (name != "said")
        hosts[name] = cli.json("upstream", "show", name)["file_hosts"]
    cli.ok("upstream", "set", "said", "--fresh-for", "1h")
    chosen = cli.run("upstream", "set", "said", "--url", f"{static.url}/other/")

    both = ["a.example", "b.example"]
    assert hosts == {"typo": both, "option": both, "offline": both, "said": ["b.example"]}
    assert "set said --file-host b.example --file-host a.example`" in chosen.stderr
    assert cli.json("upstream", "show", "said")["file_hosts"] == ["b.example"], "chosen by hand"


def test_a_page_above_the_index_is_no_index(cli: CommandLine) -> None:
    """B5: of no file at all, everything could be said."""

    def folders(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        is_there = environ["PATH_INFO"] in ("/", "/files/", "/simple/")
        start_response("200 OK" if is_there else "404 Not Found", [("Content-Type", "text/html")])
        return [b"<a href='files/'>files/</a> <a href='simple/'>simple/</a>"]

    with LiveServer(folders) as server:
        created = cli.run("upstream", "create", "above", server.url, *LOCAL)
        checked = cli.refused("upstream", "check", "above")

    sentence = "no project with files to look at; check its URL"
    assert created.exit_code == 0
    assert "gives no page yet: " in created.stderr
    assert sentence in created.stderr
    assert sentence in checked


def test_an_upstream_that_does_not_answer_yet_is_created(
    cli: CommandLine, live: LiveUpstream
) -> None:
    live.broken = "503 Service Unavailable"
    result = cli.run("upstream", "create", "public", live.url, *LOCAL)

    assert result.exit_code == 0
    assert "gives no page yet: " in result.stderr
    assert "`pypi-repo upstream check public`" in result.stderr
    assert result.stderr.count("\n") == 1
    assert cli.json("upstream", "show", "public")["file_hosts"] == []


def test_what_keeps_an_upstream_from_being_asked_is_told_with_its_option(cli: CommandLine) -> None:
    """S2."""
    url = "https://127.0.0.1:9/simple/"
    open_it = "`pypi-repo upstream set {} --allow-private-network` allows it"
    plain = cli.refused("upstream", "create", "plain", "http://index.example/simple/")
    created = cli.run("upstream", "create", "local", url).stderr
    checked = cli.refused("upstream", "check", "local")
    again = cli.refused("upstream", "create", "local", url, "--allow-private-network")

    assert plain.endswith("or allow http for this upstream (with --allow-http).\n")
    assert created.endswith(f" {open_it.format('local')}.\n")
    assert checked.endswith(f" ({open_it.format('NAME')}).\n")
    assert again.endswith("choose another name (`pypi-repo upstream set` changes it).\n")


def test_check(cli: CommandLine, live: LiveUpstream) -> None:
    live.add(wheel("pip", "1.0"))
    cli.ok("upstream", "create", "public", live.url, *LOCAL)
    before = cli.json("upstream", "show", "public")
    result = cli.run("upstream", "check", "public")

    assert result.exit_code == 0
    assert ["speaks:", "JSON"] in [line.split() for line in result.stdout.splitlines()]
    assert result.stderr == ""
    assert cli.json("upstream", "check", "public")["files"] == 1
    after = cli.json("upstream", "show", "public")
    assert after["answered_at"] is not None
    assert after | {"answered_at": before["answered_at"]} == before
    live.broken = "500 Internal Server Error"
    assert "status 500" in cli.refused("upstream", "check", "public")
    assert "no upstream 'absent'" in cli.refused("upstream", "check", "absent")


def test_what_fails_is_said_once(main_cli: CommandLine, live: LiveUpstream) -> None:
    """By the command, and not by a log as well."""
    main_cli.ok("upstream", "create", "public", live.url, *LOCAL)
    main_cli.ok("repository", "set", "main", "--source", "upstream:public")
    live.broken = "500 Internal Server Error"
    for command, code in ((["upstream", "check", "public"], 1), (["explain", "main", "demo"], 0)):
        done = subprocess.run(
            [sys.executable, "-m", "pypi_repo", *command, "--data", str(main_cli.data)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr.count("\n")) == (code, code), done.stderr
        assert "status 500" in done.stderr + done.stdout


def test_check_says_what_the_settings_leave_out(cli: CommandLine, static: LiveServer) -> None:
    cli.ok("upstream", "create", "static", static.url, *LOCAL, "--file-host", "b.example")
    lax = cli.run("upstream", "check", "static").stderr
    cli.ok("upstream", "set", "static", "--cooldown", "3d", "--cooldown-mode", "enforce")
    strict = cli.run("upstream", "check", "static").stderr
    advised = "--file-host b.example --file-host a.example --first-seen"
    cli.ok("upstream", "set", "static", *advised.split())

    assert "upstream set static --file-host b.example --file-host a.example`" in lax
    assert "--first-seen" not in lax
    assert "--first-seen" in strict
    assert cli.run("upstream", "check", "static").stderr == ""


def test_a_cooldown_that_leaves_out_everything_is_warned_of(
    main_cli: CommandLine, static: LiveServer
) -> None:
    """B6: from then on, nobody could install anything."""
    warning = "No file that is known of the upstream static has an upload time"
    enforced = ("--cooldown", "3d", "--cooldown-mode", "enforce")
    main_cli.ok("upstream", "create", "static", static.url, *LOCAL)
    main_cli.ok("repository", "set", "main", "--source", "upstream:static")
    unknown = main_cli.run("repository", "set", "main", *enforced).stderr
    main_cli.ok("repository", "set", "main", "--cooldown-mode", "none", "--cooldown", "none")
    main_cli.ok("explain", "main", "pip")  # so that its page is kept
    told = {
        "audited": main_cli.run("upstream", "set", "static", "--cooldown", "3d").stderr,
        "here": main_cli.run("repository", "set", "main", *enforced).stderr,
        "new": main_cli.run(
            "repository", "create", "made", "--source", "upstream:static", *enforced
        ).stderr,
        "everywhere": main_cli.run("upstream", "set", "static", *enforced).stderr,
        "counted": main_cli.run("upstream", "set", "static", "--first-seen").stderr,
        "fine": main_cli.run("repository", "set", "main", *enforced).stderr,
    }
    for name in ("main", "made"):
        main_cli.ok("repository", "set", name, "--cooldown-mode", "off")
    told["off"] = main_cli.run("upstream", "set", "static", "--upload-times-only").stderr
    main_cli.ok("repository", "set", "main", "--cooldown-mode", "none")
    told["somewhere"] = main_cli.run("upstream", "set", "static", "--upload-times-only").stderr

    assert unknown == ""
    assert {name: warning in said for name, said in told.items()} == {
        "audited": False,
        "here": True,
        "new": True,
        "everywhere": True,
        "counted": False,
        "fine": False,
        "off": False,
        "somewhere": True,
    }
    assert (
        "leaves out all of them that have no exception; turn on first-seen for the upstream"
        in told["here"]
    )


def test_a_source_is_not_deleted(main_cli: CommandLine) -> None:
    main_cli.ok("upstream", "create", "public", URL, UNASKED)
    main_cli.ok("repository", "set", "main", "--source", "upstream:public")
    refused = main_cli.refused("upstream", "delete", "public", "--yes")
    main_cli.ok("repository", "set", "main", "--no-sources")
    main_cli.ok("upstream", "delete", "public", "--yes")

    assert "is a source of main" in refused
    assert main_cli.json("upstream", "list") == []


def test_refusals(public_cli: CommandLine) -> None:
    assert "an upstream 'public' already" in public_cli.refused("upstream", "create", "public", URL)
    assert "not a valid upstream name" in public_cli.refused("upstream", "create", "Not Valid", URL)
    assert "write it like files.example.com" in public_cli.refused(
        "upstream", "set", "public", "--file-host", "https://files.example/"
    )
    assert "no name of an environment variable" in public_cli.refused(
        "upstream", "set", "public", "--credentials", "environment:A B"
    )
    for command in (["show"], ["set", "--offline"], ["delete"]):
        unknown = public_cli.refused("upstream", command[0], "absent", *command[1:])
        assert "no upstream 'absent'" in unknown


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_password_typed_at_a_terminal(cli: CommandLine, tmp_path: Path) -> None:
    """Never shown."""
    code, seen = typed(
        *("upstream", "create", "public", URL, UNASKED, "--username", "me", "--password-stdin"),
        *("--data", "data"),
        cwd=tmp_path,
        answers={"Password: ": SECRET},
    )

    assert code == 0
    assert "Created upstream public" in seen
    assert SECRET not in seen
    assert secret_of(cli) == ("me", SECRET, None)
