"""Two small pages for people who open an address of the registry in a browser."""

from html import escape

from werkzeug.wrappers import Request, Response

from pypi_repo.domain.records import Repository
from pypi_repo.web.app import root_url

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f5f6f9; --surface: #fff; --line: #dfe3eb; --text: #1b2130; --link: #2f5bd8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f131c; --surface: #181e2a; --line: #2b3445; --text: #e6eaf3; --link: #8aabff;
  }
}
body {
  max-width: 52rem; margin: 0 auto; padding: 2.5rem 1.1rem 4rem; overflow-wrap: anywhere;
  font: 1rem/1.6 system-ui, sans-serif; color: var(--text); background: var(--ground);
}
h1 { font-size: 1.6rem; line-height: 1.25 }
h2 { font-size: 1.15rem; margin-top: 2rem }
a { color: var(--link) }
code, pre { font: .92em/1.5 ui-monospace, "DejaVu Sans Mono", monospace }
pre, details { background: var(--surface); border: 1px solid var(--line); border-radius: .5rem }
pre { padding: .75rem 1rem; white-space: pre-wrap }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


def landing_page(request: Request, public: list[Repository]) -> Response:
    """What this is, and which repositories everybody may read."""
    root = root_url(request).rstrip("/")
    items = "".join(
        f'<li><a href="{escape(root)}/repositories/{repository.name}/">{repository.name}</a> '
        f"{escape(repository.description)}</li>\n"
        for repository in public
    )
    listing = f"<h2>Public repositories</h2>\n<ul>\n{items}</ul>" if public else ""
    return _page(
        "Python package repositories",
        f"""<p>This is a private registry of Python packages. Installers such as pip and uv read
from <code>{escape(root)}/repositories/NAME/simple/</code>, with the user name and password of a
repository user; twine and uv publish to <code>{escape(root)}/repositories/NAME/</code>.</p>
<p>Administrators sign in to the <a href="{escape(root)}/portal/">portal</a>.</p>
{listing}""",
    )


def connection_page(request: Request, repository: str) -> Response:
    """How to connect twine, pip and uv to one repository, with the URLs of this deployment."""
    url = escape(root_url(request))
    scheme, _separator, rest = url.partition("://")
    name = escape(repository)
    return _page(
        f"Repository {name}",
        f"""<h2>Publish</h2>
<p>In <code>~/.pypirc</code>:</p>
<pre>[distutils]
index-servers = {name}

[{name}]
repository = {url}
username = YOUR-USER
password = YOUR-PASSWORD</pre>
<p>Then:</p>
<pre>twine upload --repository {name} dist/*</pre>
<p>or, with uv:</p>
<pre>uv publish --publish-url {url} --username YOUR-USER dist/*</pre>
<h2>Install</h2>
<pre>pip install --index-url {scheme}://YOUR-USER:YOUR-PASSWORD@{rest}simple/ PROJECT
uv pip install --index-url {scheme}://YOUR-USER:YOUR-PASSWORD@{rest}simple/ PROJECT</pre>
<p>In a URL, write <code>@</code> as <code>%40</code>, <code>:</code> as <code>%3A</code>.</p>""",
    )


def _page(title: str, body: str) -> Response:
    document = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
    response = Response(document, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
