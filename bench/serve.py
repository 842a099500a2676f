"""`./run bench serve`: iris serve beside the limit of the machine and beside the usual Python service.

    bench/serve.py --iris build/release/iris --limit build/bench/bench/limit --repeats 5 --duration 5

Every repeat starts the three servers one after the other in an order drawn from --seed, each on
core 0 with wrk on core 1. docs/performance.md says what each figure means. Exit status: 0 done; 1 a
wrong answer, an error under load, or, with --goal, a ratio below the goal, or
with --record, figures not fit to be recorded; 2 wrong use; 3 the machine lacks something.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import re
import shutil
import signal
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness import machine, summary, table
from harness.server import Command, Request, Server
from harness.summary import Measurement, Spread
from harness.wrk import Wrk

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "k8s" / "wrk-configmap.yaml"
PAGE = ROOT / "docs" / "performance.md"

SERVER_CORE, GENERATOR_CORE = 0, 1
CONNECTIONS = 100
WARM_UP_S = 1
# Asked by hand, to see that a server is up and to have its answer; wrk sends the manifest's rows.
REQUEST = Request(
    "/predict",
    b'{"instances":[[5.1,3.5,1.4,0.2],[6.2,2.9,4.3,1.3],[6.3,3.3,6.0,2.5]]}',
)
EXPECTED = '{"predictions":["setosa","versicolor","virginica"]}'

LIMIT, IRIS, REFERENCE = "limit", "iris", "reference"
GOAL_OF_LIMIT = 0.9
GOAL_OF_REFERENCE = 70.0
# Above this part of its core wrk itself is what limits iris.
GENERATOR_FULL = 0.95


class Failed(Exception):
    """A verdict: the figures would not be worth having."""


def commands(arguments: argparse.Namespace, answer: Path) -> dict[str, Command]:
    """The three servers; `answer` is the file of bytes that the limit responder sends."""
    gunicorn = Path(sys.executable).with_name("gunicorn")
    any_address = re.compile(r"http://127\.0\.0\.1:(\d+)")
    listed = [
        Command(LIMIT, [str(arguments.limit), "0", str(answer)], any_address),
        Command(
            IRIS,
            [str(arguments.iris), "serve", "--model", str(arguments.model), "--threads", "1"]
            + ["--host", "127.0.0.1", "--port", "0", "--admin-port", "0"],
            re.compile(r"serving .* on http://127\.0\.0\.1:(\d+)"),
        ),
        Command(
            REFERENCE,
            [str(gunicorn), "--bind", "127.0.0.1:0", "--chdir", str(ROOT / "bench/reference")]
            + ["app:app"],
            any_address,
            {"IRIS_DATA": str(arguments.data.resolve())},
        ),
    ]
    return {command.name: command for command in listed}


def measure_all(arguments: argparse.Namespace, folder: Path) -> list[Measurement]:
    """Every server in every repeat, in an order of its own for each."""
    answer = folder / "answer.http"
    servers = commands(arguments, answer)
    with Server(servers[IRIS], SERVER_CORE, REQUEST) as server:
        whole = server.ask_raw()
    if not whole.endswith(EXPECTED.encode()):
        raise Failed(f"iris: expected {EXPECTED}, got {whole!r}")
    answer.write_bytes(whole)
    wrk = Wrk(arguments.manifest, folder, GENERATOR_CORE, CONNECTIONS)
    order = random.Random(arguments.seed)
    measurements = []
    for repeat in range(1, arguments.repeats + 1):
        names = order.sample(list(servers), len(servers))
        progress(f"repeat {repeat}/{arguments.repeats}, seed {arguments.seed}: {', '.join(names)}")
        for name in names:
            measurement = measure(servers[name], wrk, repeat, arguments.duration)
            progress(f"  {name}: {measurement.load.requests_per_s:,.0f} requests/s")
            measurements.append(measurement)
    return measurements


def measure(command: Command, wrk: Wrk, repeat: int, seconds: int) -> Measurement:
    """Starts, checks while warming up, loads, stops. Raises Failed on a wrong answer or an error."""
    with Server(command, SERVER_CORE, REQUEST) as server:
        url = f"http://127.0.0.1:{server.port}{REQUEST.path}"
        answers, failures = wrk.check(url, WARM_UP_S, EXPECTED)
        if failures or not answers:
            raise Failed(f"{command.name}: {failures} of {answers} answers were not {EXPECTED}")
        machine_before, before = machine.busy_s(), server.cpu_time()
        load = wrk.measure(url, seconds)
        cpu = server.cpu_time() - before
        machine_busy_s = machine.busy_s() - machine_before
        if load.errors or load.non_2xx or not load.requests:
            raise Failed(
                f"{command.name}: {load.requests} requests, {load.errors} socket errors, "
                f"{load.non_2xx} answers other than 2xx"
            )
        memory = server.resident_bytes()
    return Measurement(command.name, repeat, load, cpu, machine_busy_s, memory, server.start_ms)


def rate(m: Measurement) -> float:
    return m.load.requests_per_s


def thrift(m: Measurement) -> float:
    """Requests per µs of the server's processor time."""
    return 1 / m.cpu_us


