"""`./run bench metrics`: what counting costs.

    bench/metrics.py --repeats 10 --duration 2 --record

The program beside one that is built without counters, histograms and the clock readings that they
need (CMake's IRIS_UNCOUNTED): both at the same time on core 0, each loaded by its own wrk on core 1,
started anew for each repeat. What a request costs more in processor time is what a full core loses in
requests/s. Exit status: 0 done; 1 a wrong answer, an error under load or, with --goal, a cost above
the goal; 2 wrong use; 3 the machine lacks something.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from harness import contenders, goals, machine, request, run, session, table, together
from harness.contenders import LABELS
from harness.goals import Judgement
from harness.session import GENERATOR_CORE, PAGE, ROOT, SERVER_CORE, progress
from harness.summary import Spread

CONNECTIONS = 100
COUNTED, UNCOUNTED = "iris", "iris without metrics"


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    """Processor time a request in µs, for each repeat."""
    counted = contenders.programs(arguments)
    uncounted = dataclasses.replace(counted, iris=arguments.uncounted)
    commands = [contenders.iris(counted, COUNTED), contenders.iris(uncounted, UNCOUNTED)]
    predict = request.predict(request.rows_of(counted.manifest), LABELS)
    cores = SERVER_CORE, GENERATOR_CORE
    measured: dict[str, list[float]] = {COUNTED: [], UNCOUNTED: []}
    for repeat in range(1, arguments.repeats + 1):
        # In turns, so that neither is always the first to start.
        order = commands if repeat % 2 else commands[::-1]
        costs = together.cpu_us(order, predict, cores, folder, CONNECTIONS, arguments.duration)
        for command, cost in zip(order, costs):
            measured[command.name].append(cost)
        progress(f"repeat {repeat}/{arguments.repeats}: {measured[COUNTED][-1]:.2f} µs a request, "
                 f"without metrics {measured[UNCOUNTED][-1]:.2f}")  # fmt: skip
    return measured


def report(
    arguments: argparse.Namespace, measured: dict[str, list[float]], cost: Judgement
) -> None:
    """Prints the figures and, when it is asked for, records them."""
    facts = machine.describe(ROOT)
    terms = {
        "connections": CONNECTIONS,
        "repeats": arguments.repeats,
        "duration_s": arguments.duration,
        "warm_up_s": run.WARM_UP_S,
    }
    lines = ["| program | CPU µs/request |", "| --- | ---: |"]
    lines += [f"| {n} | {table.cell(Spread.of(own), 1.0, 2)} |" for n, own in measured.items()]
    how = "{repeats} repeats of {duration_s} s after {warm_up_s} s of warm-up, {connections} connections "
    how += "to each, both at the same time on one core. {date}, commit {commit}: {cpu}, {cores} cores, "
    how += "Linux {kernel}, {os}, {compiler}."
    text = "\n\n".join(
        ["\n".join(lines), table.judgements([cost]), how.format(**facts, **terms)]
    )
    if arguments.json:
        document = {"machine": facts, "terms": terms, "cpu_us": measured}
        print(json.dumps({**document, "judgement": dataclasses.asdict(cost)}, ensure_ascii=False))
    else:
        print(text)
    if arguments.record:
        table.write_section(PAGE, "bench:metrics", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    contenders.add_arguments(parser)
    session.add_arguments(parser, duration_s=2)
    parser.add_argument("--uncounted", type=Path, default=ROOT / "build/uncounted/serving/iris",
                        help="the program without metrics")  # fmt: skip
    arguments = parser.parse_args()
    if lack := session.missing([*contenders.programs(arguments).files(), arguments.uncounted]):
        progress(f"bench metrics: {lack}")
        return 3
    session.end_cleanly()
    try:
        with tempfile.TemporaryDirectory() as folder:
            measured = measure(arguments, Path(folder))
    except RuntimeError as error:
        progress(f"bench metrics: {error}")
        return 1
    cost = goals.cost_of_metrics(measured[COUNTED], measured[UNCOUNTED])
    report(arguments, measured, cost)
    return session.conclude("metrics", arguments, [], [cost.missed] if cost.missed else [])


if __name__ == "__main__":
    sys.exit(main())
