"""CI jobs without passwords, with the clients that jobs run, against `serve` with TLS.

T10: uv and pdm publish; the action of the public index by its own requests; T6: every client reads
with the token that the provider has given the job; and each says why if it is refused.
"""

import json
from dataclasses import replace
from http.client import HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from typing import Any

import pytest

from pypi_repo import OPERATOR
from pypi_repo.domain.identity.ci_job import CIJob
from pypi_repo.domain.identity.jobs import ci_job_of
from tests.support.ci_issuer import GITHUB, GITLAB, GOOGLE, JENKINS
from tests.support.ci_site import CiSite
from tests.support.clients import Clients, Completed
from tests.support.deployment import placed
from tests.support.distributions import wheel
from tests.support.installers import LOCKING, Installer
from tests.support.journal import journal_of
from tests.support.nginx import NginxServer, installed_nginx
from tests.support.processes import free_port
from tests.support.projects import pyproject_project
from tests.support.sigstore_instance import SigstoreInstance
from tests.support.waiting import wait_until

NOBODY = "invalid-publisher"
ALWAYS = ("--trusted-publishing", "always")


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """A name for the repository of this test."""
    name = request.node.name.removeprefix("test_").replace("_", "-").lower()
    return "".join(each if each.isalnum() else "-" for each in name).strip("-")


@pytest.fixture
def job(ci_site: CiSite, clients: Clients, tmp_path: Path) -> "Job":
    return Job(ci_site, clients, tmp_path / "source")


class Job:
    """A checkout of demo with built files, and the commands of the job."""

    def __init__(self, site: CiSite, clients: Clients, folder: Path) -> None:
        self.site = site
        self.clients = clients
        self.folder = pyproject_project(folder, "demo", backend="hatchling")
        clients.environment |= site.trust
        wheel("demo").save(folder / "dist")

    def uv(self, repository: str, environment: dict[str, str], *options: str) -> Completed:
        url = self.site.addresses().upload(repository)
        return self.clients.uv(
            *("publish", "--publish-url", url, *options),
            check=False,
            env=environment,
            cwd=self.folder,
        )

    def pdm(self, repository: str, environment: dict[str, str]) -> Completed:
        url = self.site.addresses().upload(repository)
        return self.clients.pdm(
            *("publish", "--no-build", "--repository", url),
            check=False,
            env=environment,
            cwd=self.folder,
        )


@pytest.mark.parametrize("options", [ALWAYS, ()], ids=["always", "automatic"])
def test_t10_uv_publishes(job: Job, repository: str, options: tuple[str, ...]) -> None:
    """T4: the file and the journal say which job it was."""
    job.site.create(repository, projects=("demo",))  # T4: there is no such project yet
    done = job.uv(repository, job.site.issuer.github(), *options)

    assert done.returncode == 0, done.text
    (file,) = job.site.files(repository)
    assert file.uploaded_by == repository
    assert file.workload is not None
    assert file.workload.issuer == job.site.issuer.url
    assert file.workload.subject == GITHUB["sub"]
    assert file.workload.repository.endswith("/acme/demo")
    assert "/acme/demo/actions/runs/12345" in file.workload.run_url
    entry = journal_of(job.site.registry, repository)[-1]
    assert entry.actor == repository
    assert GITHUB["sub"] in str(entry.detail)
    assert job.site.shown(repository).refusal is None
    assert "warning" not in done.stderr


def test_t4_uv_ends_its_token(job: Job, repository: str) -> None:
    """As soon as it does not need it any more."""
    job.site.create(repository)
    done = job.uv(repository, job.site.issuer.github(), *ALWAYS)
    token = done.stdout.strip().removeprefix("::add-mask::")
    again = job.uv(repository, {"UV_PUBLISH_TOKEN": token})

    assert done.returncode == 0, done.text
    assert token.startswith("ppj_")
    assert "401" in again.stderr


def test_t10_pdm_publishes(job: Job, repository: str) -> None:
    job.site.create(repository, kind="gitlab", claims={"project_path": "acme/demo"})
    done = job.pdm(repository, job.site.issuer.gitlab())

    assert done.returncode == 0, done.text
    (file,) = job.site.files(repository)
    assert file.workload is not None
    assert file.workload.kind == "gitlab"


def test_t10_uv_publishes_from_gitlab(job: Job, repository: str) -> None:
    job.site.create(repository, kind="gitlab", claims={"project_path": "acme/demo"})
    done = job.uv(repository, job.site.issuer.gitlab(), *ALWAYS)

    assert done.returncode == 0, done.text
    (file,) = job.site.files(repository)
    assert file.workload is not None
    assert file.workload.subject == GITLAB["sub"]


