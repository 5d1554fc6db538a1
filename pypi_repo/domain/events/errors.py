"""The errors about webhooks, of the hierarchy in `pypi_repo.domain.errors`."""

from pypi_repo.domain.errors import NotFound


class UnknownWebhook(NotFound):
    """There is no webhook with this name."""

    code = "unknown-webhook"


class UnknownDelivery(NotFound):
    """The webhook has no delivery with this number."""

    code = "unknown-delivery"
