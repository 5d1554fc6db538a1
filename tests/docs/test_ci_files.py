"""The files that pages have for CI providers are valid, and do what they say.

What a provider would do is done here: it reads the file, sets the variables that its documentation
promises, and runs the commands of the job in a shell, one after another.
"""

import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pypi_repo import OPERATOR
from tests.support.ci_issuer import AUDIENCE, GITHUB, GITLAB, GOOGLE, JENKINS, CiIssuer
from tests.support.ci_site import CiSite
from tests.support.clients import Clients, Completed
from tests.support.distributions import wheel
from tests.support.example_docs import ROOT
from tests.support.markdown import blocks
from tests.support.projects import pyproject_project
from tests.support.repacked import repack_with_requirements

HOST = "packages.example.com"
URL = f"https://{HOST}/repositories/main/"
_CONSUMER = """\
[project]
name = "app"
version = "1.0"
requires-python = ">=3.9"
dependencies = ["demo"]

[[tool.uv.index]]
name = "main"
url = "https://packages.example.com/repositories/main/simple/"
default = true
"""


def shown(page: str, language: str) -> list[str]:
    """The files of a page."""
    path = ROOT / "docs/how-to" / f"{page}.md"
    return [block.text for block in blocks(path) if block.language == language]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What comes from the public index to who builds packages."""
    folder = tmp_path_factory.mktemp("packages")
    repack_with_requirements("hatchling", folder)
    return folder


class Runner:
    """Runs commands of jobs, in a checkout of demo or of an application that needs it.

    What is `main` on the pages is a new repository here.
    """

    def __init__(self, site: CiSite, clients: Clients, packages: Path, folder: Path) -> None:
        self.site = site
        self.repository = f"main-{secrets.token_hex(8)}"
        site.registry.acting_as(OPERATOR).repositories.create(self.repository)
        self.folder = folder
        self.tools = folder.with_name("tools")
        for each in (folder, self.tools):
            each.mkdir()
        self._clients = clients
        self._packages = packages
        scripts = Path(sys.executable).parent
        (self.tools / "uv").symlink_to(scripts / "uv")
        for name in ("pip", "twine"):
            self.tool(name, f'exec {sys.executable} -m {name} "$@"')
        # What a job would install for itself is here already.
        self.tool(
            "python", f'exec {sys.executable} "$@" $([ "$2" = build ] && echo --no-isolation)'
        )

    def tool(self, name: str, script: str) -> None:
        path = self.tools / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, script: str, environment: Mapping[str, str], shell: str = "bash") -> Completed:
        """A script as it stands on the page, but for the place of the registry."""
        env = {
            "PATH": os.pathsep.join([str(self.tools), self._clients.environment["PATH"]]),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_NO_CONFIG": "0",
            "UV_PYTHON": sys.executable,
            "UV_FIND_LINKS": str(self._packages),
            **self.site.trust,
            **environment,
        }
        if "uv build" in script:  # and nothing comes from the public index
            env["UV_DEFAULT_INDEX"] = (self.folder / "no-public-index").as_uri()
        here = self.placed(script)
        run = self._clients.run(shell, "-ec", here, env=env, cwd=self.folder, check=False)
        assert run.returncode == 0, run.text
        return run

    def placed(self, text: str) -> str:
        """With the registry of the tests instead of the one on the page."""
        own = text.replace("/repositories/main/", f"/repositories/{self.repository}/")
        return own.replace(HOST, self.site.place)

    def publishes(self) -> None:
        """The folder is a checkout of demo, which nobody has published."""
        pyproject_project(self.folder, "demo", backend="hatchling")

    def installs(self) -> None:
        """The folder is that of an application."""
        (self.folder / "pyproject.toml").write_text(self.placed(_CONSUMER))
        (self.folder / "requirements.txt").write_text("demo\n")
        self.site.registry.acting_as(OPERATOR).add_file(
            self.repository, wheel("demo").save(self.folder / "dist")
        )

    def trust(self, name: str, **settings: Any) -> None:
        """Adds a publisher for the jobs of one provider, with the conditions of the page."""
        self.site.registry.acting_as(OPERATOR).publishers.create(
            name,
            issuer=self.site.issuer.url,
            repository=self.repository,
            allow_http=True,
            allow_private_network=True,
            **settings,
        )

    def uploaders(self) -> list[str]:
        """Who has uploaded each file of demo."""
        return [str(file.uploaded_by) for file in self.site.files(self.repository)]

    def was_installed(self) -> bool:
        """By uv, into the application's environment."""
        return any(self.folder.glob(".venv/lib/python3*/site-packages/demo"))


