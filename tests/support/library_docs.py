"""Writes docs/reference/library.md: `python -m tests.support.library_docs`.

Signatures are those of the source, defaults as they are written there; a test compares the page
with what this makes of them.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypi_repo
from pypi_repo.domain import errors
from pypi_repo.domain.accounts import errors as account_errors
from pypi_repo.domain.events import errors as event_errors
from pypi_repo.domain.identity import errors as identity_errors
from pypi_repo.domain.lifecycle import errors as lifecycle_errors
from pypi_repo.domain.upstreams import errors as upstream_errors

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "library.md"


@dataclass(frozen=True)
class Entry:
    """A class or function: `place` is where it is imported from, `heading` what it is shown as."""

    place: str
    heading: str = ""

    @property
    def name(self) -> str:
        return self.place.rpartition(".")[2]

    @property
    def title(self) -> str:
        return self.heading or self.name

    def load(self) -> Any:
        module, _dot, name = self.place.rpartition(".")
        return getattr(importlib.import_module(module), name)


def _public(*names: str) -> list[Entry]:
    return [Entry(f"pypi_repo.{name}") for name in names]


def _of(module: str, *names: str) -> list[Entry]:
    return [Entry(f"pypi_repo.{module}.{name}") for name in names]


def _services(**places: str) -> list[Entry]:
    return [
        Entry(f"pypi_repo.services.{place}", f"registry.acting_as(actor).{attribute}")
        for attribute, place in places.items()
    ]


def _operating(**places: str) -> list[Entry]:
    return [
        Entry(f"pypi_repo.services.{place}", f"registry.{attribute}")
        for attribute, place in places.items()
    ]


_INTRODUCTION = """\
# Library

