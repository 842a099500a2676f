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
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness import connections, contenders, goals, machine, run, server, session, summary, table
from harness.connections import ConnectionCost
from harness.contenders import IRIS, LIMIT, Contender, Programs
from harness.goals import Judgement
from harness.server import Server
from harness.session import GENERATOR_CORE, PAGE, ROOT, SERVER_CORE, progress
from harness.summary import Measurement
from harness.wrk import Wrk

CONNECTIONS = 100
IDLE_CONNECTIONS = 10_000
# In each repeat a server is started until this time has passed, once at least.
STARTS_S = 1.0
MOST_STARTS = 20


def measure_all(arguments: argparse.Namespace, programs: Programs, folder: Path) -> list[Measurement]:
    """Every row in every repeat, in an order of its own for each."""
    listed = [
        contender
        for contender in contenders.contenders(programs, folder, SERVER_CORE)
        if not arguments.only or contender.name in arguments.only
    ]
    wrk = Wrk(folder, GENERATOR_CORE, CONNECTIONS)
    order = random.Random(arguments.seed)
    measurements = []
    for repeat in range(1, arguments.repeats + 1):
        in_turn = contenders.shuffled(listed, order)
        progress(
            f"repeat {repeat}/{arguments.repeats}, seed {arguments.seed}: "
            + "; ".join(contender.name for contender in in_turn)
        )
        for contender in in_turn:
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
    """All figures of a row: its starts, its load, its idle connections."""
    loaded = run.loaded(
        contender.command, contender.request, {SERVER_CORE}, wrk, repeat, arguments.duration
    )
    return dataclasses.replace(
        loaded,
        start_ms=statistics.median(starts_ms(contender, arguments.helpers / "start")),
        connection=connection_cost(contender) if contender.name in (IRIS, LIMIT) else None,
    )


def connection_cost(contender: Contender) -> ConnectionCost:
    """In a server of its own: memory that a load has left behind would hold connections too."""
    with Server(contender.command, {SERVER_CORE}, contender.request) as started:
        return connections.measure(started, contender.request, IDLE_CONNECTIONS)


def starts_ms(contender: Contender, helper: Path) -> list[float]:
    """Starts the server again and again; how long each start took."""
    began, took = time.monotonic(), []
    while not took or (time.monotonic() - began < STARTS_S and len(took) < MOST_STARTS):
        took.append(
            server.start_ms(
                helper, contender.command, contender.request, SERVER_CORE, GENERATOR_CORE
            )
        )
    return took


def report(
    arguments: argparse.Namespace,
    programs: Programs,
    measurements: Sequence[Measurement],
    judgements: Sequence[Judgement],
    unsound: Sequence[str],
) -> None:
    """Prints the figures and, when they are sound and it is asked for, records them."""
    facts = machine.describe(ROOT)
    terms = {**session.terms(arguments, CONNECTIONS), "idle_connections": IDLE_CONNECTIONS}
    rows = [name for name in contenders.ORDER if any(m.server == name for m in measurements)]
    figures = {name: summary.spreads(measurements, name) for name in rows}
    text = "\n\n".join(
        [
            table.figures(figures, table.LOAD),
            table.figures(figures, table.FOOTPRINT),
            table.judgements(judgements),
            f"{table.terms({**facts, **terms})} {contenders.versions(programs)}",
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    contenders.add_arguments(parser)
    session.add_arguments(parser, duration_s=5)
    parser.add_argument("--only", action="append", default=[], metavar="ROW", help="this row alone; repeatable")
    arguments = parser.parse_args()
    if unknown := set(arguments.only) - set(contenders.ORDER):
        parser.error(f"--only: no row '{unknown.pop()}'; there is: {'; '.join(contenders.ORDER)}")
    if arguments.only and arguments.record:
        parser.error("--record takes every row; leave --only out")
    programs = contenders.programs(arguments)
    if lack := session.missing([*programs.files(), *programs.peers()]):
        progress(f"bench serve: {lack}")
        return 3
    session.end_cleanly()
    try:
        connections.allow_descriptors(IDLE_CONNECTIONS)
        with tempfile.TemporaryDirectory() as folder:
            measurements = measure_all(arguments, programs, Path(folder))
    except RuntimeError as error:
        progress(f"bench serve: {error}")
        return 1
    unsound = summary.unsound(measurements)
    judgements = goals.judge(measurements)
    report(arguments, programs, measurements, judgements, unsound)
    missed = [judgement.missed for judgement in judgements if judgement.missed]
    return session.conclude("serve", arguments, unsound, missed)


if __name__ == "__main__":
    sys.exit(main())
