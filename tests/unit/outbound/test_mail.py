"""Mail through a real SMTP server."""

import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from pypi_repo import Registry, Settings
from pypi_repo.domain.accounts.errors import MailFailed
from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.outbound.mail import Mailer
from pypi_repo.variables import from_mapping
from tests.support.mail import MailServer

TO = "ada@example.com"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def _sent(server: MailServer) -> tuple[list[str], dict[str, str], str]:
    (envelope,) = server.mails
    content = envelope.content
    assert isinstance(content, bytes)
    message = message_from_bytes(content, policy=default)
    return envelope.rcpt_tos, dict(message.items()), message.get_content()


def test_a_mail_has_one_recipient_and_comes_from_the_registry(server: MailServer) -> None:
    Mailer.of(server.url()).send(TO, "Subject \N{SNOWMAN}", "Text \N{SNOWMAN}\n")
    recipients, headers, text = _sent(server)
    assert recipients == [TO]
    assert (headers["From"], headers["To"]) == ("packages@example.com", TO)
    assert headers["Subject"] == "Subject \N{SNOWMAN}"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert text.splitlines() == ["Text \N{SNOWMAN}"]


@pytest.mark.parametrize(
    "name",
    [
        "ada@example.com\r\nBcc: eve@evil.example",
        "ada@example.com\nBcc:eve@evil.example",
        "ada@example.com,eve@evil.example",
        "<ada@example.com>,<eve@evil.example>",
        "ada@example.com>\r\nRCPT TO:<eve@evil.example",
        '"a\r\nBcc: eve@evil.example"@example.com',
        "ada@example.com (eve@evil.example)",
        "no-address",
        "@",
        "a@",
        "",
    ],
)
def test_a_name_is_one_address_or_none(name: str, server: MailServer) -> None:
    with pytest.raises(MailFailed):
        Mailer.of(server.url()).send(name, "Subject", "Text")
    assert server.mails == []


def test_with_a_password() -> None:
    with MailServer(("user@name", "pass/word")) as server:
        Mailer.of(server.url("user%40name:pass%2Fword@")).send(TO, "Subject", "Text")
        assert len(server.mails) == 1
        with pytest.raises(MailFailed) as caught:
            Mailer.of(server.url("user%40name:wrong-password@")).send(TO, "Subject", "Text")
        assert "wrong-password" not in caught.value.message
        assert len(server.mails) == 1


def test_secrets_are_only_sent_over_tls(server: MailServer) -> None:
    """But to this machine: 127.1 is its address, too, and nobody says so by that spelling."""
    mailer = Mailer.of(server.url().replace("127.0.0.1", "127.1"))
    with pytest.raises(MailFailed, match="TLS"):
        mailer.send(TO, "Subject", "Text")
    assert server.mails == []


@pytest.mark.parametrize("answer", ["554 Not \x1b[31m here", "451 Try later"])
def test_what_the_server_says_is_told_in_one_line(answer: str, server: MailServer) -> None:
    server.refuse(answer)
    with pytest.raises(MailFailed) as caught:
        Mailer.of(server.url()).send(TO, "Subject", "Text")
    assert caught.value.message.isprintable()
    assert "could not be sent through 127.0.0.1" in caught.value.message


def test_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    mailer = Mailer.of(f"smtp://127.0.0.1:{port}?from=packages@example.com")
    with pytest.raises(MailFailed, match="refused"):
        mailer.send(TO, "Subject", "Text")


def test_a_server_that_speaks_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        mailer = Mailer.of(f"smtps://127.0.0.1:{port}?from=packages@example.com")
        silent.settimeout(0)  # it accepts, and never says a word
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pypi_repo.outbound.mail._PATIENCE", 0.2)
            with pytest.raises(MailFailed, match="timed out"):
                mailer.send(TO, "Subject", "Text")


@pytest.mark.parametrize(
    ("url", "port", "over_tls"),
    [
        ("smtp://mail.example.com?from=a@example.com", 587, False),
        ("smtps://mail.example.com/?from=a@example.com", 465, True),
        ("smtp://mail.example.com:25?from=a%2Bb@example.com", 25, False),
    ],
)
def test_urls(url: str, port: int, over_tls: bool) -> None:
    mailer = Mailer.of(url)
    assert (mailer.host, mailer.port, mailer.over_tls) == ("mail.example.com", port, over_tls)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com",
        "http://mail.example.com?from=a@example.com",
        "smtp://?from=a@example.com",
        "smtp://user:secret@mail.example.com",
        "smtp://user:secret@mail.example.com?from=nobody",
        "smtp://user:secret@mail.example.com:port?from=a@example.com",
        "smtp://user:secret@mail.example.com?from=a@example.com&tls=no",
        "smtp://user:secret@mail.example.com/path?from=a@example.com",
        "smtp://user:secret@[mail?from=a@example.com",
    ],
)
def test_a_wrong_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Mailer.of(url)
    assert "secret" not in caught.value.message


def test_a_registry_with_a_wrong_server_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        Registry(Settings(database=f"sqlite:///{tmp_path}/new/registry.db", smtp="mail.example"))
    assert list(tmp_path.iterdir()) == []


def test_the_environment_names_the_server() -> None:
    url = "smtp://user:secret@mail.example.com?from=a@example.com"
    settings = from_mapping({"PYPI_REPO_SMTP": url})
    assert settings.smtp == url
    assert "secret" not in repr(settings)
    assert "secret" not in repr(Mailer.of(url))
    assert from_mapping({"PYPI_REPO_SMTP": ""}).smtp is None
