"""A real SMTP server, which keeps what it gets."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from types import TracebackType
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.processes import free_port


class _Keeping:
    """Keeps mails, or refuses all of them with one answer."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.refusal: str | None = None

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refusal is not None:
            return self.refusal
        self.mails.append(envelope)
        return "250 OK"


class MailServer:
    """`login`, a name and a password, is asked for if it is given."""

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        self._handler = _Keeping()
        self._login = login
        options: dict[str, Any] = {}
        if login is not None:
            options = {"authenticator": self._authenticate, "auth_require_tls": False}
        self.port = free_port()
        self._controller = Controller(
            self._handler, hostname="127.0.0.1", port=self.port, **options
        )

    def _authenticate(self, *how: Any) -> AuthResult:
        given = how[-1]
        assert isinstance(given, LoginPassword)
        is_right = (given.login.decode(), given.password.decode()) == self._login
        return AuthResult(success=is_right, handled=False)

    @property
    def mails(self) -> list[Envelope]:
        return self._handler.mails

    def text(self) -> str:
        """The text of the only mail."""
        (envelope,) = self.mails
        assert isinstance(envelope.content, bytes)
        text = message_from_bytes(envelope.content, policy=default).get_content()
        assert isinstance(text, str)
        return text

    def refuse(self, answer: str) -> None:
        self._handler.refusal = answer

    def url(self, user: str = "") -> str:
        return f"smtp://{user}127.0.0.1:{self.port}?from=packages@example.com"

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self._controller.stop()
