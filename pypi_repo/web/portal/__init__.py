"""The administration portal."""

from pypi_repo.web.portal.app import PortalApp

__all__ = ["PortalApp"]
