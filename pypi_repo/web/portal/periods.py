"""How far back the portal's charts reach."""

from pypi_repo.domain.text import counted
from pypi_repo.web.portal.page import PortalPage

PERIODS = (7, 30, 90, 365)
"""Days, today included."""

_USUAL = 30


def asked(page: PortalPage) -> int:
    """Returns the period that the URL asks for, in days (`?days=90`); 30 if it is none of them."""
    return next((days for days in PERIODS if page.asked("days") == str(days)), _USUAL)


def downloads(number: int) -> str:
    """Returns a number of downloads in words, such as `3 downloads`."""
    return counted(number, "download")
