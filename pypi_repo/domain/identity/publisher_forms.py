"""What people are asked about CI jobs, for each provider, and the claims in which it says that."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.identity.ci_job import PublisherKind

PROVIDERS: Mapping[PublisherKind, str] = {
    "github": "GitHub Actions",
    "gitlab": "GitLab CI",
    "google": "Google Cloud",
    "buildkite": "Buildkite",
    "circleci": "CircleCI",
    "oidc": "another provider",
}
"""What people call the providers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """A field of a form, whose value is a part of the value of one claim.

    name: its name in the form.
    title: what people call it.
    claim: the claim of the provider's tokens that has its value.
    hint: a sentence that helps to fill it in.
    required: whether it keeps strangers out, so that it is needed if no other condition does.
    one_name: whether its value is the name of one thing, and so no path.
    before, after: what the claim has around the value of the field. `{name}` is the value of an
        earlier field, or `*` if that is empty, and `{host}` is the host of the issuer.
    """

    name: str
    title: str
    claim: str
    hint: str
    required: bool = False
    one_name: bool = False
    before: str = ""
    after: str = ""


FORMS: Mapping[PublisherKind, tuple[FormField, ...]] = {
    "github": (
        FormField(
            name="owner",
            title="Owner",
            claim="repository_owner",
            one_name=True,
            hint="The user or organization, like acme.",
            required=True,
        ),
        FormField(
            name="owner_id",
            title="Id of the owner",
            claim="repository_owner_id",
            hint="A number, so that nobody else gets in who takes over the name some day. "
            "https://api.github.com/users/OWNER says it; or write 1, and take it from the first "
            "job.",
            required=True,
        ),
        FormField(
            name="source",
            title="Repository",
            claim="repository",
            one_name=True,
            hint="Without the owner, like tool. Leave it empty for all of the owner's.",
            before="{owner}/",
        ),
        FormField(
            name="workflow",
            title="Workflow file",
            claim="job_workflow_ref",
            one_name=True,
            hint="Its name in .github/workflows, like release.yml. Leave it empty for all.",
            before="{owner}/{source}/.github/workflows/",
            after="@refs/*",
        ),
        FormField(
            name="environment",
            title="Environment",
            claim="environment",
            hint="It can ask somebody to approve each job. Leave it empty if the job has none.",
        ),
    ),
    "gitlab": (
        FormField(
            name="namespace",
            title="Namespace",
            claim="namespace_path",
            hint="The group with its subgroups, or the user, like acme/backend.",
            required=True,
        ),
        FormField(
            name="source",
            title="Project",
            claim="project_path",
            one_name=True,
            hint="Without the namespace, like tool. Leave it empty for all in the namespace.",
            before="{namespace}/",
        ),
        FormField(
            name="ref",
            title="Branch or tag",
            claim="ref",
            hint="Like main, or v* for all that begin so. With ref_protected = true below, not "
            "everybody gets in who may push.",
        ),
        FormField(
            name="environment",
            title="Environment",
            claim="environment",
            hint="Leave it empty if the job has none.",
        ),
        FormField(
            name="config",
            title="CI configuration file",
            claim="ci_config_ref_uri",
            hint="Like .gitlab-ci.yml. Leave it empty for all.",
            before="{host}/{namespace}/{source}//",
            after="@refs/*",
        ),
    ),
    "google": (
        FormField(
            name="email",
            title="E-mail address of the service account",
            claim="email",
            hint="Like builder@acme.iam.gserviceaccount.com. Not every token has it.",
        ),
        FormField(
            name="subject",
            title="Subject",
            claim="sub",
            hint="The number (uniqueId) of the service account, which every token has.",
        ),
    ),
    "buildkite": (
        FormField(
            name="organization",
            title="Organization",
            claim="organization_slug",
            one_name=True,
            hint="Its name in URLs, like acme.",
            required=True,
        ),
        FormField(
            name="pipeline",
            title="Pipeline",
            claim="pipeline_slug",
            one_name=True,
            hint="Its name in URLs, like tool-release. Leave it empty for all.",
        ),
    ),
    "circleci": (
        FormField(
            name="organization",
            title="Id of the organization",
            claim="oidc.circleci.com/org-id",
            hint="Its settings show it: letters and digits with four hyphens.",
            required=True,
        ),
        FormField(
            name="project",
            title="Id of the project",
            claim="oidc.circleci.com/project-id",
            hint="The settings of the project show it. Leave it empty for all.",
        ),
    ),
    "oidc": (),
}
"""The fields of each provider; any other issuer has conditions only."""


@dataclass(frozen=True, slots=True)
class FilledForm:
    """A form with its values.

    values: those of its fields, by their names; one that is not filled in is left out.
    more: conditions for other claims.
    """

    values: Mapping[str, str]
    more: Mapping[str, str]


