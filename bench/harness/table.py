"""Measured figures as Markdown, and the marked section of a page that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.summary import Spread

# Title, figure of summary.FIGURES, factor to the title's unit, decimals.
COLUMNS = [
    ("requests/s", "requests_per_s", 1.0, 0),
    ("p50, ms", "p50_us", 1e-3, 2),
    ("p99, ms", "p99_us", 1e-3, 2),
    ("user µs/request", "user_us", 1.0, 2),
    ("system µs/request", "system_us", 1.0, 2),
    ("server core busy, %", "server_busy", 100.0, 0),
    ("wrk core busy, %", "generator_busy", 100.0, 0),
    ("others busy, %", "others_busy", 100.0, 0),
    ("resident MB", "resident_bytes", 1e-6, 1),
    ("start, ms", "start_ms", 1.0, 0),
]


def markdown(
    figures: Mapping[str, Mapping[str, Spread | None]],
    ratios: Mapping[str, Spread],
    terms: Mapping[str, object],
) -> str:
    """Two tables, figures with a row for each server and ratios, and a sentence on their terms."""
    lines = [
        "| server | " + " | ".join(title for title, *_ in COLUMNS) + " |",
        "| --- |" + " ---: |" * len(COLUMNS),
    ]
    for server, own in figures.items():
        cells = [_cell(own[name], factor, decimals) for _, name, factor, decimals in COLUMNS]
        lines.append(f"| {server} | " + " | ".join(cells) + " |")
    lines += ["", "| ratio within a repeat | median | least | greatest |", "| --- | ---: | ---: | ---: |"]
    for name, spread in ratios.items():
        values = (spread.median, spread.least, spread.greatest)
        lines.append(f"| {name} | " + " | ".join(f"{v:.3g}" for v in values) + " |")
    return "\n".join([*lines, "", _terms(terms)])


def write_section(page: Path, name: str, text: str) -> None:
    """Replaces what stands between the markers `<!-- name begin -->` and `<!-- name end -->`."""
    begin, end = f"<!-- {name} begin -->", f"<!-- {name} end -->"
    before, found_begin, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"{page} has no section '{begin}' … '{end}'")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _cell(spread: Spread | None, factor: float, decimals: int) -> str:
    if spread is None:
        return "not supported"
    median, least, greatest = (
        f"{value * factor:,.{decimals}f}" for value in (spread.median, spread.least, spread.greatest)
    )
    return f"{median} ({least}–{greatest})"


def _terms(terms: Mapping[str, object]) -> str:
    return (
        "Median (least–greatest) of {repeats} repeats of {duration_s} s after {warm_up_s} s of "
        "warm-up, {connections} connections, order drawn with seed {seed}. {date}, commit {commit}: "
        "{cpu}, {cores} cores, Linux {kernel}, {os}, {compiler}; somaxconn {somaxconn}, ports "
        "{port_range}."
    ).format(**terms)
