"""A real Kubernetes control plane, built once, and what this repository does against it.

    python tests/kubernetes                    build, the delivery's checks, the HPA comparison
    python tests/kubernetes --only hpa         the comparison alone; --only deploy, …: that check alone
    python tests/kubernetes --record FILE      and keep the comparison's questions and decisions

Called by ./run rehearse --cluster. Exit status 1 when a check fails, or when `iris hpa` decides otherwise
than the controller where no difference is known; 3 when the control plane cannot be built.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import binaries
import cluster
import comparison
import control_plane
import delivery
import patterns
import recording
import verdicts

REPO = Path(__file__).resolve().parents[2]


def say(text: str) -> None:
    print(text, flush=True)


def check_delivery(world: delivery.World, chosen: list) -> list[str]:
    """The names of the checks that failed."""
    failed = []
    for check in chosen:
        began = time.monotonic()
        try:
            said = check(world)
        except (delivery.CheckFailed, control_plane.StartFailed) as failure:
            say(f"RED    {check.__doc__}\n{failure}")
            failed.append(check.__doc__)
            continue
        say(f"green  {check.__doc__:62} {time.monotonic() - began:6.1f} s  {said}")
    return failed


def compare(world: delivery.World, seconds: int, record: Path | None) -> list[str]:
    """The names of the patterns with a difference that is not known."""
    say(f"\n{len(patterns.ALL)} HPAs for {seconds} s, a sync every {comparison.SYNC_S} s")
    stages = comparison.drive(world.plane, patterns.ALL, seconds)
    syncs = list(comparison.read_syncs(world.plane))
    cases = {name: verdicts.cases_of(stage, syncs) for name, stage in stages.items()}
    found = []
    for name, own in cases.items():
        iris = comparison.Iris(str(world.iris))
        found.append(verdicts.judge(name, own, iris.ask))
        iris.close()
    known = {pattern.name: pattern.known_difference for pattern in patterns.ALL if pattern.known_difference}
    say(verdicts.table(found, known))
    say(verdicts.pace([case.sync for own in cases.values() for case in own]))
    for each in found:
        if each.differences:
            shown = each.differences[: 1 if each.name in known else 10]
            say("\n".join([f"\n{each.name}: {len(each.differences)} differences", *shown]))
    if record is not None:
        recording.write(record, {name: own for name, own in cases.items() if name not in known})
    return [each.name for each in found if each.syncs == 0 or (each.differences and each.name not in known)]


def run(program: Path, given: argparse.Namespace) -> list[str]:
    """What failed of what was chosen."""
    chosen = [check for check in delivery.ALL if given.only in (None, check.__name__)]
    with tempfile.TemporaryDirectory(prefix="iris-kubernetes-") as name:
        folder = Path(name)
        with cluster.running(folder, program) as running:
            running.images.update(delivery.images(program, folder))
            world = delivery.World(running.plane, running.pods, program)
            failed = check_delivery(world, chosen)
            if given.only in (None, "hpa"):
                failed += compare(world, given.seconds, given.record)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description="This repository against a real Kubernetes control plane.")
    names = ["hpa", *(check.__name__ for check in delivery.ALL)]
    parser.add_argument("--only", choices=names, help="one part")
    parser.add_argument("--seconds", type=int, default=120, help="of the HPA comparison (120)")
    parser.add_argument("--record", type=Path, help="file for the comparison's questions and decisions")
    given = parser.parse_args()
    program = Path(os.environ.get("IRIS_BIN", REPO / "build" / "release" / "iris")).resolve()
    missing = [each for each in ("openssl", "wrk") if shutil.which(each) is None]
    if missing or not program.is_file():
        say(f"needs {' and '.join(missing) or program}: ./run build, apt-get install openssl wrk")
        return 3
    try:
        built = binaries.build(say)
    except binaries.BuildFailed as failure:
        say(f"the control plane cannot be built: {failure}")
        return 3
    say("  ".join(f"{name} {version}" for name, version in built.versions.items()))
    say("built in " + ", ".join(f"{name} {seconds} s" for name, seconds in built.build_seconds.items()))
    began = time.monotonic()
    try:
        failed = run(program, given)
    except control_plane.StartFailed as failure:
        say(f"the control plane does not start: {failure}")
        return 3
    say(f"\n{'all green' if not failed else 'RED: ' + ', '.join(failed)}; {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