This page lists the public classes and functions of the library. If an entry does not name a module,
import it from `pypi_repo`. [Embed](../how-to/embed.md) shows how to use them. Everything on this
page was added in version 0.1.0, unless an entry names a later version.
"""

SECTIONS: dict[str, list[Entry]] = {
    "The registry\n\nEverything begins with a `Registry`. `registry.repository(name)` returns a"
    " `BoundRepository` for the apps, and `registry.acting_as(actor)` returns the services that"
    " see and change what is in the registry. The apps for a repository use its `Uploads`,"
    " `OwnUploads`, `Login`, `Downloads`, `Readmes` and `Intake`; programs call"
    " `registry.acting_as(actor).add_file`.": _public("Registry", "BoundRepository"),
    "Services of an actor\n\n`registry.acting_as(actor)` returns an object with these services as"
    " attributes. A call raises an error if the actor is not allowed to make it. `GivenSettings`"
    " are keyword arguments with the names and types of the fields of `RepositorySettings`, and"
    " `GivenUpstreamSettings` those of `UpstreamSettings`, and `GivenProviderSettings` those of"
    " `ProviderSettings`, and `GivenPublisherSettings` those of `PublisherSettings`, and"
    " `GivenWebhookSettings` those of `WebhookSettings`; each may be left out. A `PublisherKind` is"
    " `github`, `gitlab`, `google`, `buildkite`, `circleci` or `oidc`, which is any other issuer,"
    " and `May` is `upload` or `read`. `Claims` are what a signed token says, by name. "
    " A `WebhookForm` is `json`, `slack` or `teams`. An `AccountKind` is `users` or"
    " `administrators`. A `CooldownMode` is `off`, `audit` or `enforce`, a `RuleAction` is `allow`,"
    " `deny` or `exempt`, a"
    " `FileKind` is `sdist` or `bdist_wheel`, a `WithheldCode` is `denied`, `too-young` or"
    " `no-upload-time`, a `VersionKind` is `finals`, `pre`, `dev` or `local`,"
    " and an `Answer` is `supplies`, `has-none`, `keeps-name`, `fails` or"
    " `not-asked`. A `TrustedKind` is `certificate authority`, `certificate log` or"
    " `signature log`. A `StepListener` is a function that is called with a `Step`. `SpecifierSet`"
    " and `Marker` are classes of `packaging`.": [
        Entry("pypi_repo.services.acting.Acting", "registry.acting_as(actor)"),
        *_services(
            repositories="packages.repositories.Repositories",
            projects="packages.projects.Projects",
            promotion="lifecycle.promotion.Promotion",
            stages="lifecycle.stages.Stages",
            retention="lifecycle.retention.Retention",
            pins="lifecycle.pins.Pins",
            trash="lifecycle.trash.TrashCan",
            accounts="accounts.accounts.Accounts",
            groups="accounts.groups.Groups",
            rights="accounts.rights.Rights",
            invitations="people.invitations.Invitations",
            administrators="accounts.administrators.Administrators",
            identity_providers="identity.management.ProviderManagement",
            publishers="identity.publishers.Publishers",
            trust_roots="attestations.trust_roots.TrustRoots",
            upstreams="upstreams.configuring.management.UpstreamManagement",
            sources="upstreams.configuring.sources.Sources",
            warnings="upstreams.configuring.warnings.Warnings",
            imports="importing.importing.Imports",
            webhooks="events.webhooks.Webhooks",
            activity="operations.activity.Activity",
            chores="chores.review.ChoreReview",
            usage="operations.usage.UsageReports",
        ),
    ],
    "Services of the operator\n\nThe registry has these services as attributes, for the program"
    " that holds it. A `Listener` is a function that is called with the number of bytes that are"
    " done, and of all bytes. The attributes `sessions`, `user_sessions` (the"
    " `UserSessions` of repository users), `sign_in`, `trusted_publishing`, `notes`, `readmes`,"
    " `mailer` and `fresh_answers` of a registry are parts of the pages, the management API and the"
    " server, and may change in any version.": [
        *_operating(
            readiness="operations.readiness.Readiness",
            invitations="people.invitations.Acceptance",
            setup="accounts.setup.Setup",
            upkeep="operations.upkeep.Upkeep",
            chores="chores.chores.Chores",
            backup="operations.backup.Backup",
        ),
        Entry("pypi_repo.services.operations.backup.dumps"),
        Entry("pypi_repo.services.people.own_account.OwnAccount", "registry.own_account(session)"),
    ],
    "Apps\n\nEach of these classes is a WSGI application. `mount` combines several. Apps may share"
    " a `PageCache`; `PageCache(budget)` keeps rendered pages up to `budget` bytes.": _public(
        "SimpleIndexApp",
        "DownloadApp",
        "UploadApp",
        "JsonApiApp",
        "ProvenanceApp",
        "TrustedPublishingApp",
        "BrowseApp",
        "PortalApp",
        "ApiApp",
        "mount",
    ),
    "Sources\n\nA source answers everything that readers ask of a repository. The apps of a"
    " repository show what its source answers, and nothing else.": _public(
        "Source",
        "ServedFile",
        "Redirect",
        "SourceWrapper",
        "Filtered",
        "AllowList",
        "Merged",
        "Folder",
        "LooseFiles",
        "LooseFile",
        "NewestRelease",
        "ProjectSummary",
    ),
    "Settings\n\n`FilesSentBy` is the type of `XAccel`, `XSendfile` and `SignedUrls`.": _public(
        "Settings", "Limits", "XAccel", "XSendfile", "SignedUrls"
    ),
    "Access\n\n`ANONYMOUS` and `OPERATOR` are the actors of these kinds, and `EVERY_AREA` is the"
    " set of all areas. `Authenticate` is the type of a function that takes a WSGI environ and"
    " returns the `Actor` of the request: `ANONYMOUS` if the request has no credentials. It raises"
    " InvalidCredentials if the credentials are wrong.": _public(
        "Actor",
        "ActorKind",
        "Grants",
        "Access",
        "Area",
        "Permission",
        "AccessPolicy",
        "GrantPolicy",
        "remote_user",
    ),
    "Records\n\nThese frozen dataclasses are what apps and services return. A `NormalizedName` is a"
    " `str` in the form of PEP 503. A `ProjectStatus` is `active`, `archived`, `quarantined` or"
    " `deprecated` (PEP 792), a `FileKind` is `sdist` or `bdist_wheel`, a `Profile` is `private`,"
    " `pypi` or `lenient`, a `Subject` is `file`, `release` or `project`, and a `Fault` is"
    " `missing`, `unreadable`, `wrong-size` or"
    " `wrong-digest`. A `PublisherKind` is `github`, `gitlab`, `google`, `buildkite`, `circleci` or"
    " `oidc`. `RawMetadata` are the fields of core metadata as `packaging.metadata` parses"
    " them.": [
        *_public(
            "Repository",
            "RepositorySettings",
            "DistributionFile",
            "ListedFile",
            "ExternalFile",
            "Accepted",
            "ProjectList",
            "ListedProject",
            "ProjectPage",
            "ProjectDetails",
            "Versioned",
        ),
        *_of("domain.records", "Project", "ProjectSummary", "FoundProject"),
        *_of("domain.digests", "Digests"),
        *_of("services.lifecycle.transfer", "Promoted"),
        *_of("domain.lifecycle.stages", "Stage"),
        *_of("domain.lifecycle.retention", "RetentionRule", "RetentionTerms"),
        *_of("domain.lifecycle.expiring", "ExpiringRelease", "RetentionPreview", "RetentionRun"),
        *_of("domain.upstreams.upstream", "Upstream", "UpstreamSettings"),
        *_of("domain.upstreams.sources", "RepositorySources"),
        *_of("domain.upstreams.rules", "Rule"),
        *_of(
            "domain.upstreams.explanation",
            "Explanation",
            "AskedSource",
            "ShadowedName",
            "AuditEntry",
        ),
        *_of("domain.upstreams.verdicts", "Withheld"),
        *_of("storage.upstreams", "Health"),
        *_of("services.upstreams.configuring.checking", "PageRead", "UpstreamCheck"),
        *_of("storage.upstream_reports", "UpstreamReport"),
        *_of("domain.prefetching.wanted", "Wanted"),
        *_of("domain.prefetching.environments", "Environments"),
        *_of("services.upstreams.fetching.prefetching", "Prefetched"),
        *_of("services.importing.sources.opening", "SourceAccess"),
        *_of("services.importing.sources.source", "ImportSource"),
        *_of("domain.importing.selection", "Selection"),
        *_of("domain.importing.found", "FoundProject", "FoundFile", "LeftOut"),
        *_of("domain.importing.reports", "Step", "Assessment", "Uploader", "Report"),
        *_of(
            "domain.accounts.accounts",
            "User",
            "Group",
            "Token",
            "Administrator",
            "AdministratorToken",
            "SignedIn",
            "Invitation",
        ),
        *_of("services.accounts.sessions", "Session"),
        *_of("domain.accounts.rights", "RightsExplanation", "Right", "OwnRights"),
        *_of("domain.identity.provider", "ProviderSettings", "IdentityProvider", "Identity"),
        *_of("services.identity.management", "ProviderCheck"),
        *_of("domain.identity.ci_job", "CIJob"),
        *_of("domain.identity.conditions", "JobConditions"),
        *_of("domain.identity.publisher", "PublisherSettings", "Publisher"),
        *_of("services.identity.publishers", "IssuerCheck"),
        *_of("domain.attestations.trust_root", "TrustRoot", "Trusted"),
        *_of("domain.lifecycle.trash", "TrashEntry"),
        *_of("services.lifecycle.trash", "Purged"),
        *_of("domain.lists", "ListRequest", "ListPage"),
        *_of("domain.journal", "JournalEntry", "JournalFilter"),
        *_of("domain.usage", "RepositoryUsage", "DayOfUse", "TopProject", "UploadedFile"),
        *_public("Event"),
        *_of("domain.events.webhook", "WebhookSettings", "Webhook", "Delivery"),
        *_of("services.accounts.setup", "FirstSteps"),
        *_of("services.chores.reports", "ChoreReport"),
        *_of("services.operations.upkeep", "Swept", "Checked", "Problem"),
        *_of("services.operations.backup", "Done", "DumpInfo"),
        *_of("storage.backup.dump", "Header"),
    ],
    "Errors\n\nAll errors derive from `RegistryError`. The other classes are in"
    " `pypi_repo.domain.errors`, `pypi_repo.domain.accounts.errors`,"
    " `pypi_repo.domain.events.errors`, `pypi_repo.domain.identity.errors`,"
    " `pypi_repo.domain.lifecycle.errors` and `pypi_repo.domain.upstreams.errors`; the table below"
    " lists them. [Errors](errors.md) says which HTTP status each code has.": _public(
        "RegistryError",
        "AuthenticationRequired",
        "InvalidCredentials",
        "PermissionDenied",
        "ProjectClosed",
        "Unavailable",
        "UnknownFile",
        "UnknownProject",
        "UnknownRelease",
        "UnknownRepository",
        "UpstreamFailed",
        "UpstreamRefused",
    ),
    "Testing": _of("testing", "LiveRegistry", "FakeSource"),
    "Logging": _of(
        "web.observability.logs", "log_to_stderr", "JsonFormatter", "TextFormatter", "RequestId"
    ),
}

_FIELD = re.compile(r"^([a-z][a-z0-9_]*): ")
_SINCE = re.compile(r"^\.\. versionadded:: (\S+)$")


def page() -> str:
    parts = [_INTRODUCTION]
    for title, entries in SECTIONS.items():
        heading, _break, introduction = title.partition("\n\n")
        parts.append(f"## {heading}\n")
        if introduction:
            parts.append(textwrap.fill(introduction, 100) + "\n")
        for entry in entries:
            parts += _described(entry)
        if heading == "Errors":
            parts.append(_errors())
    return _formatted("\n".join(filter(None, parts)))


def _errors() -> str:
    """The classes that the page does not describe, with the first sentence of each docstring."""
    lines = ["| class | code | meaning |", "| --- | --- | --- |"]
    modules = (
        *(errors, account_errors, event_errors, identity_errors),
        *(lifecycle_errors, upstream_errors),
    )
    for name, kind in {name: kind for each in modules for name, kind in vars(each).items()}.items():
        if name in pypi_repo.__all__ or not isinstance(kind, type):
            continue
        if issubclass(kind, errors.RegistryError):
            meaning = " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())
            lines.append(f"| `{name}` | `{kind.code}` | {meaning} |")
    return "\n".join(lines) + "\n"


def _described(entry: Entry) -> Iterator[str]:
    yield f"### `{entry.title}`\n"
    found = entry.load()
    if entry.place.count(".") > 1:
        yield f"From `{entry.place.rpartition('.')[0]}`.\n"
    node = ast.parse(textwrap.dedent(inspect.getsource(found))).body[0]
    if isinstance(node, ast.FunctionDef):
        yield _code(_signature(node))
        yield prose(ast.get_docstring(node))
    elif isinstance(node, ast.ClassDef):
        yield from _class(node, by_itself=not entry.heading)


def _class(node: ast.ClassDef, *, by_itself: bool) -> Iterator[str]:
    """by_itself: its constructor is shown too; an attribute of a registry has been made.

    A method without a docstring overrides one that has one, and is left out.
    """
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    if by_itself and (shape := _shape(node, methods)):
        yield _code(shape)
    yield prose(ast.get_docstring(node))
    fields = list(_documented_fields(node))
    if fields:
        yield "\n".join(f"- `{name}`: {text}" for name, text in fields) + "\n"
    for method in methods:
        if not method.name.startswith("_") and ast.get_docstring(method):
            yield _code(_signature(method))
            yield prose(ast.get_docstring(method))


def _shape(node: ast.ClassDef, methods: list[ast.FunctionDef]) -> str:
    """How one is made: the fields with their types, or the constructor."""
    fields = [
        f"    {ast.unparse(each)}"
        for each in node.body
        if isinstance(each, ast.AnnAssign | ast.Assign) and "ClassVar" not in ast.unparse(each)
    ]
    if fields:
        bases = ", ".join(map(ast.unparse, node.bases))
        head = [f"@{ast.unparse(each)}" for each in node.decorator_list]
        head.append(f"class {node.name}({bases}):" if bases else f"class {node.name}:")
        return "\n".join([*head, *fields])
    for method in methods:
        if method.name == "__init__":
            return _signature(method, node.name)
    return ""


def _documented_fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Fields that a string of their own follows."""
    for field, after in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign | ast.Assign)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            target = field.target if isinstance(field, ast.AnnAssign) else field.targets[0]
            yield ast.unparse(target), " ".join(str(after.value.value).split())


