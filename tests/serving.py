"""Fixtures: a server of the built program on ports of its own, for the tests that talk to it."""

import contextlib
import fcntl
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
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


class LogReader:
    """Reads what a process writes to standard error as it comes, so that the pipe never fills."""

    def __init__(self, process):
        self.process = process
        self.changed = threading.Condition()
        self.bytes = b""
        self.ended = False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.ended:
            piece = os.read(self.process.stderr.fileno(), 65536)
            with self.changed:
                self.bytes += piece
                self.ended = not piece
                self.changed.notify_all()

    def wait_for(self, pattern, timeout=30):
        """The first match of a pattern; fails when the process ends without it."""
        with self.changed:
            found = self.changed.wait_for(
                lambda: re.search(pattern, self.bytes) or self.ended, timeout
            )
            match = re.search(pattern, self.bytes)
            assert match, f"{pattern}: {'ended with' if found else 'found only'} {self.bytes}"
            return match

    def end(self, timeout=30):
        """Waits for the end of the process; everything that it wrote."""
        self.process.wait(timeout=timeout)
        self.thread.join(timeout)
        assert self.ended, "another process holds its standard error"
        self.process.stderr.close()
        return self.bytes


def read_urls(log):
    """The addresses of the service and of its admin port, from the line that tells of the start."""
    line = log.wait_for(rb"serving .* on (https?://\S+:\d+), admin (https?://\S+:\d+),")
    return line.group(1).decode(), line.group(2).decode()


class Pipe:
    """A pipe that is read when a test says so."""

    def __init__(self):
        self.read_end, self.write_end = os.pipe()

    def fill(self):
        """Nothing more goes into it until it is read."""
        flags = fcntl.fcntl(self.write_end, fcntl.F_GETFL)
        fcntl.fcntl(self.write_end, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.write_end, b"x")
        fcntl.fcntl(self.write_end, fcntl.F_SETFL, flags)

    def read(self):
        return os.read(self.read_end, 65536)

    def close(self):
        os.close(self.read_end)
        os.close(self.write_end)


class FirstLine:
    """What read_urls() needs of a log."""

    def __init__(self, pipe):
        self.text = b""
        while not self.text.endswith(b"\n"):
            self.text += pipe.read()

    def wait_for(self, pattern):
        return re.search(pattern, self.text)


@dataclass
class Server:
    """A running `iris serve`."""

    process: subprocess.Popen
    url: str
    admin_url: str
    log: LogReader = None

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
        return self.end(timeout)

    def end(self, timeout=30):
        """Waits for its end; returns the exit status and what it logged."""
        log = self.log.end(timeout)
        return self.process.returncode, log


def raw(server, request, half_close=False):
    """Everything the server says until it ends the connection."""
    with server.connect() as connection:
        connection.sendall(request)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


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
        log = LogReader(process)
        started.append((process, log))
        return Server(process, *read_urls(log), log)

    yield start
    codes = []
    for process, _ in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process, log in started:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
        log.end()
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
