"""Fixtures: a server of the built program on ports of its own, for the tests that talk to it."""

import contextlib
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time
from dataclasses import dataclass

import pytest


@pytest.fixture(scope="session")
def model(run_iris, repo, tmp_path_factory):
    """A model that `iris train` made of the Iris data."""
    folder = tmp_path_factory.mktemp("model")
    pulled = run_iris("pull", "data/data.csv.dvc")
    assert pulled.returncode == 0, pulled.stderr
    path = folder / "model.onnx"
    trained = run_iris("train", "--model", path, "--metrics", folder / "metrics.json")
    assert trained.returncode == 0, trained.stderr
    return path


@dataclass
class Server:
    """A running `iris serve`."""

    process: subprocess.Popen
    url: str
    admin_url: str

    @property
    def address(self):
        host, port = self.url.split("//", 1)[1].rsplit(":", 1)
        return host.strip("[]"), int(port)

    def connect(self):
        connection = socket.create_connection(self.address, timeout=10)
        return connection

    def terminate(self, timeout=30):
        """Ends it as Kubernetes does; returns the exit status and what it logged."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=timeout)
        return self.process.returncode, log


def read_startup_line(process, timeout=30):
    """The line that tells the ports; what is logged later stays in the pipe."""
    line = b""
    deadline = time.monotonic() + timeout
    while not line.endswith(b"\n"):
        assert select.select([process.stderr], [], [], deadline - time.monotonic())[0], line
        byte = os.read(process.stderr.fileno(), 1)
        assert byte, f"it ended instead: {line.decode()}"
        line += byte
    return line.decode()


@pytest.fixture
def start_server(iris, model):
    """Starts servers; those that still run at the end get SIGTERM and must exit with 0."""
    started = []

    def start(*flags, served=model, program=iris, environment=None, **kwargs):
        argv = [str(program), "serve", "--model", str(served), "--host", "127.0.0.1"]
        argv += ["--port", "0", "--admin-port", "0", *map(str, flags)]
        process = subprocess.Popen(
            argv,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            **kwargs,
        )
        started.append(process)
        urls = re.findall(r"https?://\S+?:\d+", read_startup_line(process))
        assert len(urls) == 2
        return Server(process, *urls)

    yield start
    codes = []
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        codes.append(process.returncode)
    assert codes == [0] * len(codes)


@pytest.fixture
def server(start_server):
    return start_server("--threads", 2)


def memory_group(limit_bytes):
    """A control group with that memory limit, of version 1 or 2; the file that takes a process in."""
    name = f"iris-test-{os.getpid()}-{time.monotonic_ns()}"
    for base, limit in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
        root = pathlib.Path("/sys/fs/cgroup", base)
        if not (root / "cgroup.procs").exists():
            continue
        if not base:
            with contextlib.suppress(OSError):
                (root / "cgroup.subtree_control").write_text("+memory")
        folder = root / name
        folder.mkdir()
        (folder / limit).write_text(str(limit_bytes))
        return folder
    raise AssertionError("no control group can be made here")


@pytest.fixture
def in_memory_group():
    """Popen's preexec_fn that has the program run under a memory limit of its own."""
    made = []

    def limit(limit_bytes):
        folder = memory_group(limit_bytes)
        made.append(folder)
        return lambda: (folder / "cgroup.procs").write_text(str(os.getpid()))

    yield limit
    for folder in made:
        deadline = time.monotonic() + 10
        while (folder / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        folder.rmdir()
