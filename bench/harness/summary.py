"""From repeated measurements to medians, ratios and their spread."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence

from harness.connections import ConnectionCost
from harness.server import CpuTime
from harness.wrk import Load

# With fewer repeats, a ratio and its spread say nothing.
COMPARISON_REPEATS = 5
# Above this part of one core for other programs, what is measured is also their work.
QUIET_OTHERS_BUSY = 0.25


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One server in one repeat."""

    server: str
    repeat: int
    load: Load
    cpu: CpuTime  # spent by the server during the load
    machine_busy_s: float  # spent by everything on the machine during the load
    idle_bytes: int  # resident after the start and one answer
    loaded_bytes: int  # resident after the load
    # None: not asked for.
    start_ms: float | None = None
    connection: ConnectionCost | None = None

    @property
    def cpu_us(self) -> float:
        return self.cpu.total_s * 1e6 / self.load.requests

    @property
    def user_us(self) -> float:
        return self.cpu_us * self.cpu.user_part

    @property
    def system_us(self) -> float:
        return self.cpu_us - self.user_us

    @property
    def server_busy(self) -> float:
        """The part of the server's core that it used."""
        return self.cpu.total_s * 1e6 / self.load.duration_us

    @property
    def generator_busy(self) -> float:
        """The part of the generator's core that wrk used."""
        return self.load.generator_cpu_s * 1e6 / self.load.duration_us

    @property
    def others_busy(self) -> float:
        """What neither server nor generator used, in cores: other programs, or a stolen core."""
        own_s = self.cpu.total_s + self.load.generator_cpu_s
        return max(0.0, self.machine_busy_s - own_s) * 1e6 / self.load.duration_us


@dataclasses.dataclass(frozen=True)
class Spread:
    """Median, least and greatest over the repeats."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def times(self, factor: float) -> Spread:
        return Spread(self.median * factor, self.least * factor, self.greatest * factor)


Figure = Callable[[Measurement], float | None]

# Name and figure of each column; the unit is the last word of the name.
FIGURES: dict[str, Figure] = {
    "requests_per_s": lambda m: m.load.requests_per_s,
    "cpu_us": lambda m: m.cpu_us,
    "user_us": lambda m: m.user_us,
    "system_us": lambda m: m.system_us,
    "server_busy": lambda m: m.server_busy,
    "generator_busy": lambda m: m.generator_busy,
    "others_busy": lambda m: m.others_busy,
    "idle_bytes": lambda m: m.idle_bytes,
    "loaded_bytes": lambda m: m.loaded_bytes,
    "start_ms": lambda m: m.start_ms,
    "connection_bytes": lambda m: m.connection and m.connection.process_bytes,
    "connection_kernel_bytes": lambda m: m.connection and m.connection.kernel_bytes,
}


def spreads(measurements: Sequence[Measurement], server: str) -> dict[str, Spread | None]:
    """Each figure of a server; None where a repeat does not support it."""
    own = [m for m in measurements if m.server == server]
    result: dict[str, Spread | None] = {}
    for name, figure in FIGURES.items():
        values = [figure(m) for m in own]
        supported = [v for v in values if v is not None]
        result[name] = Spread.of(supported) if supported and len(supported) == len(own) else None
    return result


def unsound(measurements: Sequence[Measurement]) -> list[str]:
    """Why these measurements are no comparison to quote; empty when they are one."""
    reasons = few_repeats(len({m.repeat for m in measurements}))
    for server in sorted({m.server for m in measurements}):
        others = statistics.median(m.others_busy for m in measurements if m.server == server)
        if others > QUIET_OTHERS_BUSY:
            reasons.append(
                f"other programs took {others:.0%} of a core beside {server}; at most "
                f"{QUIET_OTHERS_BUSY:.0%}"
            )
    return reasons


def few_repeats(repeats: int) -> list[str]:
    """A reason, when they are too few for a comparison."""
    if repeats >= COMPARISON_REPEATS:
        return []
    return [f"{repeats} repeats; a comparison needs {COMPARISON_REPEATS}"]


def ratio(
    measurements: Sequence[Measurement],
    figure: Callable[[Measurement], float],
    above: str,
    below: str,
) -> Spread:
    """figure(above) / figure(below), computed within each repeat."""
    values = {(m.server, m.repeat): figure(m) for m in measurements}
    repeats = sorted({m.repeat for m in measurements})
    return Spread.of([values[above, r] / values[below, r] for r in repeats])
