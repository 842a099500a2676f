"""`./run bench curves`: what iris serve costs as requests grow and as threads are added.

    bench/curves.py --repeats 3 --duration 2 --record

Requests of 1 to 10,000 rows to one thread on core 0, in each format; requests of three rows to one
thread on core 0 and to two on both cores, which is all cores: wrk, always on core 1, shares the second
with them. Every repeat measures all points in an order drawn from --seed. Exit status: 0 done; 1 a
wrong answer, an error under load, or, with --goal, a cliff; 2 wrong use; 3 the machine lacks something.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from harness import contenders, machine, request, run, session, summary, svg, table
from harness.contenders import LABELS, Programs
from harness.request import Request
from harness.session import GENERATOR_CORE, PAGE, ROOT, SERVER_CORE, progress
from harness.summary import Measurement, Spread
from harness.wrk import Wrk

PICTURE = ROOT / "docs" / "images" / "curves.svg"
ROWS = [1, 10, 100, 1_000, 10_000]
THREADS = [1, 2]
# Few, so that 10,000 rows on each are no lesson on how much is admitted at a time.
CONNECTIONS = 8
# A row may cost so much more in a request of ten times the rows; more is a cliff.
CLIFF = 1.25

Format = Callable[[request.Rows, Sequence[str]], Request]


@dataclasses.dataclass(frozen=True)
class Point:
    """What is measured: a format of request, rows in each, threads of the server."""

    format: str
    rows: int
    threads: int

    @property
    def name(self) -> str:
        return f"{self.format}, {self.rows:,} rows, {self.threads} threads"


def formats(programs: Programs, rows: request.Rows) -> dict[str, Format]:
    """Each format that iris answers, by the name that the curves have for it."""
    names = contenders.v2_names(programs, request.predict(rows, LABELS), SERVER_CORE)
    return {
        "/predict": request.predict,
        "V2": functools.partial(request.v2_json, names=names),
        "V2 binary": functools.partial(request.v2_binary, names=names),
    }


def repeated(values: Sequence, count: int) -> list:
    """So many values, the given ones again and again."""
    return [values[i % len(values)] for i in range(count)]


def measure_all(
    arguments: argparse.Namespace, programs: Programs, folder: Path
) -> dict[Point, list[Measurement]]:
    rows = request.rows_of(programs.manifest)
    known = formats(programs, rows)
    points = [Point(name, count, 1) for name in known for count in ROWS]
    points += [Point("/predict", len(rows), threads) for threads in THREADS]
    requests = {
        point: known[point.format](repeated(rows, point.rows), repeated(LABELS, point.rows))
        for point in points
    }
    wrk = Wrk(folder, GENERATOR_CORE, CONNECTIONS)
    order = random.Random(arguments.seed)
    measured: dict[Point, list[Measurement]] = {point: [] for point in points}
    for repeat in range(1, arguments.repeats + 1):
        progress(f"repeat {repeat}/{arguments.repeats}, seed {arguments.seed}")
        for point in order.sample(points, len(points)):
            command = contenders.iris(programs, point.name, point.threads)
            cores = {SERVER_CORE, GENERATOR_CORE}
            cores = cores if point.threads > 1 else {SERVER_CORE}
            one = run.loaded(command, requests[point], cores, wrk, repeat, arguments.duration)
            progress(f"  {point.name}: {one.cpu_us:,.2f} µs CPU a request")
            measured[point].append(one)
    return measured


def cpu_us(measured: Sequence[Measurement]) -> Spread:
    return Spread.of([m.cpu_us for m in measured])


def requests_per_s(measured: Sequence[Measurement]) -> Spread:
    return Spread.of([m.load.requests_per_s for m in measured])


def by_rows(measured: dict[Point, list[Measurement]]) -> dict[str, list[tuple[int, Spread]]]:
    """For each format the processor time a request in µs, by rows."""
    curves: dict[str, list[tuple[int, Spread]]] = {}
    for point, own in measured.items():
        if point.rows in ROWS:
            curves.setdefault(point.format, []).append((point.rows, cpu_us(own)))
    return curves


def cliffs(curves: dict[str, list[tuple[int, Spread]]]) -> list[str]:
    """One sentence for each place where more rows make a row cost clearly more."""
    found = []
    for name, curve in curves.items():
        for (fewer, before), (more, after) in zip(curve, curve[1:]):
            growth = (after.median / more) / (before.median / fewer)
            if growth > CLIFF:
                found.append(
                    f"{name}: a row costs {growth:.2f} times as much in a request of {more:,} as in "
                    f"one of {fewer:,}; the goal is at most {CLIFF:g}"
                )
    return found


def draw(measured: dict[Point, list[Measurement]]) -> str:
    curves = by_rows(measured)
    threads = [(p.threads, own) for p, own in measured.items() if p.rows not in ROWS]
    thousands = [(n, requests_per_s(own).times(1e-3)) for n, own in threads]
    whole = [svg.Series(name, curve) for name, curve in curves.items()]
    each = [
        svg.Series(name, [(rows, spread.times(1e3 / rows)) for rows, spread in curve])
        for name, curve in curves.items()
    ]
    return svg.draw(
        [
            svg.Panel("CPU µs a request", "rows in a request", whole, logarithmic=True),
            svg.Panel("CPU ns a row", "rows in a request", each, logarithmic=True),
            svg.Panel(
                "thousand requests/s",
                "threads on 2 cores, one shared with wrk",
                [svg.Series("/predict, 3 rows", thousands)],
                logarithmic=False,
            ),
        ]
    )


def tables(measured: dict[Point, list[Measurement]]) -> str:
    lines = [
        "| format | rows | threads | CPU µs/request | CPU ns/row | requests/s | wrk core busy, % |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for point, own in measured.items():
        cpu, busy = cpu_us(own), Spread.of([m.generator_busy for m in own])
        cells = [
            table.cell(cpu, 1.0, 2),
            table.cell(cpu, 1e3 / point.rows, 1),
            table.cell(requests_per_s(own), 1.0, 0),
            table.cell(busy, 100.0, 0),
        ]
        lines.append(f"| {point.format} | {point.rows:,} | {point.threads} | {' | '.join(cells)} |")
    return "\n".join(lines)


def report(
    arguments: argparse.Namespace, measured: dict[Point, list[Measurement]], unsound: list[str]
) -> None:
    """Prints the figures and, when they are sound and it is asked for, records and draws them."""
    facts = machine.describe(ROOT)
    terms = session.terms(arguments, CONNECTIONS)
    text = "\n\n".join([tables(measured), table.terms({**facts, **terms})])
    if arguments.json:
        points = [
            {**dataclasses.asdict(point), "measurements": [dataclasses.asdict(m) for m in own]}
            for point, own in measured.items()
        ]
        print(json.dumps({"machine": facts, "terms": terms, "points": points, "unsound": unsound}))
    else:
        print(text)
    if arguments.picture:
        arguments.picture.write_text(draw(measured), encoding="utf-8")
    if arguments.record and not unsound:
        shown = "![Processor time by rows, requests/s by threads](images/curves.svg)"
        table.write_section(PAGE, "bench:curves", f"{shown}\n\n{text}")
        PICTURE.write_text(draw(measured), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    contenders.add_arguments(parser)
    session.add_arguments(parser, duration_s=2)
    parser.add_argument("--picture", type=Path, help="draw the curves into this SVG file")
    arguments = parser.parse_args()
    programs = contenders.programs(arguments)
    if lack := session.missing(programs.files()):
        progress(f"bench curves: {lack}")
        return 3
    session.end_cleanly()
    try:
        with tempfile.TemporaryDirectory() as folder:
            measured = measure_all(arguments, programs, Path(folder))
    except RuntimeError as error:
        progress(f"bench curves: {error}")
        return 1
    unsound = summary.unsound([m for own in measured.values() for m in own])
    report(arguments, measured, unsound)
    return session.conclude("curves", arguments, unsound, cliffs(by_rows(measured)))


if __name__ == "__main__":
    sys.exit(main())
