"""Settings as environment variables say them. Nothing in this module reads the environment."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pypi_repo.settings import (
    MOST_TRASH_DAYS,
    OIDC_AUDIENCE,
    TRASH_DAYS,
    USUAL_FOLDER,
    Limits,
    Settings,
    in_folder,
    parse_files_sent_by,
    parse_size,
)

_PREFIX = "PYPI_REPO_"
_VARIABLES = frozenset(
    {
        *("DATA", "DATABASE", "DATABASE_SCHEMA", "BLOBS", "MAX_UPLOAD_SIZE", "FILES_SENT_BY"),
        *("METRICS_TOKEN", "METRICS_FOLDER", "PUBLIC_URL", "SMTP", "OIDC_AUDIENCE", "TRASH_DAYS"),
        *("HOST", "PORT", "WORKERS", "TLS_CERTIFICATE", "TLS_KEY", "UPLOAD_PATIENCE"),
        *("TRUSTED_PROXY", "LOG_FORMAT", "ACCESS_LOG"),
        "ID_TOKEN",  # which clients in CI jobs look for, as it is named after the audience
    }
)

# What Kubernetes tells each container of the Services of its namespace, if one is called pypi-repo.
_OF_SERVICES = re.compile(r"(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_\w+)", re.ASCII)

ADMINISTRATORS_VARIABLES = f"{_PREFIX}UPSTREAM_"
"""How the names of the environment variables begin that administrators may name.

Whoever may name any variable can have it sent to a host of their own.
"""


def from_mapping(values: Mapping[str, str]) -> Settings:
    """Returns the settings in a mapping with the names of the command line's environment variables.

    It uses PYPI_REPO_DATA, PYPI_REPO_DATABASE, PYPI_REPO_DATABASE_SCHEMA, PYPI_REPO_BLOBS,
    PYPI_REPO_MAX_UPLOAD_SIZE, PYPI_REPO_FILES_SENT_BY, PYPI_REPO_METRICS_TOKEN,
    PYPI_REPO_METRICS_FOLDER, PYPI_REPO_PUBLIC_URL, PYPI_REPO_SMTP, PYPI_REPO_OIDC_AUDIENCE and
    PYPI_REPO_TRASH_DAYS, and the names of `proxies_in`. It ignores all other names.

    Raises ValueError if a value is invalid.
    """
    limits = Limits()
    if values.get("PYPI_REPO_MAX_UPLOAD_SIZE"):
        try:
            limits = Limits(file_size=parse_size(values["PYPI_REPO_MAX_UPLOAD_SIZE"]))
        except ValueError as error:
            raise ValueError(f"PYPI_REPO_MAX_UPLOAD_SIZE: {error}") from None
    settings = in_folder(
        values.get("PYPI_REPO_DATA") or USUAL_FOLDER,
        values.get("PYPI_REPO_DATABASE"),
        values.get("PYPI_REPO_BLOBS"),
        limits,
        database_schema=values.get("PYPI_REPO_DATABASE_SCHEMA"),
        proxies=proxies_in(values),
        variables=values,
        trash_days=trash_days_in(values),
    )
    sent_by = values.get("PYPI_REPO_FILES_SENT_BY")
    metrics_folder = values.get("PYPI_REPO_METRICS_FOLDER")
    return replace(
        settings,
        files_sent_by=parse_files_sent_by(sent_by) if sent_by else None,
        metrics_token=values.get("PYPI_REPO_METRICS_TOKEN") or None,
        metrics_folder=Path(metrics_folder) if metrics_folder else None,
        public_url=values.get("PYPI_REPO_PUBLIC_URL") or None,
        smtp=values.get("PYPI_REPO_SMTP") or None,
        oidc_audience=oidc_audience_in(values),
    )


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Returns a sentence for each environment variable that looks like a setting and is none.

    names: the names of all environment variables.
    """
    found = []
    for name in sorted(names):
        setting = name.removeprefix(_PREFIX)
        if setting == name or setting in _VARIABLES or name.startswith(ADMINISTRATORS_VARIABLES):
            continue
        if _OF_SERVICES.fullmatch(setting):
            continue
        from difflib import get_close_matches  # which nearly nobody needs

        meant = get_close_matches(setting, _VARIABLES, n=1)
        what_then = f"did you mean {_PREFIX}{meant[0]}?" if meant else "look for the right name."
        found.append(f"{name} is not a setting; {what_then}")
    return found


def forgotten_variables(database: str | None, blobs: str | None) -> list[str]:
    """Returns a sentence if files stay on one machine, although others may use the database.

    database: what PYPI_REPO_DATABASE says.
    blobs: what PYPI_REPO_BLOBS says. A folder that is named there is meant.
    """
    if blobs or not (database or "").startswith("postgresql"):
        return []
    return [
        "PYPI_REPO_BLOBS is not set, so files are in a folder of this machine, which no other "
        "machine with this database has; set it to s3://bucket/folder, or to file:///folder if "
        "there is only one machine."
    ]


def oidc_audience_in(values: Mapping[str, str]) -> str:
    """Returns what PYPI_REPO_OIDC_AUDIENCE says, as `Settings.oidc_audience` has it."""
    return values.get("PYPI_REPO_OIDC_AUDIENCE") or OIDC_AUDIENCE


def trash_days_in(values: Mapping[str, str]) -> int:
    """Returns what PYPI_REPO_TRASH_DAYS says, as `Settings.trash_days` has it.

    Raises ValueError if it is no number from 0 to 3650.
    """
    text = values.get("PYPI_REPO_TRASH_DAYS") or str(TRASH_DAYS)
    if not re.fullmatch("[0-9]{1,4}", text) or int(text) > MOST_TRASH_DAYS:
        raise ValueError(
            f"PYPI_REPO_TRASH_DAYS: {text!r} is no number of days from 0 to {MOST_TRASH_DAYS}."
        )
    return int(text)


def proxies_in(values: Mapping[str, str]) -> dict[str, str]:
    """Returns what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say, as `Settings.proxies` has it.

    The names in lower case come first. HTTP_PROXY in upper case is not used where REQUEST_METHOD is
    set: under CGI it is what the client sent as the header `Proxy`.
    """
    found = {}
    for kind in ("https", "http", "no"):
        value = values.get(f"{kind}_proxy")
        if not value and not (kind == "http" and "REQUEST_METHOD" in values):
            value = values.get(f"{kind.upper()}_PROXY")
        if value:
            found[kind] = value
    return found
