"""The stages of a repository: opened, published and dropped."""

from urllib.parse import urljoin

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.lifecycle.stages import MOST_DAYS, STAGE_DAYS
from pypi_repo.domain.text import counted
from pypi_repo.web.pages import forms
from pypi_repo.web.portal.page import PortalPage


def show_all(page: PortalPage, repository: str) -> Response:
    return page.render(
        "portal/repository_stages.html",
        repository=page.acting.repositories.get(repository, Permission.MANAGE),
        stages=page.acting.stages.stages(repository),
        usual_days=STAGE_DAYS,
        most_days=MOST_DAYS,
    )


def show(page: PortalPage, repository: str, stage: str) -> Response:
    found, files = page.acting.stages.stage(repository, stage)
    url = urljoin(page.repository_url(repository), f"stages/{stage}/")
    return page.render(
        "portal/repository_stage.html",
        repository=page.acting.repositories.get(repository, Permission.MANAGE),
        stage=found,
        files=files,
        upload_url=url,
        index_url=f"{url}simple/",
    )


def open_(page: PortalPage, repository: str) -> Response:
    description = forms.text(page, "description")
    days = forms.read(page, "days", lambda: _days(page.sent("days"))) or STAGE_DAYS
    forms.settle(page)
    opened = page.acting.stages.open(repository, description, days=days)
    note = page.done("Opened a stage. Nobody sees what is uploaded to it until it is published.")
    return page.redirect("repositories", repository, "stages", opened.id, note=note)


def publish(page: PortalPage, repository: str, stage: str) -> Response:
    accepted = page.acting.stages.publish(repository, stage)
    note = page.done(
        f"Published {counted(len(accepted), 'file')}.",
        "activity",
        link="See the activity",
        repository=repository,
        action="publish stage",
    )
    return page.redirect("repositories", repository, note=note)


def drop(page: PortalPage, repository: str, stage: str) -> Response:
    page.acting.stages.drop(repository, stage)
    note = page.done("Dropped a stage, and freed the names of its files.")
    return page.redirect("repositories", repository, "stages", note=note)


def _days(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_DAYS))
    if not is_number or not 1 <= int(text) <= MOST_DAYS:
        raise InvalidSetting(f"Write a number of days from 1 to {MOST_DAYS}.")
    return int(text)
