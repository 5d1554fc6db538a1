"""Which claims the tokens of CI providers have, as far as it is known."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from pypi_repo.domain.identity.ci_job import PublisherKind
from pypi_repo.domain.identity.publisher_forms import PROVIDERS

_OF_ALL = "iss sub aud exp nbf iat jti"
_NAMES: Mapping[PublisherKind, str] = {
    "github": """
        actor actor_id base_ref check_run_id enterprise enterprise_id environment
        environment_node_id event_name head_ref job_workflow_ref job_workflow_sha ref
        ref_protected ref_type repository repository_id repository_owner repository_owner_id
        repository_visibility run_attempt run_id run_number runner_environment sha workflow
        workflow_ref workflow_sha
    """,
    "gitlab": """
        ci_config_ref_uri ci_config_sha deployment_action deployment_tier environment
        environment_action environment_protected groups_direct job_id job_namespace_id
        job_namespace_path job_project_id job_project_path namespace_id namespace_path
        pipeline_id pipeline_source project_id project_path project_visibility ref ref_path
        ref_protected ref_type runner_environment runner_id sha user_access_level user_email
        user_id user_identities user_login
    """,
    "google": "azp email email_verified google hd",
    "buildkite": """
        agent_id agent_tag build_branch build_commit build_number build_source build_tag
        cluster_id cluster_name job_id organization_id organization_slug pipeline_id pipeline_slug
        queue_id queue_key runner_environment step_key
    """,
    "circleci": """
        oidc.circleci.com/context-ids oidc.circleci.com/job-id oidc.circleci.com/org-id
        oidc.circleci.com/pipeline-definition-id oidc.circleci.com/pipeline-id
        oidc.circleci.com/project-id oidc.circleci.com/ssh-rerun oidc.circleci.com/vcs-origin
        oidc.circleci.com/vcs-ref oidc.circleci.com/workflow-id
    """,
}


def warnings_of_claims(kind: PublisherKind, claims: Iterable[str]) -> list[str]:
    """Returns which claims are probably mistyped, as sentences: no job has them.

    They are not refused, as a provider adds claims, and its own servers may have others.

    kind: the provider of the CI jobs.
    claims: the names of claims.
    """
    if kind not in _NAMES:
        return []
    known = frozenset(f"{_OF_ALL} {_NAMES[kind]}".split())
    return [
        f"No claim {name!r} of {PROVIDERS[kind]} is known, and a job without it is refused; "
        f"{_advice(name, known)}"
        for name in claims
        if name.partition(":")[0] not in known  # as in agent_tag:queue
    ]


def _advice(name: str, known: Iterable[str]) -> str:
    similar = get_close_matches(name, sorted(known), n=1)
    return f"did you mean {similar[0]}?" if similar else "check its name."
