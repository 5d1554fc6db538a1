"""The forms in which people describe CI jobs, and the claims that they ask for (T3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.identity.ci_job import PUBLISHER_KINDS, PublisherKind
from pypi_repo.domain.identity.publisher import PublisherSettings
from pypi_repo.domain.identity.publisher_forms import (
    FORMS,
    FilledForm,
    conditions_of,
    form_of,
    with_received,
)

GITHUB = "https://token.actions.githubusercontent.com"
FILLED: dict[PublisherKind, tuple[str, dict[str, str], dict[str, str]]] = {
    "github": (
        GITHUB,
        {
            "owner": "acme",
            "owner_id": "4711",
            "source": "tool",
            "workflow": "release.yml",
            "environment": "pypi",
        },
        {
            "repository_owner": "acme",
            "repository_owner_id": "4711",
            "repository": "acme/tool",
            "job_workflow_ref": "acme/tool/.github/workflows/release.yml@refs/*",
            "environment": "pypi",
        },
    ),
    "gitlab": (
        "https://gitlab.example.com:8443",
        {
            "namespace": "acme/backend",
            "source": "tool",
            "ref": "v*",
            "environment": "pypi",
            "config": ".gitlab-ci.yml",
        },
        {
            "namespace_path": "acme/backend",
            "project_path": "acme/backend/tool",
            "ref": "v*",
            "environment": "pypi",
            "ci_config_ref_uri": "gitlab.example.com:8443/acme/backend/tool//.gitlab-ci.yml@refs/*",
        },
    ),
    "google": (
        "https://accounts.google.com",
        {"email": "builder@acme.iam.gserviceaccount.com", "subject": "1234"},
        {"email": "builder@acme.iam.gserviceaccount.com", "sub": "1234"},
    ),
    "buildkite": (
        "https://agent.buildkite.com",
        {"organization": "acme", "pipeline": "tool"},
        {"organization_slug": "acme", "pipeline_slug": "tool"},
    ),
    "circleci": (
        "https://oidc.circleci.com/org/1-2",
        {"organization": "1-2", "project": "3-4"},
        {"oidc.circleci.com/org-id": "1-2", "oidc.circleci.com/project-id": "3-4"},
    ),
    "oidc": ("https://jenkins.example.com/oidc", {}, {}),
}


@pytest.mark.parametrize("kind", PUBLISHER_KINDS)
def test_t3_a_form_of_each_provider_asks_for_its_claims(kind: PublisherKind) -> None:
    issuer, values, conditions = FILLED[kind]
    assert values.keys() == {field.name for field in FORMS[kind]}
    more = {"runner_environment": "self-hosted"}
    form = FilledForm(values, more)
    assert conditions_of(kind, issuer, form) == {**conditions, **more}
    assert form_of(kind, issuer, {**conditions, **more}) == form


@pytest.mark.parametrize("kind", [kind for kind in PUBLISHER_KINDS if kind != "oidc"])
def test_t3_the_fields_of_a_form_are_enough_for_a_publisher(kind: PublisherKind) -> None:
    """What is required keeps strangers out, but at Google, where either field does."""
    issuer, values, _conditions = FILLED[kind]
    required = {field.name: values[field.name] for field in FORMS[kind] if field.required}
    form = FilledForm(required or values, {})
    PublisherSettings(
        kind=kind, issuer=issuer, repository="main", claims=conditions_of(kind, issuer, form)
    ).in_form()


def test_a_field_that_is_left_empty_stands_for_all() -> None:
    values = {"owner": "acme", "owner_id": "4711", "workflow": "release.yml"}
    conditions = conditions_of("github", GITHUB, FilledForm(values, {}))
    assert conditions["job_workflow_ref"] == "acme/*/.github/workflows/release.yml@refs/*"
    assert form_of("github", GITHUB, conditions).values == values


def test_conditions_that_no_field_asks_for_stay_conditions() -> None:
    conditions = {
        "repository_owner": "acme",
        "repository": "other/tool",
        "job_workflow_ref": "acme/tool/.github/workflows/release.yml@refs/heads/main",
        "sub": "repo:acme/tool:*",
    }
    form = form_of("github", GITHUB, conditions)
    assert form.values == {"owner": "acme"}
    assert form.more.keys() == {"repository", "job_workflow_ref", "sub"}


def test_a_condition_that_is_given_twice_is_refused() -> None:
    form = FilledForm({"owner": "acme"}, {"repository_owner": "other"})
    with pytest.raises(InvalidSetting, match="field of its own"):
        conditions_of("github", GITHUB, form)


def test_braces_and_what_is_no_url_do_no_harm() -> None:
    values = {"namespace": "{x}", "source": "{0}", "config": "{host}"}
    conditions = conditions_of("gitlab", "https://[", FilledForm(values, {}))
    assert conditions["ci_config_ref_uri"] == "/{x}/{0}//{host}@refs/*"


_NAMES = [field.claim for fields in FORMS.values() for field in fields]
_TEXTS = st.text("acme/*@{}.github/workflows//:", max_size=60)


def test_a_file_that_is_not_at_a_ref_is_taken_as_it_is() -> None:
    conditions = {"job_workflow_ref": "acme/*/.github/workflows/release.yml@refs/*"}
    received = {"job_workflow_ref": f"acme/x/.github/workflows/publish.yml@{'0' * 40}"}
    taken = with_received("github", GITHUB, conditions, received, "job_workflow_ref")
    assert taken == received


@given(
    kind=st.sampled_from(PUBLISHER_KINDS),
    conditions=st.dictionaries(st.sampled_from([*_NAMES, "x"]), _TEXTS.filter(bool)),
)
def test_a_form_that_is_saved_as_it_is_shown_changes_nothing(
    kind: PublisherKind, conditions: dict[str, str]
) -> None:
    issuer = "https://gitlab.example.com"
    form = form_of(kind, issuer, conditions)
    assert all(form.values.values())
    saved = conditions_of(kind, issuer, form)
    added = {claim: saved.pop(claim) for claim in saved.keys() - conditions.keys()}
    assert saved == conditions
    for owner in added.values():  # said twice, as the name of the repository has it
        assert any(value.startswith(f"{owner}/") for value in conditions.values())


@pytest.mark.parametrize(
    ("kind", "conditions", "values", "owner"),
    [
        (
            "github",
            {
                "repository": "acme/demo",
                "repository_owner_id": "90000001",
                "job_workflow_ref": "acme/demo/.github/workflows/release.yml@refs/*",
                "environment": "release",
            },
            {
                "owner": "acme",
                "owner_id": "90000001",
                "source": "demo",
                "workflow": "release.yml",
                "environment": "release",
            },
            {"repository_owner": "acme"},
        ),
        (
            "gitlab",
            {"project_path": "acme/backend/demo", "ref_protected": "true"},
            {"namespace": "acme/backend", "source": "demo"},
            {"namespace_path": "acme/backend"},
        ),
    ],
)
def test_t3_the_owner_is_taken_from_the_name_of_the_repository(
    kind: PublisherKind,
    conditions: dict[str, str],
    values: dict[str, str],
    owner: dict[str, str],
) -> None:
    """The pages make publishers on the command line whose conditions name no owner alone."""
    form = form_of(kind, FILLED[kind][0], conditions)
    assert form.values == values
    assert form.more.keys() <= {"ref_protected"}
    assert conditions_of(kind, FILLED[kind][0], form) == {**conditions, **owner}


def test_t8_another_owner_comes_with_the_name_of_the_repository() -> None:
    conditions = {"repository": "acme/demo", "repository_owner_id": "90000001"}
    received = {"repository": "other/demo", "repository_owner_id": "90000001"}
    taken = with_received("github", GITHUB, conditions, received, "repository")
    assert taken == {**conditions, "repository": "other/demo", "repository_owner": "other"}


@pytest.mark.parametrize(
    "pasted",
    [
        {"source": "acme/tool"},
        {"workflow": ".github/workflows/release.yml"},
        {"workflow": "acme/tool/.github/workflows/release.yml"},
    ],
)
def test_t3_a_path_that_is_pasted_is_taken_apart(pasted: dict[str, str]) -> None:
    issuer, values, conditions = FILLED["github"]
    assert conditions_of("github", issuer, FilledForm({**values, **pasted}, {})) == conditions


@pytest.mark.parametrize(
    ("pasted", "sentence"),
    [
        ({"source": "other/tool"}, "Repository is a name without slashes"),
        ({"owner": "https://github.com/acme"}, "Owner is a name without slashes"),
        ({"workflow": "ci/release.yml"}, "Workflow file is a name without slashes"),
        ({"workflow": "release.yml@refs/heads/main"}, "leave out the @"),
    ],
)
def test_t3_a_field_that_no_job_could_meet_is_refused(
    pasted: dict[str, str], sentence: str
) -> None:
    issuer, values, _conditions = FILLED["github"]
    with pytest.raises(InvalidSetting, match=sentence):
        conditions_of("github", issuer, FilledForm({**values, **pasted}, {}))


def test_t3_a_condition_that_says_the_same_as_a_field_is_no_second_one() -> None:
    issuer, values, conditions = FILLED["github"]
    more = {"repository": "acme/tool"}
    assert conditions_of("github", issuer, FilledForm(values, more)) == conditions


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        (
            "repository",
            {
                "repository": "acme/tool2",
                "job_workflow_ref": "acme/tool2/.github/workflows/release.yml@refs/*",
            },
        ),
        ("job_workflow_ref", {"job_workflow_ref": "acme/tool/.github/workflows/ci.yml@refs/*"}),
        ("environment", {"environment": "production"}),
        ("repository_owner_id", {"repository_owner_id": "4712"}),
        ("runner_environment", {"runner_environment": "github-hosted"}),
    ],
)
def test_t8_what_was_received_takes_the_place_of_what_was_wanted(
    claim: str, changed: dict[str, str]
) -> None:
    """Whoever corrects the name of the repository means the workflow file in it, too."""
    conditions = {**FILLED["github"][2], "runner_environment": "self-hosted"}
    received = {
        "repository_owner": "acme",
        "repository_owner_id": "4712",
        "repository": "acme/tool2",
        "job_workflow_ref": "acme/tool2/.github/workflows/ci.yml@refs/tags/v1@2",
        "environment": "production",
        "runner_environment": "github-hosted",
    }
    taken = with_received("github", GITHUB, conditions, received, claim)
    assert taken == {**conditions, **changed}


def test_t8_what_does_not_fit_a_field_is_taken_as_it_came() -> None:
    conditions = {"repository_owner": "acme", "repository": "acme/tool"}
    taken = with_received("github", GITHUB, conditions, {"repository": "other/x"}, "repository")
    assert taken == {"repository_owner": "acme", "repository": "other/x"}
