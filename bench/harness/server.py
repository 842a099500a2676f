"""A server under measurement: started on one core, asked, accounted, and always ended."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

from harness.request import Request

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.005


@dataclasses.dataclass(frozen=True)
class Command:
    """How to start a server; `{port}` in an argument becomes its port."""

    name: str
    argv: list[str]

    def at(self, port: int) -> list[str]:
        """The arguments with every port filled in: `{port}`, and a free one for each `{any}`."""
        filled = [argument.replace("{port}", str(port)) for argument in self.argv]
        return [re.sub(r"\{any\}", lambda _: str(free_port()), argument) for argument in filled]


@dataclasses.dataclass(frozen=True)
class CpuTime:
    """Processor time of a process tree since its start.

    The kernel counts the total in nanoseconds (schedstat), its parts in ticks: the parts say how the
    total divides.
    """

    total_s: float
    user_ticks: int
    system_ticks: int

    def __sub__(self, earlier: CpuTime) -> CpuTime:
        return CpuTime(
            self.total_s - earlier.total_s,
            self.user_ticks - earlier.user_ticks,
            self.system_ticks - earlier.system_ticks,
        )

    @property
    def user_part(self) -> float:
        ticks = self.user_ticks + self.system_ticks
        return self.user_ticks / ticks if ticks else 0.0


class Server:
    """Runs a command while the `with` block lasts; it has answered the request when that begins.

    with Server(command, cores={0}, request=request) as server:
        server.port, server.cpu_time(), server.resident_bytes()
    """

    def __init__(self, command: Command, cores: Collection[int], request: Request) -> None:
        self.command = command
        self.port = free_port()
        self._cores = cores
        self._request = request
        self._output = tempfile.TemporaryFile()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        began = time.monotonic()
        self._process = subprocess.Popen(
            self.command.at(self.port),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, self._cores),
            start_new_session=True,
        )
        try:
            while not self._answers():
                if self._process.poll() is not None:
                    raise RuntimeError(f"{self.command.name} ended at its start:\n{self._printed()}")
                if time.monotonic() - began > START_TIMEOUT_S:
                    raise RuntimeError(f"{self.command.name} does not answer:\n{self._printed()}")
                time.sleep(POLL_S)
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

    def ask(self, path: str | None = None) -> tuple[int, bytes]:
        """Sends the request, or a GET of a path, on a connection of its own; status and body."""
        # From another address: a socket that connects to a free port of its own address may be given
        # this very port, and then answers itself.
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=START_TIMEOUT_S, source_address=("127.0.0.2", 0)
        )
        try:
            if path is None:
                own = self._request
                connection.request("POST", own.path, own.body, dict(own.headers))
            else:
                connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ask_raw(self) -> bytes:
        """Sends the request as wrk does and returns the whole answer as it is on the wire."""
        with socket.create_connection(("127.0.0.1", self.port), START_TIMEOUT_S) as connection:
            connection.sendall(self._request.on_wire(self.port))
            answer = b""
            while not _is_whole(answer):
                received = connection.recv(65536)
                if not received:
                    raise RuntimeError(f"{self.command.name} cut its answer off: {answer!r}")
                answer += received
        return answer

    def cpu_time(self) -> CpuTime:
        """User and system time of the server and its living children."""
        total_ns = user = system = 0
        for pid in self._tree():
            fields = _stat_fields(pid)
            user += int(fields[11])
            system += int(fields[12])
            total_ns += sum(parse_schedstat(text) for text in _of_each_task(pid, "schedstat"))
        return CpuTime(total_ns / 1e9, user, system)

    def resident_bytes(self) -> int:
        """Resident memory. Of several processes the sum of their shares (PSS), so that a page that
        they share counts once."""
        rollups = [
            Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii") for pid in self._tree()
        ]
        kind = "Rss" if len(rollups) == 1 else "Pss"
        return sum(parse_rollup(text, kind) for text in rollups)

    def _answers(self) -> bool:
        try:
            return self.ask()[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _printed(self) -> str:
        # The child writes at the offset that it shares with us: read without moving it.
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode("utf-8", "replace")

    def _tree(self) -> list[int]:
        assert self._process is not None
        tree = [self._process.pid]
        for pid in tree:
            tree += _children(pid)
        return tree

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)
            with contextlib.suppress(ProcessLookupError):  # what is left of the session, if anything
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._output.close()


def start_ms(helper: Path, command: Command, request: Request, core: int, helper_core: int) -> float:
    """From exec of the command to its first right answer, as bench/start.cpp measures it."""
    port = free_port()
    with tempfile.NamedTemporaryFile() as file:
        file.write(request.on_wire(port))
        file.flush()
        finished = subprocess.run(
            [str(helper), str(port), str(core), file.name, *command.at(port)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * START_TIMEOUT_S,
            preexec_fn=lambda: os.sched_setaffinity(0, {helper_core}),
        )
    if finished.returncode != 0:
        raise RuntimeError(f"{command.name} did not start:\n{finished.stderr}")
    return float(finished.stdout) / 1e3


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def parse_schedstat(text: str) -> int:
    """Nanoseconds that a task has run, from /proc/PID/task/TID/schedstat."""
    return int(text.split()[0])


def parse_rollup(text: str, kind: str) -> int:
    """Bytes of one kind ("Rss", "Pss") from /proc/PID/smaps_rollup."""
    match = re.search(rf"^{kind}:\s+(\d+) kB", text, re.MULTILINE)
    if not match:
        raise ValueError(f"smaps_rollup: expected a line '{kind}: … kB', found {text!r}")
    return int(match[1]) * 1024


def _is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    return bool(separator) and length is not None and len(body) >= int(length[1])


def _children(pid: int) -> list[int]:
    return [int(child) for text in _of_each_task(pid, "children") for child in text.split()]


def _of_each_task(pid: int, name: str) -> list[str]:
    texts = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that just ended
            texts.append((task / name).read_text(encoding="ascii"))
    return texts


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the name before may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
