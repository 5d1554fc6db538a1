"""A real nginx, as operators put it in front."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.support.processes import ServerProcess

# Debian keeps it where only root looks for programs.
_PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
_FRAME = """\
{user}
daemon off;
pid nginx.pid;
error_log stderr notice;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{sites}
}}
"""


def installed_nginx() -> str | None:
    """The path of the system's nginx."""
    return shutil.which("nginx", path=_PLACES)


class NginxServer(ServerProcess):
    """nginx with everything that it writes in `folder`; comes back once it accepts connections.

    sites: what stands in its `http` block, with a `listen 127.0.0.1:PORT` for `port`.
    """

    def __init__(self, folder: Path, port: int, sites: str) -> None:
        program = installed_nginx()
        assert program is not None, "nginx is not installed"
        self._config = folder / "nginx.conf"
        self._command = [program, "-e", "stderr", "-p", f"{folder}/", "-c", str(self._config)]
        self._write(sites)
        super().__init__(self._command, port)

    def reload(self, sites: str) -> None:
        """Takes a new configuration; requests under way end with the old one."""
        self._write(sites)
        self.process.send_signal(signal.SIGHUP)

    def _write(self, sites: str) -> None:
        # The workers of root's nginx would be somebody who cannot enter the test's folder.
        user = "user root;" if os.geteuid() == 0 else ""
        self._config.write_text(_FRAME.format(user=user, sites=sites))
        checked = subprocess.run(
            [*self._command, "-t"], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stderr


def balanced(port: int, upstreams: Iterable[int], more: str = "") -> str:
    """A site that hands requests to the servers on these ports in turn.

    more: further lines of its `server` block.
    """
    servers = " ".join(f"server 127.0.0.1:{upstream};" for upstream in upstreams)
    return f"""
upstream registry_{port} {{ {servers} keepalive 16; }}
server {{
    listen 127.0.0.1:{port};
    client_max_body_size 4g;
    {more}
    location / {{
        proxy_pass http://registry_{port};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_request_buffering off;
    }}
}}
"""
