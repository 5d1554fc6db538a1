"""The examples run as they stand, two levels deep, with twine and pip going through them."""

import base64
import importlib.util
import json
import re
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from werkzeug.test import Client

from pypi_repo import (
    EVERY_AREA,
    OPERATOR,
    AllowList,
    DownloadApp,
    Registry,
    Settings,
    SimpleIndexApp,
    mount,
)
from pypi_repo.domain.events.signature import SIGNATURE_HEADER, signature
from pypi_repo.domain.stored_files import file_path
from tests.support.addresses import Addresses, with_credentials
from tests.support.ci_issuer import GITHUB, CiIssuer
from tests.support.clients import Clients
from tests.support.distributions import wheel
from tests.support.live import LiveServer
from tests.support.processes import free_port
from tests.support.projects import pyproject_project
from tests.support.publisher import publishing
from tests.support.upstreams import LiveUpstream

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about what Pyramid itself imports
    from pyramid.config import Configurator
    from pyramid.wsgi import wsgiapp2

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

EXAMPLES = Path(__file__).parents[2] / "examples"
USER, PASSWORD = "dev@example.com", "correct horse"
OUTER = "/team"  # what a proxy or another application takes away; /pypi is the example's own


def example(name: str) -> ModuleType:
    """The module examples/NAME.py, imported anew."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for their module there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the example keeps its registry; prepared as its administrator would."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with opened(folder) as registry:
        registry.acting_as(OPERATOR).repositories.create("releases")
        registry.acting_as(OPERATOR).accounts.create_user(USER, PASSWORD)
    return folder


@contextmanager
def opened(folder: Path, **more: Any) -> Iterator[Registry]:
    registry = Registry(Settings(database=f"sqlite:///{folder}/index.db", password_cost=4, **more))
    yield registry
    registry.close()


@pytest.fixture(scope="module")
def django_site() -> None:
    """What a Django project has in its settings.py and urls.py; of a process, there is one."""
    import django
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    urls = ModuleType("urls_of_the_site")
    urls.urlpatterns = [path("", lambda _request: HttpResponse("Hello from Django"))]  # type: ignore[attr-defined]
    sys.modules[urls.__name__] = urls
    settings.configure(ROOT_URLCONF=urls.__name__, ALLOWED_HOSTS=["*"], USE_TZ=True)
    django.setup()


@contextmanager
def on_uvicorn(application: Any) -> Iterator[str]:
    """The URL of an ASGI application."""
    import uvicorn

    port = free_port()
    config = uvicorn.Config(application, port=port, ws="none", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def published_and_installed(
    clients: Clients, upload_url: str, index_url: str, *, user: str = USER
) -> None:
    """twine uploads, pip installs into a fresh environment, the package is imported."""
    clients.write_pypirc({"releases": (upload_url, user, PASSWORD)})
    file = wheel("demo", "1.0").save(clients.home / "dist")
    clients.twine("upload", "--repository", "releases", file)
    python = clients.venv(clients.home / "venv")
    index = with_credentials(index_url, user, PASSWORD)
    clients.pip(python, "install", "--index-url", index, "demo")
    version = clients.run(python, "-c", "import demo; print(demo.__version__)")
    assert version.stdout == "1.0\n"


def fetch(url: str) -> str:
    with urlopen(url, timeout=60) as response:
        return str(response.read().decode())


def account_of(header: str) -> str | None:
    """The site's own accounts: every name with the one password."""
    name, _colon, password = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
    return name if password == PASSWORD else None


def test_plain_wsgi(clients: Clients, folder: Path) -> None:
    application = example("plain_wsgi").make_application(str(folder))
    with LiveServer(application, prefix="/team/pypi") as server:
        published_and_installed(clients, f"{server.url}/legacy/", f"{server.url}/simple/")

    assert list((folder / "packages").rglob("demo-1.0-py3-none-any.whl"))