@pytest.fixture
def runner(ci_site: CiSite, clients: Clients, packages: Path, tmp_path: Path) -> Runner:
    return Runner(ci_site, clients, packages, tmp_path / "source")


# --- GitHub Actions ---


def steps_of(workflow: str) -> list[dict[str, Any]]:
    """The steps of the one job of a workflow, which may ask for its token."""
    document = yaml.safe_load(workflow)
    (job,) = document["jobs"].values()
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert job["runs-on"] == "ubuntu-latest"
    steps: list[dict[str, Any]] = job["steps"]
    assert all(set(step) <= {"name", "uses", "with", "run"} for step in steps)
    return steps


def test_github_workflow_publishes(runner: Runner) -> None:
    conditions = ("repository", "repository_owner_id", "environment")
    claims = {name: GITHUB[name] for name in conditions}
    runner.trust("of-github", kind="github", claims=claims, projects=("demo",))
    with_uv, with_the_action, _reading = shown("github-actions", "yaml")
    assert yaml.safe_load(with_uv)["jobs"]["release"]["environment"] == GITHUB["environment"]
    runner.publishes()
    for step in steps_of(with_uv):
        if "run" in step:
            runner.run(step["run"], runner.site.issuer.github())

    assert runner.uploaders() == ["of-github"] * 2
    (step,) = [each for each in steps_of(with_the_action) if "pypi-publish" in each.get("uses", "")]
    assert step["with"] == {"repository-url": URL, "attestations": False}


def test_github_workflow_installs(runner: Runner, tmp_path: Path) -> None:
    """What a step writes into GITHUB_ENV are the variables of the later ones."""
    claims = {"repository_owner_id": GITHUB["repository_owner_id"]}
    runner.trust("github-builds", kind="github", claims=claims, may="read")
    _with_uv, _with_the_action, reading = shown("github-actions", "yaml")
    written = tmp_path / "env"
    environment = {**runner.site.issuer.github(), "GITHUB_ENV": str(written)}
    runner.installs()
    for step in steps_of(reading):
        if "run" in step:
            known = written.read_text().splitlines() if written.exists() else []
            more = dict(line.split("=", 1) for line in known)
            runner.run(step["run"], {**environment, **more})

    assert runner.was_installed()
    assert "ppj_" in written.read_text()


def test_github_workflow_shows_why_it_is_refused(runner: Runner, tmp_path: Path) -> None:
    _with_uv, _with_the_action, reading = shown("github-actions", "yaml")
    runner.trust("of-google", kind="oidc", claims={"sub": "1"})
    (script,) = [step["run"] for step in steps_of(reading) if "curl" in step.get("run", "")]
    stranger = runner.site.issuer.github(repository_owner_id="1")
    with pytest.raises(AssertionError, match="invalid-publisher"):
        runner.run(script, {**stranger, "GITHUB_ENV": str(tmp_path / "env")})


# --- GitLab CI ---


def variables_of(job: Mapping[str, Any], issuer: CiIssuer) -> dict[str, str]:
    """Those that `id_tokens` asks for."""
    given = {"GITLAB_CI": "true"}
    for name, wanted in job["id_tokens"].items():
        given[name] = issuer.token(GITLAB, wanted["aud"])
    return given


@pytest.mark.parametrize("number", [0, 1], ids=["uv", "twine"])
def test_gitlab_file_publishes(runner: Runner, number: int) -> None:
    claims = {name: GITLAB[name] for name in ("project_path", "ref_type", "ref_protected")}
    claims["environment"] = "release"
    runner.trust("of-gitlab", kind="gitlab", claims=claims, projects=("demo",))
    document = yaml.safe_load(shown("gitlab-ci", "yaml")[number])
    job = document["publish"]
    assert job["environment"] == GITLAB["environment"]
    assert job["id_tokens"] == {"PYPI_REPO_ID_TOKEN": {"aud": AUDIENCE}}
    runner.publishes()
    commands = [line for line in job["script"] if not line.startswith("pip install")]
    runner.run("\n".join(commands), variables_of(job, runner.site.issuer))

    assert runner.uploaders() == ["of-gitlab"] * 2


@pytest.mark.parametrize("number", [2, 3], ids=["uv", "pip"])
def test_gitlab_file_installs(runner: Runner, number: int, tmp_path: Path) -> None:
    claims = {"namespace_path": "acme"}
    runner.trust("gitlab-builds", kind="gitlab", claims=claims, may="read")
    job = yaml.safe_load(shown("gitlab-ci", "yaml")[number])["test"]
    target = tmp_path / "installed"
    runner.installs()
    environment = {**variables_of(job, runner.site.issuer), "PIP_TARGET": str(target)}
    runner.run("\n".join(job["script"]), environment)

    assert runner.was_installed() or (target / "demo").exists()


