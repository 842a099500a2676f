"""What the rehearsal has in place of the cloud: a bucket, a registry, GitHub, a token endpoint and a
service, each on a port of its own and gone when the rehearsal ends."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

BUCKET = "rehearsal"


class Quiet(http.server.BaseHTTPRequestHandler):
    """A handler that logs nothing and answers JSON."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        pass

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, body) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextlib.contextmanager
def serving(handler: type[Quiet]) -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Bucket:
    """A Google Cloud Storage emulator; these calls go around the clients under test."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def call(self, path: str, method: str = "GET", data: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.endpoint + path, data, method=method)
        request.add_header("Content-Type", "application/octet-stream")
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read()

    def put(self, name: str, content: bytes) -> None:
        query = urllib.parse.urlencode({"uploadType": "media", "name": name})
        self.call(f"/upload/storage/v1/b/{BUCKET}/o?{query}", "POST", content)

    def delete(self, name: str) -> None:
        self.call(f"/storage/v1/b/{BUCKET}/o/{urllib.parse.quote(name, safe='')}", "DELETE")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command: list, log: Path, ready_url: str) -> Iterator[None]:
    """A program of its own until the end; ready when the URL answers, with whatever status."""
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        for _ in range(200):
            try:
                with urllib.request.urlopen(ready_url, timeout=5):
                    break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError(f"{command[0]} did not start: {log.read_text()}")
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextlib.contextmanager
def bucket(log: Path) -> Iterator[Bucket]:
    """The emulator, with one bucket."""
    endpoint = f"http://127.0.0.1:{(port := free_port())}"
    command = [Path(sys.executable).parent / "gcp-storage-emulator", "start", "--host=127.0.0.1"]
    command += [f"--port={port}", "--in-memory", f"--default-bucket={BUCKET}"]
    with running(command, log, endpoint):
        yield Bucket(endpoint)


@contextlib.contextmanager
def registry(folder: Path, log: Path) -> Iterator[str]:
    """A real OCI registry; yields host:port."""
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'blobs'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with running(["docker-registry", "serve", config], log, f"http://127.0.0.1:{port}/v2/"):
        yield f"localhost:{port}"


@contextlib.contextmanager
def github() -> Iterator[http.server.ThreadingHTTPServer]:
    """GitHub's API with one open pull request and one run of ci; `comments` are what it got."""
    comments: list[dict] = []
    pull = {"number": 7, "head": {"sha": ""}}
    run = {"run_number": 1, "head_sha": "", "status": "completed", "conclusion": "success"}
    run["html_url"] = "https://github.com/owner/name/actions/runs/1"

    class Handler(Quiet):
        def do_GET(self) -> None:
            if self.path.startswith("/repos/owner/name/pulls"):
                self.answer(200, [pull])
            elif self.path.startswith("/repos/owner/name/actions/workflows/ci.yml/runs"):
                self.answer(200, {"workflow_runs": [run]})
            else:
                self.answer(200, comments)

        def do_POST(self) -> None:
            body = json.loads(self.body())["body"]
            login = "github-actions[bot]"
            comments.append({"id": len(comments) + 1, "user": {"login": login}, "body": body})
            self.answer(201, comments[-1])

        def do_PATCH(self) -> None:
            comments[int(self.path.rsplit("/", 1)[1]) - 1].update(json.loads(self.body()))
            self.answer(200, {})

    with serving(Handler) as server:
        server.comments, server.ci, server.pull = comments, run, pull
        yield server


@contextlib.contextmanager
def refusing(status: int, body: dict, upstream: str = "") -> Iterator[str]:
    """A server that refuses; with an upstream, it refuses writes and passes reads on."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            if not upstream:
                return self.refuse()
            try:
                with urllib.request.urlopen(upstream + self.path, timeout=10) as response:
                    content, code = response.read(), response.status
            except urllib.error.HTTPError as error:
                content, code = error.read(), error.code
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def refuse(self) -> None:
            self.body()
            self.answer(status, body)

        do_POST = do_PUT = do_PATCH = do_DELETE = refuse

    with serving(Handler) as server:
        yield server.url
