"""Sends mail through the SMTP server of an organization."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from ipaddress import ip_address
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pypi_repo.domain.accounts.errors import MailFailed
from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.domain.text import printable

_PATIENCE = 10.0  # seconds for each answer; somebody waits for the page
_PORTS = {"smtp": 587, "smtps": 465}
_LONGEST_REASON = 200  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """An SMTP server, and in whose name mail is sent through it.

    over_tls: whether TLS begins with the connection. Otherwise it begins by STARTTLS, without which
        nothing is sent to another machine.
    """

    host: str
    port: int
    over_tls: bool
    sender: Address
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Returns the server of a URL such as `smtp://USER:PASSWORD@HOST:587?from=ADDRESS`.

        With `smtps`, TLS begins with the connection. User and password may be left out.

        Raises ConfigurationError, whose message does not contain the password.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
            query = dict(parse_qsl(parts.query, strict_parsing=True))
            sender = Address(addr_spec=query.pop("from"))
        except (ValueError, KeyError, MessageError, IndexError):
            host, query = None, {}
        if not host or query or parts.path not in ("", "/"):
            raise ConfigurationError(
                "The URL of the SMTP server cannot be understood; write one like "
                "smtp://USER:PASSWORD@mail.example.com:587?from=packages@example.com."
            )
        return cls(
            host=host,
            port=port,
            over_tls=parts.scheme == "smtps",
            sender=sender,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def send(self, to: str, subject: str, text: str) -> None:
        """Sends one mail, in plain text.

        to: the e-mail address of the one recipient.

        Raises MailFailed, which says why.
        """
        recipient = _address(to)
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = recipient
        message["Subject"] = subject
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self.sender.domain)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes, please
        message.set_content(text)
        try:
            with self._connected() as server:
                server.send_message(message, self.sender.addr_spec, [recipient.addr_spec])
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise MailFailed(
                f"The mail could not be sent through {self.host}: {_reason(error)}."
            ) from error

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        context = ssl.create_default_context()
        server = (
            smtplib.SMTP_SSL(self.host, self.port, timeout=_PATIENCE, context=context)
            if self.over_tls
            else smtplib.SMTP(self.host, self.port, timeout=_PATIENCE)
        )
        with server:
            server.ehlo()
            if not self.over_tls and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif not self.over_tls and not _is_this_machine(self.host):
                raise smtplib.SMTPException("it offers no TLS, and mails hold secrets")
            if self.user:
                server.login(self.user, self.password)
            yield server


def _address(text: str) -> Address:
    """Returns an address that is spelled as it will be used. Raises MailFailed."""
    try:
        address = Address(addr_spec=text)
    except (ValueError, MessageError, IndexError):
        address = None
    if address is None or address.addr_spec != text:
        raise MailFailed(f"{text[:100]!r} is no e-mail address that mail can be sent to.")
    return address


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _reason(error: Exception) -> str:
    """Returns what a server or the system says, in one line."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        error = Exception(*(answer for _code, answer in error.recipients.values()))
    said = error.args[-1] if error.args else type(error).__name__
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return printable(" ".join(text.split()))[:_LONGEST_REASON].rstrip(".")
