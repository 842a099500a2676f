"""What the benchmarks of the server share: cores, flags, what a machine must have, how a run ends."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import run, summary

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
SERVER_CORE, GENERATOR_CORE = 0, 1


def add_arguments(parser: argparse.ArgumentParser, duration_s: int) -> None:
    parser.add_argument("--repeats", type=_positive, default=summary.COMPARISON_REPEATS)
    parser.add_argument(
        "--duration", type=_positive, default=duration_s, help="seconds of load for each figure"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the order within each repeat")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--goal", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--record", action="store_true", help=f"write into {PAGE.relative_to(ROOT)}")


def terms(arguments: argparse.Namespace, connections: int) -> dict[str, int]:
    """How it was measured, for table.terms() and for --json."""
    return {
        "connections": connections,
        "repeats": arguments.repeats,
        "duration_s": arguments.duration,
        "warm_up_s": run.WARM_UP_S,
        "seed": arguments.seed,
    }


def missing(files: Sequence[Path]) -> str:
    """What the machine or the checkout lacks, and how to get it; empty when nothing."""
    cores = os.sched_getaffinity(0)
    if not {SERVER_CORE, GENERATOR_CORE} <= cores:
        return f"needs cores {SERVER_CORE} and {GENERATOR_CORE}; this process may use {sorted(cores)}"
    if shutil.which("wrk") is None:
        return "needs wrk: apt-get install wrk"
    if not Path("/proc/self/schedstat").is_file():
        return "needs /proc/PID/schedstat: a kernel with CONFIG_SCHED_INFO"
    lacking = [path for path in files if not path.is_file()]
    return f"needs {lacking[0]}; ./run bench makes it" if lacking else ""


def end_cleanly() -> None:
    """Makes SIGTERM an exception, so that the servers are ended when this program is."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def conclude(
    name: str, arguments: argparse.Namespace, unsound: Sequence[str], missed: Sequence[str]
) -> int:
    """Says what is wrong with the figures and what they miss; the exit status."""
    for reason in unsound:
        progress(f"bench {name}: not a comparison to quote: {reason}")
    demanded = missed if arguments.goal else []
    for sentence in demanded:
        progress(f"bench {name}: {sentence}")
    return 1 if demanded or (arguments.record and unsound) else 0


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, found '{text}'")
    return int(text)