def test_t5_uv_shows_the_sentence(job: Job, repository: str) -> None:
    """T8: and administrators see which condition it was."""
    job.site.create(repository)
    done = job.uv(repository, job.site.issuer.github(environment="staging"), *ALWAYS)

    assert done.returncode != 0
    assert "422" in done.stderr
    assert NOBODY in done.stderr
    assert "environment" not in _response_in(done)
    assert job.site.files(repository) == []
    publisher = job.site.shown(repository)
    assert "environment" in str(publisher.refusal)
    assert "staging" in str(publisher.received)


def _response_in(done: Completed) -> str:
    """What uv shows of the registry's answer, without the claims that it adds."""
    printed = " ".join(done.stderr.split())
    shown = printed.partition("Response: ")[2].partition(" Token claims")[0]
    answer: dict[str, Any] = json.loads(shown)
    assert answer["errors"] == [{"code": NOBODY, "description": answer["detail"]}]
    assert answer["detail"] not in answer["message"]
    return shown


def test_t5_uv_shows_the_sentence_when_it_only_tries(job: Job, repository: str) -> None:
    """It goes on without credentials first."""
    job.site.create(repository)
    done = job.uv(repository, job.site.issuer.github(repository_owner_id="1"))

    assert done.returncode != 0
    assert "repository_owner_id" not in _response_in(done)
    assert job.site.files(repository) == []


def test_t5_pdm_ends_with_an_error(job: Job, repository: str) -> None:
    """It shows nothing of the answer, which the page about trusted publishing says."""
    job.site.create(repository)
    done = job.pdm(repository, job.site.issuer.github(repository_owner_id="1"))

    assert done.returncode != 0
    assert "Failed to get PyPI token via OIDC" in done.text
    assert job.site.files(repository) == []
    assert "repository_owner_id" in str(job.site.shown(repository).refusal)


def test_a_job_that_may_not_ask_for_a_token(job: Job, repository: str) -> None:
    """What the page about trusted publishing says that both clients print."""
    job.site.create(repository)
    not_allowed = {"GITHUB_ACTIONS": "true"}
    with_uv = job.uv(repository, not_allowed, *ALWAYS)
    with_pdm = job.pdm(repository, not_allowed)

    assert "Failed to obtain OIDC token: is the `id-token: write` permission" in with_uv.stderr
    assert "missing or insufficient OIDC token permissions" in with_pdm.text
    assert job.site.files(repository) == []


@pytest.mark.parametrize("client", ["uv", "pdm"])
def test_t4_other_projects_are_refused(job: Job, repository: str, client: str) -> None:
    job.site.create(repository, projects=("other-*",))
    environment = job.site.issuer.github()
    if client == "uv":
        done = job.uv(repository, environment, *ALWAYS)
    else:
        done = job.pdm(repository, environment)

    assert done.returncode != 0
    assert "403" in done.text
    assert f"'{repository}' may not upload" in done.text
    assert job.site.files(repository) == []


def test_t4_reading_jobs_may_not_upload(job: Job, repository: str) -> None:
    job.site.create(repository, may="read")
    done = job.uv(repository, job.site.issuer.github(), *ALWAYS)

    assert done.returncode != 0
    assert f"'{repository}' may not upload" in done.text
    assert job.site.files(repository) == []


class Action:
    """The requests of the action that uploads to the public index, one after another."""

    def __init__(self, site: CiSite) -> None:
        self._site = site

    def audience(self) -> str:
        status, answer = self.ask("GET", "/_/oidc/audience")
        assert status == 200, answer
        return str(answer["audience"])

    def exchange(self, token: str) -> tuple[int, Any]:
        """What the registry answers, with the status."""
        return self.ask("POST", "/_/oidc/github/mint-token", json.dumps({"token": token}))

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
        trust = create_default_context(cafile=str(self._site.certificate))
        connection = HTTPSConnection(self._site.place, timeout=60, context=trust)
        try:
            headers = {"Content-Type": "application/json", "Accept": "*/*"}
            connection.request(method, path, body, headers if body else {"Accept": "*/*"})
            response = connection.getresponse()
            return response.status, json.load(response)
        finally:
            connection.close()


def test_t10_the_public_indexs_action(job: Job, repository: str) -> None:
    """T2: it exchanges the token, and lets twine upload with what it gets."""
    job.site.create(repository)
    action = Action(job.site)
    token = job.site.issuer.token(GITHUB, action.audience())
    status, answer = action.exchange(token)
    again, refusal = action.exchange(token)
    file = job.folder / "dist" / wheel("demo").filename
    job.clients.publish_with_twine(*job.site.addresses(answer["token"]).target(repository), file)

    assert status == 200
    assert answer["success"] is True
    assert [each.filename for each in job.site.files(repository)] == [file.name]
    assert again == 422
    assert [each["code"] for each in refusal["errors"]] == ["invalid-reuse-token"]


