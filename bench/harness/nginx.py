"""nginx as a web server for files: a child of this process, on a loopback port, in a scratch folder.

with Nginx() as server:
    (server.store / "x").write_bytes(b"…")
    … server.url + "/x" … server.requests() …

Never the system's service: unpacked and not installed, with its own configuration and log, and
without root's rights.
"""

from __future__ import annotations

import dataclasses
import os
import pwd
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from harness.server import START_TIMEOUT_S, STOP_TIMEOUT_S, free_port

REPO = Path(__file__).resolve().parents[2]
POLL_S = 0.01
UNPRIVILEGED = "nobody"  # who it is when this process is root
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclasses.dataclass(frozen=True)
class Served:
    """A line of the access log."""

    connection: int
    number: int  # of the request on its connection, from 1 on
    status: int
    method: str
    path: str


class Nginx:
    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="iris-nginx-")
        self.folder = Path(self._folder.name)
        self.store = self.folder / "store"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._program = _unpacked()
        self._process: subprocess.Popen[bytes] | None = None

    def configuration(self) -> str:
        temporary = "".join(f"  {name}_temp_path {self.folder}/{name};\n" for name in TEMPORARY)
        return f"""\
daemon off;
worker_processes 1;
pid {self.folder}/pid;
events {{ worker_connections 256; }}
http {{
{temporary}\
  log_format requests '$connection $connection_requests $status $request_method $uri';
  access_log {self.folder}/access.log requests;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  server {{
    listen 127.0.0.1:{self.port};
    root {self.store};
  }}
}}
"""

    def __enter__(self) -> Nginx:
        self.store.mkdir()
        configuration = self.folder / "nginx.conf"
        configuration.write_text(self.configuration())
        self.folder.chmod(0o755)
        identity: dict[str, object] = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam(UNPRIVILEGED)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        # "-e": not the error log that is compiled in, which is the system service's.
        argv = [self._program, "-e", "stderr", "-p", str(self.folder), "-c", str(configuration)]
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stderr=(self.folder / "error.log").open("wb"),
            **identity,  # type: ignore[call-overload]
        )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def requests(self) -> list[Served]:
        """What was asked for so far, but for the question whether it runs."""
        lines = (self.folder / "access.log").read_text().splitlines()
        fields = [line.split(" ", 4) for line in lines]
        served = [Served(int(c), int(n), int(s), method, path) for c, n, s, method, path in fields]
        return [one for one in served if one.path != "/"]

    def _wait(self) -> None:
        assert self._process
        began = time.monotonic()
        while True:
            try:
                urllib.request.urlopen(self.url + "/", timeout=START_TIMEOUT_S).close()
                return
            except urllib.error.HTTPError:
                return  # an answer: there is no page
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() - began > START_TIMEOUT_S:
                said = (self.folder / "error.log").read_text()
                raise RuntimeError(f"nginx does not answer:\n{said}")
            time.sleep(POLL_S)

    def _stop(self) -> None:
        assert self._process
        self._process.terminate()  # the master ends its worker
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()



def _unpacked() -> str:
    unpack = [REPO / "scripts" / "unpacked", "nginx", "usr/sbin/nginx"]
    return subprocess.run(unpack, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