def conditions_of(kind: PublisherKind, issuer: str, form: FilledForm) -> dict[str, str]:
    """Returns the conditions for claims that a form asks for.

    What people paste is understood: a path that begins as the claim does anyway.

    Raises InvalidSetting if a condition is given twice, or if no job could meet one.
    """
    conditions, known = {}, _known(issuer)
    for field in FORMS[kind]:
        value = _bare(field, form.values.get(field.name, ""), known)
        if value:
            _check(field, value)
            before, after = _around(field, known)
            conditions[field.claim] = f"{before}{value}{after}"
            known[field.name] = value
            if form.more.get(field.claim, conditions[field.claim]) != conditions[field.claim]:
                raise InvalidSetting(
                    f"The claim {field.claim} has a field of its own; leave it out of the other "
                    "conditions, or leave the field empty."
                )
    return {**conditions, **form.more}


def form_of(kind: PublisherKind, issuer: str, conditions: Mapping[str, str]) -> FilledForm:
    """Returns the form that asks for these conditions.

    The name of an owner is taken from that of the repository if no condition is about it alone.
    """
    values, more, known = {}, dict(conditions), _known(issuer)
    implied = _implied(kind, conditions)
    for field in FORMS[kind]:
        wanted = {**implied, **conditions}.get(field.claim, "")
        inner = _inner(field, wanted, known)
        if inner:
            values[field.name] = known[field.name] = inner
            more.pop(field.claim, None)
    return FilledForm(values, more)


def with_received(
    kind: PublisherKind,
    issuer: str,
    conditions: Mapping[str, str],
    received: Mapping[str, str],
    claim: str,
) -> dict[str, str]:
    """Returns the conditions, of which that for one claim asks for what was received.

    What a form asks about other claims with it, such as the name of the repository, goes along.

    received: the claims, of which each has one value.
    """
    form = form_of(kind, issuer, conditions)
    field = field_of(kind, claim)
    if field is not None and field.name in form.values:
        reached = form_of(kind, issuer, {**conditions, **_as_conditions(kind, received)})
        if field.name in reached.values:
            along = [each.name for each in FORMS[kind] if each.claim in _implied(kind, conditions)]
            values = dict(form.values)
            values |= {each: reached.values[each] for each in (*along, field.name)}
            return conditions_of(kind, issuer, FilledForm(values, form.more))
    return {**conditions, claim: received[claim]}


def field_of(kind: PublisherKind, claim: str) -> FormField | None:
    """Returns the field that asks about a claim; None if none does."""
    return next((field for field in FORMS[kind] if field.claim == claim), None)


def _as_conditions(kind: PublisherKind, received: Mapping[str, str]) -> dict[str, str]:
    """What the fields would have to be for these claims: without the ref behind a file's name."""
    written = {}
    for field in FORMS[kind]:
        value = received.get(field.claim)
        if value is not None:
            end = field.after.removesuffix("*")
            file, found, _ref = value.partition(end) if end else (value, "", "")
            written[field.claim] = f"{file}{field.after}" if found else value
    return written


def _known(issuer: str) -> dict[str, str]:
    try:
        return {"host": urlsplit(issuer).netloc}
    except ValueError:  # no URL, which is said elsewhere
        return {"host": ""}


def _around(field: FormField, known: Mapping[str, str]) -> tuple[str, str]:
    return field.before.format_map(defaultdict(lambda: "*", known)), field.after


def _implied(kind: PublisherKind, conditions: Mapping[str, str]) -> dict[str, str]:
    """What jobs say about an owner that have the repository of a condition."""
    found = {}
    for field in FORMS[kind]:
        owner = next((each for each in FORMS[kind] if field.before == f"{{{each.name}}}/"), None)
        name, slash, _rest = conditions.get(field.claim, "").rpartition("/")
        if owner is not None and owner.claim not in conditions and slash and "*" not in name:
            found[owner.claim] = name
    return found


def _bare(field: FormField, value: str, known: Mapping[str, str]) -> str:
    """The value of a field without what its claim has before it anyway."""
    before, _after = _around(field, known)
    *_names, folder = field.before.rpartition("}/")
    return value.removeprefix(before).removeprefix(folder)


def _check(field: FormField, value: str) -> None:
    if field.after and "@refs/" in value:
        raise InvalidSetting(
            f"{field.title} is a file without the ref behind it; leave out the @ and what follows, "
            "and write a condition for the claim ref."
        )
    if field.one_name and "/" in value:
        raise InvalidSetting(f"{field.title} is a name without slashes; correct {value[:200]!r}.")


def _inner(field: FormField, value: str, known: Mapping[str, str]) -> str:
    """The value of a field that asks for this value of its claim; empty if none does."""
    before, after = _around(field, known)
    if len(value) > len(before) + len(after) and value.startswith(before) and value.endswith(after):
        inner = value[len(before) : len(value) - len(after)]
        is_path = field.one_name and "/" in inner
        if not is_path and "@refs/" not in inner and _bare(field, inner, known) == inner:
            return inner
    return ""