def _signature(node: ast.FunctionDef, name: str = "") -> str:
    """As a function without a body; `name`: of a class, whose constructor it is."""
    arguments = node.args
    if arguments.args and arguments.args[0].arg == "self":
        arguments.args.pop(0)
    decorators = {ast.unparse(each) for each in node.decorator_list}
    head = "@property\n" if decorators & {"property", "cached_property"} else ""
    for argument in (*arguments.args, *arguments.kwonlyargs):
        argument.annotation = _unquoted(argument.annotation)
    result = None if name else _unquoted(node.returns)
    returns = f" -> {ast.unparse(result)}" if result else ""
    return f"{head}def {name or node.name}({ast.unparse(arguments)}){returns}: ..."


def _unquoted(annotation: ast.expr | None) -> ast.expr | None:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return ast.parse(annotation.value, mode="eval").body
    return annotation


def prose(docstring: str | None) -> str:
    """Its paragraphs, with `name: meaning` as a list, and `versionadded` as a sentence."""
    if docstring is None:
        return ""
    lines: list[str] = []
    within = False
    for line in docstring.splitlines():
        if since := _SINCE.match(line):
            lines.append(f"*Added in version {since[1]}.*")
        elif _FIELD.match(line) and (within or not lines or not lines[-1]):
            within = True
            lines.append(_FIELD.sub(r"- `\1`: ", line))
        elif within and line.startswith("    "):
            lines.append(f"  {line.strip()}")
        else:
            within = within and not line
            lines.append(line)
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"```python\n{text}\n```\n"


_BLOCK = re.compile(r"(?<=```python\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
_BETWEEN = "\n# ----\n"


def _formatted(text: str) -> str:
    """With every block of code as ruff writes it, in one call."""
    blocks = _BLOCK.findall(text)
    program = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "100", "-"]
    done = subprocess.run(
        program, input=_BETWEEN.join(blocks), capture_output=True, text=True, check=True
    )
    formatted = iter(done.stdout.split(_BETWEEN.strip()))
    return _BLOCK.sub(lambda _match: _shortened(next(formatted)), text)


def _shortened(block: str) -> str:
    """Without what only a formatter needs: the body, and the `def` of a constructor."""
    without_body = re.sub(r": \.\.\.$", "", block.strip(), flags=re.MULTILINE)
    return re.sub(r"\Adef (?=[A-Z])", "", without_body) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