@pytest.mark.usefixtures("django_site")
@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("flask_app", "Hello from Flask"),
        ("pyramid_app", "Hello from Pyramid"),
        ("django_wsgi", "Hello from Django"),
    ],
)
def test_frameworks(name: str, greeting: str, clients: Clients, folder: Path) -> None:
    application = example(name).make_application(str(folder))
    with LiveServer(application, prefix=OUTER) as server:
        site = Addresses(f"{server.url}/pypi", USER, PASSWORD)
        published_and_installed(clients, site.upload("releases"), site.anonymous_index("releases"))
        home = fetch(f"{server.url}/")

    assert home == greeting


def test_flask_with_upstream(
    clients: Clients, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Own packages and those of an index elsewhere, by one URL; own names only from here."""
    upstream = LiveUpstream()
    for distribution in (wheel("library", "1.0"), wheel("acme-tools", "99.0")):
        upstream.add(distribution)
    with opened(folder) as registry:
        upstream.create_on(registry, "elsewhere")
    module, registries = example("flask_with_upstream"), ExitStack()
    monkeypatch.setattr(
        module, "Registry", lambda settings: registries.enter_context(Registry(settings))
    )
    application = module.make_application(str(folder), upstream.url)
    with registries, LiveServer(application, prefix=OUTER) as server:
        site = Addresses(f"{server.url}/pypi", USER, PASSWORD)
        published_and_installed(clients, site.upload("releases"), site.anonymous_index("releases"))
        python = clients.home / "venv/bin/python"
        index = ("--index-url", site.index("releases"))
        clients.uv("pip", "install", "--python", python, *index, "library")
        own = ("pip", "install", "--python", python, *index, "acme-tools")
        refused = clients.uv(*own, check=False)
    upstream.close()

    assert refused.returncode != 0
    assert upstream.files_asked()[-1] == "library-1.0-py3-none-any.whl"


@pytest.mark.parametrize("name", ["flask_app", "pyramid_app"])
def test_uploads_stream_past_a_framework(name: str, folder: Path) -> None:
    """Flask and Pyramid would have to be asked for this body; they never see it."""
    application = example(name).make_application(str(folder))
    with (
        LiveServer(application, prefix=OUTER) as server,
        publishing(f"{server.url}/pypi/repositories/releases/", USER, PASSWORD) as publisher,
    ):
        dist = wheel("demo", padding=20_000_000)
        answer = publisher.upload(dist)
        page = publisher.get(f"{OUTER}/pypi/repositories/releases/simple/demo/")

    assert answer.status == 200, answer.text
    assert dist.sha256 in page.text


def test_middleware(clients: Clients, folder: Path) -> None:
    """The site's login sets REMOTE_USER; what is not the registry's is the site's."""

    def site(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"the site at " + environ["PATH_INFO"].encode("latin-1")]

    application = example("middleware").add_packages(site, str(folder))

    def logged_in(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        header = environ.get("HTTP_AUTHORIZATION")
        if header and (name := account_of(header)):
            environ["REMOTE_USER"] = name
        return application(environ, start_response)

    with LiveServer(logged_in, prefix=OUTER) as server:
        place = Addresses(f"{server.url}/pypi", "guest", PASSWORD)
        published_and_installed(
            clients, place.upload("releases"), place.anonymous_index("releases"), user="guest"
        )
        elsewhere = fetch(f"{server.url}/some/page")
        similar = fetch(f"{server.url}/pypi-docs")
        with publishing(place.upload("releases"), "guest", "wrong") as nobody:
            refused = nobody.upload(wheel("other"))

    assert elsewhere == "the site at /some/page"
    assert similar == "the site at /pypi-docs"
    assert refused.status == 401


def test_t1_trusted_publishing_below_prefix(
    clients: Clients, folder: Path, ci_issuer: CiIssuer
) -> None:
    """pdm asks at the root of the host, where the registry is not. uv would insist on TLS."""

    def site(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"the site has no " + environ["PATH_INFO"].encode("latin-1")]

    with opened(folder) as registry:
        registry.acting_as(OPERATOR).publishers.create(
            "demo",
            kind="github",
            issuer=ci_issuer.url,
            claims={"repository_owner_id": str(GITHUB["repository_owner_id"])},
            repository="releases",
            allow_http=True,
            allow_private_network=True,
        )
    project = pyproject_project(clients.home / "demo", backend="flit")
    wheel("demo").save(project / "dist")
    application = example("trusted_publishing_below_prefix").add_packages(site, str(folder))
    with LiveServer(application) as server:
        url = f"{server.url}/pypi/repositories/releases/"
        publish = ("publish", "--no-build", "--repository", url)
        clients.pdm(*publish, env=ci_issuer.github(), cwd=project)
        discovery = f"{server.url}/.well-known/pytp?discover=/pypi/repositories/releases/"
        found = json.loads(fetch(discovery))

    assert found["token-mint-endpoint"] == f"{server.url}/_/oidc/mint-token"
    with opened(folder) as registry:
        _project, files = registry.acting_as(OPERATOR).projects.get("releases", "demo")
        assert [file.uploaded_by for file in files] == ["demo"]


def test_e3_webhook_receiver(registry: Registry) -> None:
    """It takes what the registry sends, and nothing else."""
    handled: list[dict[str, Any]] = []
    secret = "correct-horse-battery"
    receiver = example("webhook_receiver").make_receiver(secret, handled.append)
    webhooks = registry.acting_as(OPERATOR).webhooks
    with LiveServer(receiver) as server:
        webhooks.create(
            "ci",
            url=f"{server.url}/hook",
            secret=secret,
            allow_http=True,
            allow_private_network=True,
        )
        taken = webhooks.test("ci")
        webhooks.change("ci", secret="another-horse-battery")
        during_rotation = webhooks.test("ci")
        webhooks.change("ci", secret="one-more-horse-battery", former_secret_for=timedelta())
        of_another = webhooks.test("ci")

    assert [each.status for each in (taken, during_rotation, of_another)] == [200, 200, 401]
    assert [each["type"] for each in handled] == ["webhook.test"] * 2
    body, now = taken.body.encode(), int(time.time())
    for header in (
        "",
        f"t={now}",
        f"t={now},v1=\xe9",
        signature(["guessed-horse-battery"], now, body),
        signature([secret], now - 3600, body),  # somebody has overheard it
    ):
        refused = Client(receiver).post("/hook", data=body, headers={SIGNATURE_HEADER: header})
        assert refused.status_code == 401
    assert len(handled) == 2


def test_own_auth(clients: Clients, folder: Path) -> None:
    def check(header: str) -> tuple[str, bool] | None:
        name = account_of(header)
        return (name, name == "publisher") if name else None

    application = example("own_auth").make_application(str(folder), check)
    with LiveServer(application, prefix="/team/pypi") as server:
        site = Addresses(server.url, "publisher", PASSWORD)
        upload, index = site.upload("releases"), site.anonymous_index("releases")
        published_and_installed(clients, upload, index, user="publisher")
        file = wheel("other").save(clients.home / "dist")
        reader = clients.publish_with_twine(upload, "reader", PASSWORD, file, check=False)
        wrong = clients.publish_with_twine(upload, "publisher", "mistyped", file, check=False)

    assert "'reader' may not upload to repository 'releases'" in reader.text
    assert "Wrong user name or password." in wrong.text
    with opened(folder) as registry:
        _project, files = registry.acting_as(OPERATOR).projects.get("releases", "demo")
        assert [file.uploaded_by for file in files] == ["publisher"]


def test_browse_app(folder: Path) -> None:
    """The site's login shows the packages to people, and everybody else is refused."""

    def site(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"the site"]

    application = example("browse_app").add_packages(site, str(folder))
    with opened(folder) as registry:
        registry.acting_as(OPERATOR).add_file("releases", wheel().save(folder))
    people = Client(application, use_cookies=False)
    signed_in = {"REMOTE_USER": "mika"}
    front = people.get("/packages/", environ_base=signed_in)
    assert '<a href="project/demo/">demo</a>' in front.text
    assert "mika" in front.text
    files = people.get("/packages/project/demo/files", environ_base=signed_in)
    (path,) = re.findall(r'class="filename" href="../../(files/[^"]*)"', files.text)
    assert people.get(f"/packages/{path}", environ_base=signed_in).data == wheel().content
    project = people.get("/packages/project/demo/", environ_base=signed_in)
    assert "https://packages.example.com/repositories/releases/simple/ demo==1.0" in project.text
    assert people.get("/packages/").status_code == 401
    assert people.get("/").text == "the site"


@pytest.mark.parametrize(
    ("upload", "index"),
    [
        ("/", "/simple/"),  # pypiserver
        ("/root/pypi/", "/root/pypi/+simple/"),  # devpi
        ("/root/pypi/", "/root/pypi/"),  # devpi, as installers may also ask it
        ("/repository/releases/", "/repository/releases/simple/"),  # Nexus
        ("/api/pypi/releases", "/api/pypi/releases/simple"),  # Artifactory
        ("/api/packages/team/pypi", "/api/packages/team/pypi/simple/"),  # Gitea
    ],
)
def test_old_urls(upload: str, index: str, clients: Clients, folder: Path) -> None:
    """I5: the URLs of the server before serve uploads and installations, and so do the new ones."""
    with opened(folder) as registry:
        registry.acting_as(OPERATOR).repositories.create("main")
    application = example("old_urls").make_application(str(folder))
    with LiveServer(application, prefix=OUTER) as server:
        published_and_installed(clients, f"{server.url}{upload}", f"{server.url}{index}")
        repository = "releases" if "releases" in upload or "team" in upload else "main"
        new = Addresses(server.url, USER, PASSWORD).index(repository)
        python = clients.venv(clients.home / "again")
        clients.pip(python, "install", "--no-cache-dir", "--index-url", new, "demo==1.0")
        landing = fetch(f"{server.url}/")

    assert "<h1" in landing


def test_fastapi_over_a_bridge(clients: Clients, folder: Path) -> None:
    """All works but for reason phrases, which ASGI has none of: the sentence is in the body."""
    with on_uvicorn(example("fastapi_app").make_application(str(folder))) as url:
        site = Addresses(f"{url}/pypi", USER, PASSWORD)
        published_and_installed(clients, site.upload("releases"), site.anonymous_index("releases"))
        home = fetch(f"{url}/")
        with publishing(*site.target("releases")) as publisher:
            large = publisher.upload(wheel("large", padding=20_000_000))
            changed = publisher.upload(wheel("demo", files={"demo/other.py": b""}))

    assert home == '"Hello from FastAPI"'
    assert large.status == 200
    assert (changed.status, changed.reason) == (409, "Conflict")
    assert "File already exists" in changed.text


def test_own_policy(folder: Path) -> None:
    """Teams publish their own names; administrators and the operator are as ever."""
    teams = {"dana": frozenset({"data"}), "olga": frozenset({"ops"})}
    application = example("own_policy").make_application(str(folder), teams)

    def logged_in(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        header = environ.get("HTTP_AUTHORIZATION")
        if header and (name := account_of(header)):
            environ["REMOTE_USER"] = name
        return application(environ, start_response)

    with LiveServer(logged_in) as server:
        place = f"{server.url}/repositories/releases/"
        answers = {}
        for name in ("dana", "olga", "guest"):
            with publishing(place, name, PASSWORD) as publisher:
                answers[name] = (
                    publisher.upload(wheel("data-loader")).status,
                    publisher.get("/repositories/releases/simple/").status,
                )
        with publishing(place, "nobody", "wrong") as nobody:
            stranger = nobody.get("/repositories/releases/simple/").status

    assert answers == {"dana": (200, 200), "olga": (403, 200), "guest": (403, 200)}
    assert stranger == 401


def test_first_accounts(tmp_path: Path) -> None:
    """From nothing to an upload and a sign-in, in code alone; a second start changes nothing."""
    prepare = example("first_accounts").prepare
    prepare(str(tmp_path))
    prepare(str(tmp_path))
    with opened(tmp_path) as registry, LiveServer(registry.wsgi_app()) as server:
        site = Addresses(server.url, "dev@example.com", "correct horse")
        with publishing(*site.target("releases")) as publisher:
            published = publisher.upload(wheel("demo")).status
        reader = Addresses(server.url, "ci@example.com", "battery staple")
        with publishing(*reader.target("releases")) as publisher:
            refused = publisher.upload(wheel("other")).status
            read = publisher.get("/repositories/releases/simple/demo/").status
        session = registry.sessions.sign_in("admin@example.com", "paper clip 7", "127.0.0.1")

    assert (published, refused, read) == (200, 403, 200)
    assert session.actor.areas == EVERY_AREA


def test_own_tests() -> None:
    example("own_tests").test_our_index_answers()


def test_allow_list(clients: Clients, folder: Path) -> None:
    """What is not on the list does not exist for pip, not even as a dependency."""
    with opened(folder) as registry:
        repository = registry.repository("releases")
        curated = replace(repository, source=AllowList(repository.source, {"app", "library"}))
        application = mount(
            {
                "/all": registry.wsgi_app(),
                "/curated/simple": SimpleIndexApp(curated),
                "/curated/files": DownloadApp(curated),
            }
        )
        with LiveServer(application, prefix=OUTER) as server:
            site = Addresses(f"{server.url}/all", USER, PASSWORD)
            with publishing(*site.target("releases")) as publisher:
                for dist in (
                    wheel("app", requires_dist=["library"]),
                    wheel("library"),
                    wheel("bad-app", requires_dist=["unapproved"]),
                    wheel("unapproved"),
                ):
                    assert publisher.upload(dist).status == 200
                listing = publisher.get(f"{OUTER}/curated/simple/")
                hidden = publisher.get(f"{OUTER}/curated/simple/unapproved/")
                path = file_path(dist.sha256, dist.filename)
                taken = publisher.get(f"{OUTER}/curated/files/{path}")
            anonymous = publishing(site.upload("releases"), "nobody", "wrong password")
            with anonymous as stranger:
                guess = stranger.get(f"{OUTER}/curated/simple/unapproved/")
            python = clients.venv(clients.home / "venv")
            index = with_credentials(f"{server.url}/curated/simple/", USER, PASSWORD)
            clients.pip(python, "install", "--index-url", index, "app")
            refused = clients.pip(
                python, "install", "--index-url", index, "unapproved", check=False
            )

    assert "library" in listing.text
    assert "unapproved" not in listing.text
    assert (hidden.status, taken.status) == (404, 404)
    assert guess.status == 401
    assert "No matching distribution found for unapproved" in refused.text


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_importing_an_example_does_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example(path.stem)

    assert list(tmp_path.iterdir()) == []
    code = [line for line in path.read_text().splitlines() if line.strip()]
    assert len(code) <= 25, "an example is read in one glance"


def test_mounted_in_pyramid_by_wsgiapp2(clients: Clients, folder: Path) -> None:
    """The other way that the design mentions: each body goes through a temporary file."""
    with opened(folder) as registry:
        configurator = Configurator()
        configurator.add_route("pypi", "/pypi/*subpath")
        configurator.add_view(wsgiapp2(registry.wsgi_app()), route_name="pypi")
        with LiveServer(configurator.make_wsgi_app(), prefix=OUTER) as server:
            site = Addresses(f"{server.url}/pypi", USER, PASSWORD)
            published_and_installed(
                clients, site.upload("releases"), site.anonymous_index("releases")
            )


def test_two_registries_in_one_process(tmp_path: Path) -> None:
    """No global state: the same names hold other things."""
    applications: dict[str, WSGIApplication] = {}
    make: Callable[..., Any] = example("plain_wsgi").make_application
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with opened(tmp_path / name) as registry:
            registry.acting_as(OPERATOR).repositories.create("releases")
            registry.acting_as(OPERATOR).accounts.create_user(name, PASSWORD)
        applications[f"/{name}"] = make(str(tmp_path / name))
    with LiveServer(mount(applications)) as server:
        with publishing(f"{server.url}/one/legacy/", "one", PASSWORD) as publisher:
            assert publisher.upload(wheel("demo")).status == 200
            own = publisher.get("/one/simple/demo/")
            other = publisher.get("/two/simple/demo/")
        with publishing(f"{server.url}/two/legacy/", "two", PASSWORD) as publisher:
            absent = publisher.get("/two/simple/demo/")

    assert (own.status, other.status, absent.status) == (200, 401, 404)
