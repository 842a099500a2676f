"""What `./run bench serve` compares, and what `--goal` demands of it."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence

from harness import summary
from harness.contenders import (
    BENTOML,
    FASTAPI,
    IRIS,
    IRIS_BINARY,
    IRIS_V2,
    LIMIT,
    LIMIT_OF,
    MLSERVER,
    REFERENCE,
)
from harness.summary import Measurement, Spread

# Processor time a request, in that of the limit that sends the same answer.
CPU_OF_LIMIT = {IRIS: 1.0, IRIS_V2: 1.15, IRIS_BINARY: 1.05}
# Requests/s, in those of a peer; None where nothing is demanded.
RATE_OF_LIMIT = 0.9
RATE_OF_PEER = {REFERENCE: 70.0, FASTAPI: None, BENTOML: None, MLSERVER: None}
START_MS = 5.0
IDLE_MB = 8.0
CONNECTION_KB = 4.0
# Processor time a request with metrics, in that of the program without.
UNCOUNTED = "iris without metrics"
COST_OF_METRICS = 1.03
# Above this part of its core wrk itself is what limits iris.
GENERATOR_FULL = 0.95


@dataclasses.dataclass(frozen=True)
class Judgement:
    """A figure, and the goal that its median is held to."""

    what: str
    reached: Spread | None  # None: not measured
    at_most: float | None = None
    at_least: float | None = None

    @property
    def goal(self) -> str:
        """As text; empty without one."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return "" if self.at_least is None else f"at least {self.at_least:g}"

    @property
    def missed(self) -> str:
        """The sentence that says so; empty when the goal is reached."""
        if not self.goal:
            return ""
        if self.reached is None:
            return f"{self.what}: not measured; the goal is {self.goal}"
        median = self.reached.median
        too_much = self.at_most is not None and median > self.at_most
        too_little = self.at_least is not None and median < self.at_least
        return f"{self.what}: {median:.4g}; the goal is {self.goal}" if too_much or too_little else ""


def judge(measurements: Sequence[Measurement]) -> list[Judgement]:
    """Every comparison, those without a goal among them."""
    return [
        *(_cpu(measurements, server, goal) for server, goal in CPU_OF_LIMIT.items()),
        *_rates(measurements),
        Judgement("start of iris, ms", _of_iris(measurements, "start_ms"), START_MS),
        Judgement("idle memory of iris, MB", _of_iris(measurements, "idle_bytes", 1e-6), IDLE_MB),
        Judgement(
            "memory of iris for an idle connection, kB",
            _of_iris(measurements, "connection_bytes", 1e-3),
            CONNECTION_KB,
        ),
    ]


def judge_pair(costs_us: Mapping[str, Sequence[float]]) -> Judgement:
    """Processor time a request of iris in that of what it stood beside, of the same repeats."""
    (name, own), (other, beside) = costs_us.items()
    goal = COST_OF_METRICS if other == UNCOUNTED else CPU_OF_LIMIT[name]
    ratios = [cost / least for cost, least in zip(own, beside)]
    return Judgement(f"CPU a request, {name} ÷ {other}", Spread.of(ratios), at_most=goal)


def _cpu(measurements: Sequence[Measurement], server: str, goal: float) -> Judgement:
    limit = LIMIT_OF[server]
    reached = _ratio(measurements, lambda m: m.cpu_us, server, limit)
    return Judgement(f"CPU a request, {server} ÷ {limit}", reached, at_most=goal)


def _rates(measurements: Sequence[Measurement]) -> list[Judgement]:
    """By requests/s, and by requests per second of processor time.

    A goal belongs to requests/s, unless wrk's core was full: then that is how fast wrk is, whatever
    it loads, and requests per CPU second say how fast the servers are.
    """
    busy = [m.generator_busy for m in measurements if m.server == IRIS]
    full = bool(busy) and statistics.median(busy) > GENERATOR_FULL
    of_limit = _ratio(measurements, lambda m: m.load.requests_per_s, IRIS, LIMIT)
    judged = [
        Judgement("requests/s, iris ÷ limit", of_limit, at_least=None if full else RATE_OF_LIMIT)
    ]
    for peer, goal in RATE_OF_PEER.items():
        own = IRIS_V2 if peer == MLSERVER else IRIS
        by_rate = _ratio(measurements, lambda m: m.load.requests_per_s, own, peer)
        by_cpu = _ratio(measurements, lambda m: 1 / m.cpu_us, own, peer)
        pair = f"{own} ÷ {peer}"
        judged += [
            Judgement(f"requests/s, {pair}", by_rate, at_least=None if full else goal),
            Judgement(f"requests per CPU second, {pair}", by_cpu, at_least=goal if full else None),
        ]
    return judged


def _of_iris(
    measurements: Sequence[Measurement], figure: str, factor: float = 1.0
) -> Spread | None:
    spread = summary.spreads(measurements, IRIS)[figure]
    return spread and spread.times(factor)


def _ratio(
    measurements: Sequence[Measurement],
    figure: Callable[[Measurement], float],
    above: str,
    below: str,
) -> Spread | None:
    if not {above, below} <= {m.server for m in measurements}:
        return None
    return summary.ratio(measurements, figure, above, below)