@pytest.mark.parametrize(
    ("claims", "audience", "code"),
    [
        ({"environment": "staging"}, "pypi-repo", "invalid-publisher"),
        ({}, "pypi", "invalid-token"),
        ({"exp": 1}, "pypi-repo", "invalid-token"),
        ({"iss": "https://token.actions.githubusercontent.com"}, "pypi-repo", "invalid-token"),
    ],
    ids=["other-environment", "other-audience", "expired", "other-issuer"],
)
def test_t5_the_public_indexs_action_shows_errors(
    job: Job, repository: str, claims: dict[str, Any], audience: str, code: str
) -> None:
    """It prints the code and the description of each error."""
    job.site.create(repository)
    token = job.site.issuer.token({**GITHUB, **claims}, audience)
    status, answer = Action(job.site).exchange(token)

    assert status == 422
    assert [each["code"] for each in answer["errors"]] == [code]
    assert answer["errors"][0]["description"].endswith(".")
    assert answer["message"]


class Reader:
    """A repository with demo in it, and a publisher whose jobs may read it."""

    def __init__(self, site: CiSite, repository: str, folder: Path, **settings: Any) -> None:
        self.site = site
        self.repository = repository
        given = {"kind": "gitlab", "claims": {"namespace_path": "acme"}, "may": "read"}
        site.create(repository, **{**given, **settings})
        site.registry.acting_as(OPERATOR).add_file(repository, wheel("demo").save(folder))


@pytest.mark.parametrize("name", LOCKING)
def test_t6_installers_read_with_the_token_of_the_provider(
    name: str, ci_site: CiSite, clients: Clients, repository: str, tmp_path: Path
) -> None:
    Reader(ci_site, repository, tmp_path)
    clients.environment |= ci_site.trust
    address = ci_site.addresses(ci_site.issuer.token(GITLAB))
    installer = Installer(name, clients, tmp_path / "consumer", address, repository)
    installer.install("demo")

    assert installer.installed == {"demo": "1.0"}
    assert ci_site.shown(repository).last_used_at is not None


def test_t6_a_netrc_file(
    ci_site: CiSite, clients: Clients, repository: str, tmp_path: Path
) -> None:
    """As the secret of a Docker build has it; tests/docs does that with pip."""
    Reader(ci_site, repository, tmp_path)
    token = ci_site.issuer.token(GITLAB)
    netrc = clients.home / ".netrc"
    netrc.write_text(f"machine 127.0.0.1\nlogin __token__\npassword {token}\n")
    netrc.chmod(0o600)
    python = clients.venv(tmp_path / "venv")
    index = ci_site.addresses().anonymous_index(repository)
    page = clients.run("curl", "-sSf", "--netrc", f"{index}demo/", env=ci_site.trust)
    install = ("pip", "install", "--python", python, "--index-url", index)
    clients.uv(*install, "demo", env=ci_site.trust)

    assert wheel("demo").filename in page.stdout


@pytest.mark.parametrize(
    ("client", "kind", "claims", "condition"),
    [
        ("uv", "oidc", GOOGLE, {"sub": GOOGLE["sub"]}),
        ("uv", "oidc", JENKINS, {"sub": JENKINS["sub"]}),
        ("twine", "gitlab", GITLAB, {"project_path": "acme/demo"}),
    ],
    ids=["google", "jenkins", "gitlab"],
)
def test_t6_publish_with_the_token_of_the_provider(
    job: Job,
    repository: str,
    client: str,
    kind: str,
    claims: dict[str, Any],
    condition: dict[str, str],
) -> None:
    """Also those that have no `jti`; several files with one token."""
    job.site.create(repository, kind=kind, claims=condition)
    wheel("demo", "2.0").save(job.folder / "dist")
    token = job.site.issuer.token(claims)
    if client == "uv":
        done = job.uv(repository, {"UV_PUBLISH_TOKEN": token})
    else:
        files = sorted((job.folder / "dist").glob("*.whl"))
        target = job.site.addresses(token).target(repository)
        done = job.clients.publish_with_twine(*target, *files)

    assert done.returncode == 0, done.text
    files_of = job.site.files(repository)
    assert len(files_of) == 2
    assert {file.workload.subject for file in files_of if file.workload} == {claims["sub"]}


