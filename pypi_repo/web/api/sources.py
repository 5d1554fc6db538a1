"""The sources of a repository, and the rules and exceptions for what comes from them."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from pypi_repo.domain.errors import NotFound
from pypi_repo.domain.names import normalize
from pypi_repo.domain.upstreams import rules
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.verdicts import Withheld
from pypi_repo.web.api.documents import Page
from pypi_repo.web.api.operations import ApiResponse, Call, Table, page_of
from pypi_repo.web.api.queries import AuditQuery, PageQuery
from pypi_repo.web.api.source_documents import (
    AskedSource,
    Audit,
    AuditEntry,
    CooldownException,
    ExceptionSettings,
    Explanation,
    KeptName,
    ListedRule,
    Rule,
    RuleSettings,
    SavedRule,
    SavedSources,
    ShadowedName,
    Sources,
    SourcesSettings,
    UncomparedName,
    WithheldFile,
)

table = Table("Sources and rules", "repositories")

_REPOSITORY = "/repositories/{repository}"
_KEPT = f"{_REPOSITORY}/kept-names/{{name}}"
_RULES = f"{_REPOSITORY}/rules"
_RULE = f"{_RULES}/{{rule}}"
_EXCEPTIONS = f"{_REPOSITORY}/exceptions"
_EXCEPTION = f"{_EXCEPTIONS}/{{exception}}"


@table.operation("GET", f"{_REPOSITORY}/sources", {200: Sources})
def get_sources(call: Call, repository: str) -> ApiResponse:
    """The sources of a repository, and which names they may supply."""
    return ApiResponse(_sources(call.acting.sources.of(repository)))


@table.operation(
    "PUT", f"{_REPOSITORY}/sources", {200: SavedSources}, body=SourcesSettings, refusals=(409,)
)
def put_sources(call: Call, repository: str) -> ApiResponse:
    """Give the repository exactly these sources and names."""
    wanted: SourcesSettings = call.body
    before = call.acting.sources.of(repository)
    saved = call.acting.sources.configure(repository, **msgspec.structs.asdict(wanted))
    warnings = call.acting.warnings.of_repository(repository, {"sources", "reserved"})
    return ApiResponse(_sources(saved), warnings=[*saved.gone_since(before), *warnings])


@table.operation("GET", _KEPT, {200: KeptName})
def get_kept_name(call: Call, repository: str, name: str) -> ApiResponse:
    """The name of a deleted project, which no source supplies."""
    if (kept := normalize(name)) not in call.acting.sources.of(repository).kept:
        raise NotFound(f"Repository {repository!r} keeps no name {name[:80]!r}.")
    return ApiResponse(KeptName(name=kept))


@table.operation("DELETE", _KEPT, {204: None}, refusals=(409,))
def delete_kept_name(call: Call, repository: str, name: str) -> ApiResponse:
    """Give up the name of a deleted project, so that sources supply it."""
    get_kept_name(call, repository, name)
    call.acting.sources.give_up_name(repository, name)
    return ApiResponse(status=204)


@table.operation("GET", _RULES, {200: Page[ListedRule]}, query=PageQuery)
def list_rules(call: Call, repository: str) -> ApiResponse:
    """The rules of a repository, in their order."""
    configured = call.acting.sources.of(repository).rules
    found = [rule for rule in configured if not rule.is_exception]
    covered = rules.covered_rules(configured, datetime.now(UTC))

    def listed(rule: rules.Rule) -> ListedRule:
        document = msgspec.structs.asdict(_rule(rule))
        return ListedRule(**document, covered_by=covered.get(rule.id))

    return ApiResponse(page_of(found, call.query, _by_id, listed))


@table.operation("POST", _RULES, {201: SavedRule}, body=RuleSettings)
def add_rule(call: Call, repository: str) -> ApiResponse:
    """Add a rule after the others."""
    added = call.acting.sources.add_rule(repository, **msgspec.structs.asdict(call.body))
    location = f"repositories/{repository}/rules/{added.id}"
    warnings = call.acting.warnings.of_rule(repository, added.id)
    return ApiResponse(_rule(added), 201, location, warnings)


@table.operation("GET", _RULE, {200: Rule})
def get_rule(call: Call, repository: str, rule: int) -> ApiResponse:
    """A rule."""
    return ApiResponse(_rule(call.acting.sources.rule(repository, rule)))


@table.operation("DELETE", _RULE, {204: None})
def delete_rule(call: Call, repository: str, rule: int) -> ApiResponse:
    """Delete a rule, from the next request on."""
    found = call.acting.sources.rule(repository, rule)
    call.acting.sources.delete_rule(repository, found.id)
    return ApiResponse(status=204)


@table.operation("GET", _EXCEPTIONS, {200: Page[CooldownException]}, query=PageQuery)
def list_exceptions(call: Call, repository: str) -> ApiResponse:
    """The exceptions from the cooldown in a repository."""
    found = [rule for rule in call.acting.sources.of(repository).rules if rule.is_exception]
    return ApiResponse(page_of(found, call.query, _by_id, _exception))


@table.operation("POST", _EXCEPTIONS, {201: CooldownException}, body=ExceptionSettings)
def add_exception(call: Call, repository: str) -> ApiResponse:
    """Let files through before they are as old as the cooldown wants."""
    wanted = msgspec.structs.asdict(call.body)
    added = call.acting.sources.add_rule(repository, "exempt", **wanted)
    return ApiResponse(_exception(added), 201, f"repositories/{repository}/exceptions/{added.id}")


@table.operation("GET", _EXCEPTION, {200: CooldownException})
def get_exception(call: Call, repository: str, exception: int) -> ApiResponse:
    """An exception from the cooldown."""
    return ApiResponse(_exception(call.acting.sources.exception(repository, exception)))


@table.operation("DELETE", _EXCEPTION, {204: None})
def delete_exception(call: Call, repository: str, exception: int) -> ApiResponse:
    """Delete an exception, from the next request on."""
    found = call.acting.sources.exception(repository, exception)
    call.acting.sources.delete_rule(repository, found.id)
    return ApiResponse(status=204)


@table.operation("GET", f"{_REPOSITORY}/explain/{{project}}", {200: Explanation})
def explain_project(call: Call, repository: str, project: str) -> ApiResponse:
    """From where a project comes, and which of its files are left out."""
    found = call.acting.sources.explain(repository, project)
    return ApiResponse(
        Explanation(
            repository=found.repository,
            project=found.project,
            supplier=found.supplier,
            why=found.why,
            is_merged=found.is_merged,
            shadowed=found.shadowed,
            asked=tuple(
                msgspec.convert(each, AskedSource, from_attributes=True) for each in found.asked
            ),
            withheld=_withheld(found.withheld),
        )
    )


@table.operation("GET", f"{_REPOSITORY}/shadowed-names", {200: Page[ShadowedName]}, query=PageQuery)
def list_shadowed_names(call: Call, repository: str) -> ApiResponse:
    """The projects that are known to hide one of the same name in a source."""
    found = call.acting.sources.shadowed_names(repository)
    return ApiResponse(
        page_of(
            found,
            call.query,
            lambda each: f"{each.project} {each.source}",
            lambda each: msgspec.convert(each, ShadowedName, from_attributes=True),
        )
    )


@table.operation(
    "GET", f"{_REPOSITORY}/uncompared-names", {200: Page[UncomparedName]}, query=PageQuery
)
def list_uncompared_names(call: Call, repository: str) -> ApiResponse:
    """The projects for which no source was asked, so that it is not known what they hide."""
    found = call.acting.sources.uncompared_names(repository)
    return ApiResponse(page_of(found, call.query, str, lambda name: UncomparedName(project=name)))


@table.operation("GET", f"{_REPOSITORY}/audit", {200: Audit}, query=AuditQuery)
def get_audit(call: Call, repository: str) -> ApiResponse:
    """What was downloaded, and would have been left out by a cooldown."""
    entries = call.acting.sources.audit(repository, call.query.days, call.query.cooldown)
    return ApiResponse(
        Audit(
            entries=tuple(
                AuditEntry(
                    project=entry.project,
                    version=entry.version,
                    source=entry.source,
                    downloads=entry.downloads,
                    last_day=entry.last_day,
                    is_whole=entry.is_whole,
                    withheld=_withheld(entry.withheld),
                )
                for entry in entries
            )
        )
    )


def _withheld(found: Iterable[Withheld]) -> tuple[WithheldFile, ...]:
    return tuple(
        WithheldFile(
            filename=each.file.filename,
            version=each.file.version,
            code=each.code,
            rule_id=each.rule_id,
            since=each.since,
            free_at=each.free_at,
            reason=each.reason,
        )
        for each in found
    )


def _sources(found: RepositorySources) -> Sources:
    return Sources(
        sources=found.references,
        reserved=found.reserved,
        merged=found.merged,
        kept=tuple(sorted(found.kept)),
    )


def _by_id(rule: rules.Rule) -> str:
    return f"{rule.id:020}"


def _rule(found: rules.Rule) -> Rule:
    return msgspec.convert(found, Rule, from_attributes=True)


def _exception(found: rules.Rule) -> CooldownException:
    return msgspec.convert(found, CooldownException, from_attributes=True)
