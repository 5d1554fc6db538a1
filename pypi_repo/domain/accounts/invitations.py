"""How long invitations last, their links, and the mails that bring them."""

from datetime import timedelta

from pypi_repo.domain.errors import InvalidSetting

INVITATION_LIFE = timedelta(days=7)
_LONGEST_LIFE = timedelta(days=90)


def check_life(expires_in: timedelta) -> None:
    """Raises InvalidSetting for an invitation that lasts too long, or no time at all."""
    if not timedelta() < expires_in <= _LONGEST_LIFE:
        raise InvalidSetting("An invitation must expire in the future, within 90 days.")


def invitation_link(secret: str, root: str) -> str:
    """Returns the link with which an invited person sets a password.

    root: the URL of the registry, with or without a slash at its end; empty for a link that is
        relative to it.
    """
    path = f"account/invitation/{secret}"
    return f"{root.rstrip('/')}/{path}" if root else path


def invitation_mail(name: str, link: str) -> tuple[str, str]:
    """Returns the subject and the text of the mail to an invited user.

    link: the absolute link with which the user sets a password.
    """
    text = (
        f"You are invited to the package repositories, under the name {name}.\n\n"
        f"Set your password here:\n\n{link}\n\n"
        "The link works once, and only for some days. If you did not expect this mail, ignore it.\n"
    )
    return "Your account for the package repositories", text