def test_t6_a_token_that_may_not_read(
    ci_site: CiSite, clients: Clients, repository: str, tmp_path: Path
) -> None:
    Reader(ci_site, repository, tmp_path, claims={"namespace_path": "others"})
    clients.environment |= ci_site.trust
    address = ci_site.addresses(ci_site.issuer.token(GITLAB))
    installer = Installer("uv pip", clients, tmp_path / "consumer", address, repository)
    done = installer.install("demo", check=False)

    assert done.returncode != 0
    assert "401" in done.stderr
    assert installer.installed == {}


def test_t7_passwords_are_refused_where_trusted_publishing_is_demanded(
    job: Job, repository: str
) -> None:
    job.site.create(repository)
    operator = job.site.registry.acting_as(OPERATOR)
    operator.repositories.change(repository, trusted_publishing_only=("demo",))
    people = {"UV_PUBLISH_USERNAME": "dev@example.com", "UV_PUBLISH_PASSWORD": "correct horse"}
    refused = job.uv(repository, people)
    done = job.uv(repository, job.site.issuer.github(), *ALWAYS)

    assert refused.returncode != 0
    assert "from a CI job that has a publisher" in " ".join(refused.text.split())
    assert done.returncode == 0, done.text


def test_t9_uv_sends_attestations(job: Job, repository: str) -> None:
    """Signed by a Sigstore of the tests, and demanded: those of another job are told apart."""
    job.site.create(repository)
    operator, instance = job.site.registry.acting_as(OPERATOR), SigstoreInstance()
    operator.trust_roots.replace(json.dumps(instance.trusted_root()))
    operator.repositories.change(repository, attestations_required=("demo",))
    dist = wheel("demo")
    beside = job.folder / "dist" / f"{dist.filename}.publish.attestation"

    def publish(signer: CIJob) -> Completed:
        beside.write_text(json.dumps(instance.attestation(dist, signer)))
        return job.uv(repository, job.site.issuer.github(), *ALWAYS)

    us = ci_job_of("github", {"iss": job.site.issuer.url, **GITHUB})
    other = replace(us, repository=f"{job.site.issuer.url}/acme/other")
    refused = publish(other)
    assert refused.returncode != 0
    assert "is not verified" in refused.stderr
    assert "its repository is" in refused.stderr
    assert job.site.files(repository) == []

    done = publish(us)
    assert done.returncode == 0, done.text
    (file,) = job.site.files(repository)
    assert file.attested is not None
    assert (file.attested.repository, file.attested.workflow) == (us.repository, us.workflow)


@pytest.mark.skipif(installed_nginx() is None, reason="nginx is not installed")
def test_t1_below_a_path_behind_nginx(job: Job, repository: str, tmp_path: Path) -> None:
    """The lines of examples/deploy: uv asks at the root of the host, and uploads below /pypi/."""
    port = free_port()
    lines = placed("nginx-below-prefix.conf", {"http://pypi_repo": "https://pypi_repo"})
    key = job.site.certificate.with_name("packages.key")
    sites = f"""
    upstream pypi_repo {{ server 127.0.0.1:{job.site.server.port}; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {job.site.certificate};
        ssl_certificate_key {key};
        {lines}
    }}
    """
    job.site.create(repository)
    with NginxServer(tmp_path, port, sites):
        url = f"https://127.0.0.1:{port}/pypi"
        job.site = CiSite(
            job.site.server, job.site.issuer, job.site.certificate, job.site.registry, url
        )
        with_uv = job.uv(repository, job.site.issuer.github(), *ALWAYS)
        wheel("demo", "2.0").save(job.folder / "dist")
        with_pdm = job.pdm(repository, job.site.issuer.github())
        upload = f"/pypi/repositories/{repository}/"
        status, found = Action(job.site).ask("GET", f"/.well-known/pytp?discover={upload}")

    assert status == 200
    assert found["token-mint-endpoint"] == f"https://127.0.0.1:{port}/_/oidc/mint-token"
    assert with_uv.returncode == 0, with_uv.text
    assert with_pdm.returncode == 0, with_pdm.text
    assert len(job.site.files(repository)) == 2


def test_secrets_are_in_no_log(job: Job, repository: str) -> None:
    job.site.create(repository)
    token = job.site.issuer.token(GITHUB)
    _status, answer = Action(job.site).exchange(token)
    done = job.uv(repository, {"UV_PUBLISH_TOKEN": answer["token"]})

    assert done.returncode == 0, done.text
    wait_until(lambda: f"POST /repositories/{repository}/ 200" in job.site.server.output)
    assert token not in job.site.server.output
    assert answer["token"] not in job.site.server.output
