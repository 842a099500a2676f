"""Measured figures as Markdown, and the marked section of a page that holds them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.summary import Spread

if TYPE_CHECKING:
    from harness.goals import Judgement

Column = tuple[str, str, float, int]

# Title, figure of summary.FIGURES, factor to the title's unit, decimals.
LOAD: list[Column] = [
    ("requests/s", "requests_per_s", 1.0, 0),
    ("CPU µs/request", "cpu_us", 1.0, 2),
    ("user µs", "user_us", 1.0, 2),
    ("system µs", "system_us", 1.0, 2),
    ("server core busy, %", "server_busy", 100.0, 0),
    ("wrk core busy, %", "generator_busy", 100.0, 0),
    ("others busy, %", "others_busy", 100.0, 0),
]
FOOTPRINT: list[Column] = [
    ("start, ms", "start_ms", 1.0, 1),
    ("idle MB", "idle_bytes", 1e-6, 1),
    ("loaded MB", "loaded_bytes", 1e-6, 1),
    ("kB for an idle connection", "connection_bytes", 1e-3, 2),
    ("kB in the kernel, both ends", "connection_kernel_bytes", 1e-3, 2),
]


def figures(
    measured: Mapping[str, Mapping[str, Spread | None]], columns: Sequence[Column]
) -> str:
    """A table with a row for each server."""
    lines = [
        "| server | " + " | ".join(title for title, *_ in columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for server, own in measured.items():
        cells = [cell(own[name], factor, decimals) for _, name, factor, decimals in columns]
        lines.append(f"| {server} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def judgements(judged: Sequence[Judgement]) -> str:
    """A table with a row for each comparison and its goal."""
    lines = [
        "| what | median | least | greatest | goal | |",
        "| --- | ---: | ---: | ---: | --- | --- |",
    ]
    for one in judged:
        values = dataclasses.astuple(one.reached) if one.reached else ()
        cells = [f"{value:.3g}" for value in values] or ["not measured", "", ""]
        verdict = "**missed**" if one.missed else "reached" if one.goal else ""
        lines.append(f"| {one.what} | " + " | ".join([*cells, one.goal, verdict]) + " |")
    return "\n".join(lines)


def terms(facts: Mapping[str, object]) -> str:
    """A sentence on how, from what and on what machine the figures were taken."""
    return (
        "Median (least–greatest) of {repeats} repeats of {duration_s} s after {warm_up_s} s of "
        "warm-up, {connections} connections, order drawn with seed {seed}. {date}, commit {commit}: "
        "{cpu}, {cores} cores, Linux {kernel}, {os}, {compiler}; somaxconn {somaxconn}, ports "
        "{port_range}."
    ).format(**facts)


def write_section(page: Path, name: str, text: str) -> None:
    """Replaces what stands between the markers `<!-- name begin -->` and `<!-- name end -->`."""
    begin, end = f"<!-- {name} begin -->", f"<!-- {name} end -->"
    before, found_begin, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"{page} has no section '{begin}' … '{end}'")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def cell(spread: Spread | None, factor: float, decimals: int) -> str:
    """Median (least–greatest); "–" for what is not supported."""
    if spread is None:
        return "–"
    median, least, greatest = (
        f"{value:,.{decimals}f}" for value in dataclasses.astuple(spread.times(factor))
    )
    return f"{median} ({least}–{greatest})"
