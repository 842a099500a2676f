"""Two servers at the same time, on the same core: what disturbs one disturbs the other.

Their cost a request can be told apart to a per cent, on a machine whose single figures move by ten.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Sequence
from pathlib import Path

from harness import run
from harness.request import Request
from harness.server import Command, Server
from harness.wrk import Wrk


def cpu_us(
    commands: Sequence[Command],
    request: Request,
    cores: tuple[int, int],
    folder: Path,
    connections: int,
    seconds: int,
) -> list[float]:
    """Processor time a request of each server, in µs; `cores` are of the servers and of the wrks.

    Raises RuntimeError on a wrong answer or an error.
    """
    server_core, generator_core = cores
    generators = []
    for command in commands:
        own = folder / command.name
        own.mkdir(exist_ok=True)
        generators.append(Wrk(own, generator_core, connections))
    with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor() as pool:
        servers = [stack.enter_context(Server(c, {server_core}, request)) for c in commands]
        for server, wrk in zip(servers, generators):
            run.warm_up(server, wrk, request)
        before = [server.cpu_time() for server in servers]
        loads = list(
            pool.map(lambda s, w: w.measure(s.port, request, seconds), servers, generators)
        )
        spent = [server.cpu_time() - start for server, start in zip(servers, before)]
        for command, load in zip(commands, loads):
            run.require_answers(command.name, load)
        return [cpu.total_s * 1e6 / load.requests for cpu, load in zip(spent, loads)]