def ratios(measurements: Sequence[Measurement]) -> dict[str, Spread]:
    """iris against its peers: by requests/s, and by requests per second of processor time."""
    return {
        "requests/s, iris ÷ limit": summary.ratio(measurements, rate, IRIS, LIMIT),
        "requests per CPU second, iris ÷ limit": summary.ratio(measurements, thrift, IRIS, LIMIT),
        "requests/s, iris ÷ reference": summary.ratio(measurements, rate, IRIS, REFERENCE),
        "requests per CPU second, iris ÷ reference": summary.ratio(
            measurements, thrift, IRIS, REFERENCE
        ),
    }


def missed_goals(measurements: Sequence[Measurement]) -> list[str]:
    """One sentence for each goal that the medians do not reach.

    Judged by requests/s, unless wrk's core was full: then that is how fast wrk is, whatever it
    loads, and requests per CPU second say how fast the servers are.
    """
    generator = statistics.median(m.generator_busy for m in measurements if m.server == IRIS)
    figure, unit = (
        (rate, "requests/s")
        if generator <= GENERATOR_FULL
        else (thrift, f"requests per CPU second (wrk's core was {generator:.0%} full)")
    )
    missed = []
    for peer, goal in ((LIMIT, GOAL_OF_LIMIT), (REFERENCE, GOAL_OF_REFERENCE)):
        reached = summary.ratio(measurements, figure, IRIS, peer).median
        if reached < goal:
            missed.append(
                f"iris reaches {reached:.2f} times the {peer}; the goal is {goal}, by {unit}"
            )
    return missed


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def missing(arguments: argparse.Namespace) -> str:
    """What the machine or the checkout lacks, and how to get it; empty when nothing."""
    cores = os.sched_getaffinity(0)
    if not {SERVER_CORE, GENERATOR_CORE} <= cores:
        return f"needs cores {SERVER_CORE} and {GENERATOR_CORE}; this process may use {sorted(cores)}"
    if shutil.which("wrk") is None:
        return "needs wrk: apt-get install wrk"
    needed = "iris", "limit", "model", "data", "manifest"
    for path in (getattr(arguments, name) for name in needed):
        if not path.is_file():
            return f"{path} is not there; './run bench serve' builds and fetches what is needed"
    return ""


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--iris", type=Path, required=True, help="the program")
    parser.add_argument("--limit", type=Path, required=True, help="the responder that parses nothing")
    parser.add_argument("--model", type=Path, default=ROOT / "models/model.onnx")
    parser.add_argument("--data", type=Path, default=ROOT / "data/data.csv")
    parser.add_argument("--manifest", type=Path, default=MANIFEST, help="holds wrk's script")
    parser.add_argument("--repeats", type=int, default=summary.COMPARISON_REPEATS)
    parser.add_argument("--duration", type=int, default=5, help="seconds of load per server")
    parser.add_argument("--seed", type=int, default=1, help="of the order within each repeat")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--goal", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--record", action="store_true", help=f"write into {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    if arguments.repeats < 1 or arguments.duration < 1:
        parser.error("--repeats and --duration are at least 1")
    return arguments


def report(
    arguments: argparse.Namespace, measurements: Sequence[Measurement], unsound: list[str]
) -> None:
    """Prints the figures and, when they are sound and it is asked for, records them."""
    facts = machine.describe(ROOT)
    terms = {
        "connections": CONNECTIONS,
        "repeats": arguments.repeats,
        "duration_s": arguments.duration,
        "warm_up_s": WARM_UP_S,
        "seed": arguments.seed,
    }
    figures = {name: summary.spreads(measurements, name) for name in (LIMIT, IRIS, REFERENCE)}
    text = table.markdown(figures, ratios(measurements), {**facts, **terms})
    if arguments.json:
        document = {
            "machine": facts,
            "terms": terms,
            "measurements": [dataclasses.asdict(m) for m in measurements],
            "figures": {
                server: {k: v and dataclasses.asdict(v) for k, v in own.items()}
                for server, own in figures.items()
            },
            "unsound": unsound,
            "ratios": {k: dataclasses.asdict(v) for k, v in ratios(measurements).items()},
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print(text)
    if arguments.record and not unsound:
        table.write_section(PAGE, "bench:serve", text)


def main() -> int:
    arguments = read_arguments()
    if lack := missing(arguments):
        progress(f"bench serve: {lack}")
        return 3
    # So that the servers are ended when this program is asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with tempfile.TemporaryDirectory() as folder:
            measurements = measure_all(arguments, Path(folder))
    except (Failed, RuntimeError) as error:
        progress(f"bench serve: {error}")
        return 1
    unsound = summary.unsound(measurements)
    report(arguments, measurements, unsound)
    missed = missed_goals(measurements) if arguments.goal else []
    for reason in unsound:
        progress(f"bench serve: not a comparison to quote: {reason}")
    for sentence in missed:
        progress(f"bench serve: {sentence}")
    return 1 if missed or (arguments.record and unsound) else 0


if __name__ == "__main__":
    sys.exit(main())
