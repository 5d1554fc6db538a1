"""The page to which the link of an invitation leads."""

from werkzeug.wrappers import Response

from pypi_repo.web.account.page import AccountPage
from pypi_repo.web.account.sign_in import forget
from pypi_repo.web.pages import forms

# Of this page nothing but the host may be told, because its URL holds the secret. With no-referrer,
# browsers would not even say to this site where the form comes from.
_REFERRER_POLICY = "strict-origin"


def show(page: AccountPage, secret: str) -> Response:
    invitation = page.registry.invitations.find(secret)
    response = page.render("account/invitation.html", invitation=invitation)
    response.headers["Referrer-Policy"] = _REFERRER_POLICY
    return response


def accept(page: AccountPage, secret: str) -> Response:
    """Signs nobody in: the browser keeps the new password only where somebody types it."""
    page.registry.invitations.find(secret)
    password = forms.password(page, again="again")
    forms.settle(page)
    page.registry.invitations.accept(secret, password)
    response = page.redirect("sign-in", notice="invitation")
    response.headers["Referrer-Policy"] = _REFERRER_POLICY
    return forget(page, response)
