"""What an idle connection costs a server in memory."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

from harness.request import Request
from harness.server import Server

# Ours beside the connections: the interpreter's own, and room.
OTHER_DESCRIPTORS = 200
ANSWER_TIMEOUT_S = 10.0


@dataclasses.dataclass(frozen=True)
class ConnectionCost:
    """Bytes for each of many idle connections."""

    process_bytes: float  # of the server's own resident memory
    kernel_bytes: float  # of the kernel's memory, for both ends: the client is on this machine too


def measure(server: Server, request: Request, count: int) -> ConnectionCost:
    """Opens `count` connections; each gets one answer and is then left alone, as clients do."""
    resident, kernel = server.resident_bytes(), kernel_bytes()
    with open_connections(server.port, request, count):
        return ConnectionCost(
            (server.resident_bytes() - resident) / count,
            (kernel_bytes() - kernel) / count,
        )


@contextlib.contextmanager
def open_connections(port: int, request: Request, count: int) -> Iterator[None]:
    allow_descriptors(count)
    asked = request.on_wire(port)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT_S)
            stack.enter_context(connection)
            connection.sendall(asked)
            answer = connection.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"expected 200 on every connection, got {answer!r}")
        yield


def allow_descriptors(count: int) -> None:
    """Lets this process, and what it starts, open so many descriptors."""
    needed = count + OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < needed:
        raise RuntimeError(f"{count} connections need {needed} descriptors; ulimit -Hn is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))


def kernel_bytes() -> int:
    """The kernel's objects (sockets, descriptors, entries of epoll) and its TCP buffers."""
    slab = parse_kb(Path("/proc/meminfo").read_text(encoding="ascii"), "Slab")
    pages = parse_tcp_pages(Path("/proc/net/sockstat").read_text(encoding="ascii"))
    return slab * 1024 + pages * resource.getpagesize()


def parse_kb(meminfo: str, name: str) -> int:
    match = re.search(rf"^{name}:\s+(\d+) kB", meminfo, re.MULTILINE)
    if not match:
        raise ValueError(f"meminfo: expected a line '{name}: … kB'")
    return int(match[1])


def parse_tcp_pages(sockstat: str) -> int:
    match = re.search(r"^TCP: .*\bmem (\d+)", sockstat, re.MULTILINE)
    if not match:
        raise ValueError("sockstat: expected a line 'TCP: … mem …'")
    return int(match[1])
