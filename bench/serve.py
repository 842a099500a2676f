"""`./run bench serve`: iris serve beside the limit of the machine and beside its peers.

    bench/serve.py --repeats 5 --duration 5 --goal

Every repeat starts every server one after the other in an order drawn from --seed, each on core 0
with wrk on core 1. docs/performance.md says what each figure means. Exit status: 0 done; 1 a wrong
answer, an error under load, or, with --goal, a goal that is missed, or with --record, figures not
fit to be recorded; 2 wrong use; 3 the machine lacks something.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import contenders
import goals
from contenders import IRIS, LIMIT, Contender, Programs
from harness import connections, machine, server, summary, table
from harness.connections import ConnectionCost
from harness.server import Server
from harness.summary import Measurement
from harness.wrk import Wrk

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"

SERVER_CORE, GENERATOR_CORE = 0, 1
CONNECTIONS = 100
IDLE_CONNECTIONS = 10_000
WARM_UP_S = 1
# In each repeat a server is started until this time has passed, once at least.
STARTS_S = 1.0
MOST_STARTS = 20


class Failed(Exception):
    """A verdict: the figures would not be worth having."""


def measure_all(arguments: argparse.Namespace, programs: Programs, folder: Path) -> list[Measurement]:
    """Every server in every repeat, in an order of its own for each."""
    listed = [
        contender
        for contender in contenders.contenders(programs, folder, SERVER_CORE)
        if not arguments.only or contender.name in arguments.only
    ]
    wrk = Wrk(folder, GENERATOR_CORE, CONNECTIONS)
    order = random.Random(arguments.seed)
    measurements = []
    for repeat in range(1, arguments.repeats + 1):
        shuffled = order.sample(listed, len(listed))
        progress(
            f"repeat {repeat}/{arguments.repeats}, seed {arguments.seed}: "
            + "; ".join(contender.name for contender in shuffled)
        )
        for contender in shuffled:
            measurement = measure(contender, wrk, repeat, arguments)
            progress(
                f"  {contender.name}: {measurement.load.requests_per_s:,.0f} requests/s, "
                f"{measurement.cpu_us:.2f} µs CPU, start {measurement.start_ms:.1f} ms"
            )
            measurements.append(measurement)
    return measurements


def measure(
    contender: Contender, wrk: Wrk, repeat: int, arguments: argparse.Namespace
) -> Measurement:
    """Starts, checks while warming up, loads, stops. Raises Failed on a wrong answer or an error."""
    request, name = contender.request, contender.name
    start_ms = statistics.median(starts_ms(contender, arguments.helpers))
    with Server(contender.command, {SERVER_CORE}, request) as started:
        idle_bytes = started.resident_bytes()
        first = started.ask()[1]
        if not request.is_answered_by(first):
            raise Failed(f"{name}: expected {request.expected!r}, got {first!r}")
        answers, failures = wrk.check(started.port, request, WARM_UP_S)
        if failures or not answers:
            raise Failed(f"{name}: {failures} of {answers} answers were not {request.expected!r}")
        machine_before, before = machine.busy_s(), started.cpu_time()
        load = wrk.measure(started.port, request, arguments.duration)
        cpu = started.cpu_time() - before
        machine_busy_s = machine.busy_s() - machine_before
        if load.errors or load.non_2xx or not load.requests:
            raise Failed(
                f"{name}: {load.requests} requests, {load.errors} socket errors, "
                f"{load.non_2xx} answers other than 2xx"
            )
        loaded_bytes = started.resident_bytes()
    connection = connection_cost(contender) if name in (IRIS, LIMIT) else None
    return Measurement(
        name, repeat, load, cpu, machine_busy_s, idle_bytes, loaded_bytes, start_ms, connection
    )


def connection_cost(contender: Contender) -> ConnectionCost:
    """In a server of its own: memory that a load has left behind would hold connections too."""
    with Server(contender.command, {SERVER_CORE}, contender.request) as started:
        return connections.measure(started, contender.request, IDLE_CONNECTIONS)


def starts_ms(contender: Contender, helpers: Path) -> list[float]:
    """Starts the server again and again; how long each start took."""
    began, took = time.monotonic(), []
    while not took or (time.monotonic() - began < STARTS_S and len(took) < MOST_STARTS):
        took.append(
            server.start_ms(
                helpers / "start", contender.command, contender.request, SERVER_CORE, GENERATOR_CORE
            )
        )
    return took


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def missing(arguments: argparse.Namespace, programs: Programs) -> str:
    """What the machine or the checkout lacks, and how to get it; empty when nothing."""
    cores = os.sched_getaffinity(0)
    if not {SERVER_CORE, GENERATOR_CORE} <= cores:
        return f"needs cores {SERVER_CORE} and {GENERATOR_CORE}; this process may use {sorted(cores)}"
    if shutil.which("wrk") is None:
        return "needs wrk: apt-get install wrk"
    if not Path("/proc/self/schedstat").is_file():
        return "needs /proc/PID/schedstat: a kernel with CONFIG_SCHED_INFO"
    helpers = [arguments.helpers / "limit", arguments.helpers / "start"]
    needed = [programs.iris, *helpers, programs.model, programs.data, programs.manifest]
    for path in needed:
        if not path.is_file():
            return f"needs {path}; ./run bench builds the programs, './run build && iris pull' the rest"
    if peers := contenders.missing_environments(programs):
        return f"needs {programs.environments}/{peers[0]}; ./run bench serve makes it"
    return ""


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--iris", type=Path, default=ROOT / "build/release/iris", help="the program")
    parser.add_argument(
        "--helpers", type=Path, default=ROOT / "build/bench/bench", help="folder of limit and start"
    )
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv-bench", help="of the peers")
    parser.add_argument("--model", type=Path, default=ROOT / "models/model.onnx")
    parser.add_argument("--data", type=Path, default=ROOT / "data/data.csv")
    parser.add_argument(
        "--manifest", type=Path, default=ROOT / "k8s/wrk-configmap.yaml", help="holds the rows"
    )
    parser.add_argument("--repeats", type=int, default=summary.COMPARISON_REPEATS)
    parser.add_argument("--duration", type=int, default=5, help="seconds of load per server")
    parser.add_argument("--seed", type=int, default=1, help="of the order within each repeat")
    parser.add_argument("--only", action="append", metavar="ROW", help="this row alone; repeatable")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--goal", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--record", action="store_true", help=f"write into {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    if arguments.repeats < 1 or arguments.duration < 1:
        parser.error("--repeats and --duration are at least 1")
    if arguments.only and arguments.record:
        parser.error("--record takes every row; leave --only out")
    return arguments


def report(
    arguments: argparse.Namespace,
    programs: Programs,
    measurements: Sequence[Measurement],
    unsound: list[str],
) -> None:
    """Prints the figures and, when they are sound and it is asked for, records them."""
    facts = machine.describe(ROOT)
    terms = {
        "connections": CONNECTIONS,
        "idle_connections": IDLE_CONNECTIONS,
        "repeats": arguments.repeats,
        "duration_s": arguments.duration,
        "warm_up_s": WARM_UP_S,
        "seed": arguments.seed,
        "versions": ", ".join(contenders.versions(programs)),
    }
    rows = [name for name in contenders.ORDER if any(m.server == name for m in measurements)]
    figures = {name: summary.spreads(measurements, name) for name in rows}
    judgements = goals.judge(measurements)
    text = "\n\n".join(
        [
            table.figures(figures, table.LOAD),
            table.figures(figures, table.FOOTPRINT),
            table.judgements(judgements),
            table.terms({**facts, **terms}),
        ]
    )
    if arguments.json:
        document = {
            "machine": facts,
            "terms": terms,
            "measurements": [dataclasses.asdict(m) for m in measurements],
            "figures": {
                name: {k: v and dataclasses.asdict(v) for k, v in own.items()}
                for name, own in figures.items()
            },
            "unsound": unsound,
            "judgements": [dataclasses.asdict(j) for j in judgements],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print(text)
    if arguments.record and not unsound:
        table.write_section(PAGE, "bench:serve", text)


def main() -> int:
    arguments = read_arguments()
    programs = Programs(
        arguments.iris,
        arguments.helpers / "limit",
        arguments.model,
        arguments.data,
        arguments.environments,
        arguments.manifest,
    )
    if lack := missing(arguments, programs):
        progress(f"bench serve: {lack}")
        return 3
    # So that the servers are ended when this program is asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        connections.allow_descriptors(IDLE_CONNECTIONS)
        with tempfile.TemporaryDirectory() as folder:
            measurements = measure_all(arguments, programs, Path(folder))
    except (Failed, RuntimeError) as error:
        progress(f"bench serve: {error}")
        return 1
    unsound = summary.unsound(measurements)
    report(arguments, programs, measurements, unsound)
    missed = []
    if arguments.goal:
        judgements = goals.judge(measurements)
        missed = [judgement.missed for judgement in judgements if judgement.missed]
    for reason in unsound:
        progress(f"bench serve: not a comparison to quote: {reason}")
    for sentence in missed:
        progress(f"bench serve: {sentence}")
    return 1 if missed or (arguments.record and unsound) else 0


if __name__ == "__main__":
    sys.exit(main())
