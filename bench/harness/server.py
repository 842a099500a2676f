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
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.001
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Request:
    """The request that every server is asked."""

    path: str
    body: bytes
    content_type: str = "application/json"


@dataclasses.dataclass(frozen=True)
class Command:
    """How to start a server; `address` finds its port, the first group, in what it prints."""

    name: str
    argv: list[str]
    address: re.Pattern[str]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class CpuTime:
    """Processor time of a process tree since its start, in seconds."""

    user_s: float
    system_s: float

    def __sub__(self, earlier: CpuTime) -> CpuTime:
        return CpuTime(self.user_s - earlier.user_s, self.system_s - earlier.system_s)


class Server:
    """Runs a command while the `with` block lasts.

    with Server(command, core=0, request=request) as server:
        server.start_ms, server.port, server.cpu_time(), server.resident_bytes()
    """

    def __init__(self, command: Command, core: int, request: Request) -> None:
        self.command = command
        self._core = core
        self._request = request
        self._output = tempfile.TemporaryFile()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.start_ms = 0.0  # from exec to the first answered request

    def __enter__(self) -> Server:
        began = time.monotonic()
        self._process = subprocess.Popen(
            self.command.argv,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.command.environment},
            preexec_fn=lambda: os.sched_setaffinity(0, {self._core}),
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
        self.start_ms = (time.monotonic() - began) * 1e3
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def ask(self) -> tuple[int, bytes]:
        """Sends the request on a connection of its own; its status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_TIMEOUT_S)
        try:
            headers = {"Content-Type": self._request.content_type}
            connection.request("POST", self._request.path, self._request.body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ask_raw(self) -> bytes:
        """Sends the request as wrk does and returns the whole answer as it is on the wire."""
        head = (
            f"POST {self._request.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: {self._request.content_type}\r\n"
            f"Content-Length: {len(self._request.body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", self.port), START_TIMEOUT_S) as connection:
            connection.sendall(head.encode("ascii") + self._request.body)
            answer = b""
            while not _is_whole(answer):
                received = connection.recv(65536)
                if not received:
                    raise RuntimeError(f"{self.command.name} cut its answer off: {answer!r}")
                answer += received
        return answer

    def cpu_time(self) -> CpuTime:
        """User and system time of the server and its living children."""
        user = system = 0
        for pid in self._tree():
            fields = _stat_fields(pid)
            user += int(fields[11])
            system += int(fields[12])
        return CpuTime(user / TICKS_PER_S, system / TICKS_PER_S)

    def resident_bytes(self) -> int:
        """Resident memory of the tree; a page that processes share counts once (PSS)."""
        total = 0
        for pid in self._tree():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            match = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
            total += int(match[1]) * 1024 if match else 0
        return total

    def _answers(self) -> bool:
        if self.port == 0:
            match = self.command.address.search(self._printed())
            self.port = int(match[1]) if match else 0
        try:
            return self.port != 0 and self.ask()[0] == 200
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
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._output.close()


def _is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    return bool(separator) and length is not None and len(body) >= int(length[1])


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that just ended
            children += map(int, (task / "children").read_text(encoding="ascii").split())
    return children


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the name before may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
