"""`./run bench pairs`: iris beside its limit, and beside itself without metrics.

    bench/pairs.py --repeats 10 --duration 2 --record

The two of a pair are loaded at the same time: both on core 0, each by its own wrk on core 1, started
anew for each repeat in an order drawn from --seed. What disturbs one disturbs the other, so that their ratio is good to a per cent or
two where figures taken one after the other move by twenty. Each format of request has its limit, which
sends the same bytes; the program without metrics is built without counters, histograms and the clock
readings that they need (CMake's IRIS_UNCOUNTED). What a request costs more in processor time is what a
full core loses in requests/s. Exit status: 0 done; 1 a wrong answer, an error under load or, with
--goal, a missed goal; 2 wrong use; 3 the machine lacks something.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import sys
import tempfile
from pathlib import Path

from harness import contenders, goals, machine, session, summary, table, together
from harness.contenders import IRIS, LIMIT_OF, Contender
from harness.goals import UNCOUNTED, Judgement
from harness.session import GENERATOR_CORE, PAGE, ROOT, SERVER_CORE, progress
from harness.summary import Spread

CONNECTIONS = 100  # to each

# Processor time a request in µs for each repeat, by name.
Costs = dict[str, list[float]]


def pairs(arguments: argparse.Namespace, folder: Path) -> list[tuple[Contender, Contender]]:
    """Each row of iris with what it stands beside."""
    programs = contenders.programs(arguments)
    uncounted = dataclasses.replace(programs, iris=arguments.uncounted)
    listed = contenders.with_limits(programs, folder, SERVER_CORE)
    found = [(listed[name], listed[limit]) for name, limit in LIMIT_OF.items()]
    without = Contender(contenders.iris(uncounted, UNCOUNTED), listed[IRIS].request)
    return [*found, (listed[IRIS], without)]


def measure(
    arguments: argparse.Namespace, listed: list[tuple[Contender, Contender]], folder: Path
) -> list[Costs]:
    """For each pair the cost of its two."""
    cores = SERVER_CORE, GENERATOR_CORE
    order = random.Random(arguments.seed)
    measured: list[Costs] = [{one.name: [] for one in pair} for pair in listed]
    for repeat in range(1, arguments.repeats + 1):
        progress(f"repeat {repeat}/{arguments.repeats}")
        for pair, costs in zip(listed, measured):
            commands = [one.command for one in order.sample(pair, 2)]
            found = together.cpu_us(
                commands, pair[0].request, cores, folder, CONNECTIONS, arguments.duration
            )
            for command, cost in zip(commands, found):
                costs[command.name].append(cost)
            progress("  " + ", ".join(f"{name} {own[-1]:.2f} µs" for name, own in costs.items()))
    return measured


def report(
    arguments: argparse.Namespace,
    measured: list[Costs],
    judged: list[Judgement],
    unsound: list[str],
) -> None:
    """Prints the figures and, when they are sound and it is asked for, records them."""
    facts = machine.describe(ROOT)
    terms = session.terms(arguments, CONNECTIONS)
    lines = ["| pair | CPU µs/request | beside it |", "| --- | ---: | ---: |"]
    for costs in measured:
        (name, own), (other, theirs) = costs.items()
        cells = [table.cell(Spread.of(values), 1.0, 2) for values in (own, theirs)]
        lines.append(f"| {name} beside {other} | {' | '.join(cells)} |")
    text = "\n\n".join(["\n".join(lines), table.judgements(judged), table.terms({**facts, **terms})])
    if arguments.json:
        judgements = [dataclasses.asdict(one) for one in judged]
        document = {"machine": facts, "terms": terms, "cpu_us": measured, "judgements": judgements, "unsound": unsound}
        print(json.dumps(document, ensure_ascii=False))
    else:
        print(text)
    if arguments.record and not unsound:
        table.write_section(PAGE, "bench:pairs", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    contenders.add_arguments(parser)
    session.add_arguments(parser, duration_s=2)
    parser.add_argument("--uncounted", type=Path, default=ROOT / "build/uncounted/serving/iris",
                        help="the program without metrics")  # fmt: skip
    arguments = parser.parse_args()
    if lack := session.missing([*contenders.programs(arguments).files(), arguments.uncounted]):
        progress(f"bench pairs: {lack}")
        return 3
    session.end_cleanly()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            measured = measure(arguments, pairs(arguments, folder), folder)
    except RuntimeError as error:
        progress(f"bench pairs: {error}")
        return 1
    judged = [goals.judge_pair(costs) for costs in measured]
    unsound = summary.few_repeats(arguments.repeats)
    report(arguments, measured, judged, unsound)
    return session.conclude("pairs", arguments, unsound, [one.missed for one in judged if one.missed])


if __name__ == "__main__":
    sys.exit(main())
