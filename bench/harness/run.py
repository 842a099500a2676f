"""One server under one load."""

from __future__ import annotations

from collections.abc import Collection

from harness import machine
from harness.request import Request
from harness.server import Command, Server
from harness.summary import Measurement
from harness.wrk import Load, Wrk

WARM_UP_S = 1


def loaded(
    command: Command, request: Request, cores: Collection[int], wrk: Wrk, repeat: int, seconds: int
) -> Measurement:
    """Starts the server, checks its answers while it warms up, loads it for so long, stops it.

    Raises RuntimeError on a wrong answer or an error: the figures would not be worth having.
    """
    with Server(command, cores, request) as server:
        idle_bytes = server.resident_bytes()
        warm_up(server, wrk, request)
        machine_before, before = machine.busy_s(), server.cpu_time()
        load = wrk.measure(server.port, request, seconds)
        cpu = server.cpu_time() - before
        machine_busy_s = machine.busy_s() - machine_before
        require_answers(command.name, load)
        return Measurement(
            command.name, repeat, load, cpu, machine_busy_s, idle_bytes, server.resident_bytes()
        )


def warm_up(server: Server, wrk: Wrk, request: Request) -> None:
    """Loads it for a second in which every answer is looked at."""
    name = server.command.name
    first = server.ask()[1]
    if not request.is_answered_by(first):
        raise RuntimeError(f"{name}: expected {_shown(request.expected)}, got {_shown(first)}")
    answers, failures = wrk.check(server.port, request, WARM_UP_S)
    if failures or not answers:
        raise RuntimeError(
            f"{name}: {failures} of {answers} answers were not {_shown(request.expected)}"
        )


def require_answers(name: str, load: Load) -> None:
    """There were some, and no errors."""
    if load.errors or load.non_2xx or not load.requests:
        raise RuntimeError(
            f"{name}: {load.requests} requests, {load.errors} socket errors, "
            f"{load.non_2xx} answers other than 2xx"
        )


def _shown(body: bytes) -> str:
    return repr(body if len(body) <= 200 else body[:200] + b"...")
