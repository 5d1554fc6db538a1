"""How far back the portal's charts reach."""

from pypi_repo.domain.text import counted
from pypi_repo.web.portal.page import PortalPage

PERIODS = (7, 30, 90, 365)
"""Days, today included."""

_USUAL = 30


def asked(page: PortalPage) -> int:
    """`?days=90`; what is not offered means 30 days."""
    return next((days for days in PERIODS if page.asked("days") == str(days)), _USUAL)


def downloads(number: int) -> str:
    return counted(number, "download")