# --- Jenkins ---


def build(page: str) -> tuple[str, str]:
    """The variable and the script of a Jenkinsfile that binds the credential."""
    bound = re.findall(r"string\(credentialsId: 'pypi-repo', variable: '(\w+)'\)", page)
    scripts = re.findall(r"sh '''(.*?)'''", page, re.DOTALL)
    assert page.count("{") == page.count("}")
    assert len(bound) == len(scripts) == 1
    return bound[0], scripts[0]


def test_jenkinsfile_publishes(runner: Runner) -> None:
    claims = {"sub": JENKINS["sub"]}
    runner.trust("of-jenkins", kind="oidc", claims=claims, projects=("demo",))
    publishing, _reading = shown("jenkins", "groovy")
    variable, script = build(publishing)
    runner.publishes()
    runner.run(script, {variable: runner.site.issuer.token(JENKINS)}, "sh")

    assert runner.uploaders() == ["of-jenkins"] * 2


def test_jenkinsfile_installs(runner: Runner) -> None:
    claims = {"jenkins": "https://jenkins.example.com/"}
    runner.trust("jenkins-builds", kind="oidc", claims=claims, may="read")
    _publishing, reading = shown("jenkins", "groovy")
    variable, script = build(reading)
    runner.installs()
    token = runner.site.issuer.token({**JENKINS, **claims})
    runner.run(script, {variable: token}, "sh")

    assert runner.was_installed()


# --- Google Cloud Build ---


@pytest.mark.parametrize("number", [0, 1], ids=["publishes", "installs"])
def test_cloud_build_file(runner: Runner, number: int, tmp_path: Path) -> None:
    claims = {"sub": GOOGLE["sub"]}
    runner.trust("of-google", kind="oidc", claims=claims)
    document = yaml.safe_load(shown("google-cloud-build", "yaml")[number])
    assert set(document) == {"steps", "serviceAccount", "options"}
    token = runner.site.issuer.token(GOOGLE)
    wanted = f'[ "$*" = "auth print-identity-token --audiences={AUDIENCE}" ] && echo {token}'
    runner.tool("gcloud", wanted)
    if number == 0:
        runner.publishes()
    else:
        runner.installs()
    shared = tmp_path / "identity"
    shared.mkdir()
    for step in document["steps"]:
        ((volume),) = step["volumes"]
        assert "script" in step
        assert "args" not in step
        runner.run(step["script"].replace(volume["path"], str(shared)), {}, "sh")

    if number == 0:
        assert runner.uploaders() == ["of-google"] * 2
    else:
        assert runner.was_installed()


# --- Docker ---


@pytest.mark.parametrize("number", [0, 1], ids=["pip", "uv"])
def test_dockerfile_installs(runner: Runner, number: int, tmp_path: Path) -> None:
    """The command behind RUN, with the secret where the file has it mounted."""
    claims = {"namespace_path": "acme"}
    runner.trust("gitlab-builds", kind="gitlab", claims=claims, may="read")
    file = shown("docker-builds", "dockerfile")[number].replace("\\\n", "")
    (secret, command), *others = re.findall(
        r"^RUN --mount=type=secret,(\S+) +(.*)$", file, re.MULTILINE
    )
    assert others == []
    given = dict(part.split("=") for part in secret.split(","))
    environment = dict(re.findall(r"^ENV (\w+)=(\S+)$", file, re.MULTILINE))
    environment["PIP_TARGET"] = str(tmp_path / "installed")
    token = runner.site.issuer.token(GITLAB)
    runner.installs()
    if "env" in given:
        runner.run("uv lock", {**environment, given["env"]: token})
        runner.run(command, {**environment, given["env"]: token})
    else:
        assert given["target"] == "/root/.netrc"
        home = tmp_path / "root"
        home.mkdir()
        (written,) = [
            block.text.splitlines()[0]
            for block in blocks(ROOT / "docs/how-to/docker-builds.md")
            if block.text.startswith("printf")
        ]
        write = f"cd {home}\n{written.replace(HOST, '127.0.0.1').replace('> netrc', '> .netrc')}"
        runner.run(write, {"TOKEN": token})
        runner.run(command, {**environment, "HOME": str(home)})

    assert runner.was_installed() or (tmp_path / "installed" / "demo").exists()
