"""Line charts side by side, as one SVG file without scripts or fonts of its own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from html import escape

from harness.summary import Spread

PANEL_WIDTH, PANEL_HEIGHT = 320, 290
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 62, 44  # of the plot within its panel
COLOURS = ["#0072b2", "#d55e00", "#009e73"]  # told apart by colour-blind readers too
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 13px }
.grid { stroke: #d8dee4; stroke-width: 1 }
.line { fill: none; stroke-width: 2 }
"""


@dataclasses.dataclass(frozen=True)
class Series:
    """A line: for each x the median, and the spread as a bar."""

    name: str
    points: Sequence[tuple[float, Spread]]


@dataclasses.dataclass(frozen=True)
class Panel:
    title: str
    x_title: str
    series: Sequence[Series]
    logarithmic: bool  # both axes; else both are linear and y begins at 0


def draw(panels: Sequence[Panel]) -> str:
    """The SVG document."""
    width = PANEL_WIDTH * len(panels)
    drawn = [
        f'<g transform="translate({PANEL_WIDTH * i} 0)">{_panel(p)}</g>' for i, p in enumerate(panels)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {PANEL_HEIGHT}" '
            f'width="{width}" height="{PANEL_HEIGHT}" role="img">',
            f"<style>{STYLE}</style>",
            f'<rect width="{width}" height="{PANEL_HEIGHT}" fill="#fff"/>',
            *drawn,
            "</svg>\n",
        ]
    )


def decades(least: float, greatest: float) -> list[float]:
    """The powers of ten from the one at or below `least` to the one at or above `greatest`."""
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(greatest))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def steps(greatest: float) -> list[float]:
    """Round values from 0 to the first at or above `greatest`, three to six of them."""
    raw = greatest / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    return [step * i for i in range(math.ceil(greatest / step - 1e-9) + 1)]


def label(value: float) -> str:
    """A number on an axis: 0.1, 20, 10,000."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def _panel(panel: Panel) -> str:
    xs = sorted({x for series in panel.series for x, _ in series.points})
    spreads = [spread for series in panel.series for _, spread in series.points]
    greatest = max(spread.greatest for spread in spreads)
    if panel.logarithmic:
        y_ticks = decades(min(spread.least for spread in spreads), greatest)
        x = _scale(xs[0], xs[-1], LEFT + 10, PANEL_WIDTH - RIGHT - 10, math.log10)
        y = _scale(y_ticks[0], y_ticks[-1], PANEL_HEIGHT - BOTTOM, TOP, math.log10)
    else:
        y_ticks = steps(greatest)
        x = _scale(xs[0], xs[-1], LEFT + 40, PANEL_WIDTH - RIGHT - 40, float)
        y = _scale(y_ticks[0], y_ticks[-1], PANEL_HEIGHT - BOTTOM, TOP, float)
    parts = [f'<text class="title" x="{LEFT}" y="20">{escape(panel.title)}</text>']
    for tick in y_ticks:
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{PANEL_WIDTH - RIGHT}" y1="{y(tick):.1f}" '
            f'y2="{y(tick):.1f}"/><text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" '
            f'text-anchor="end">{label(tick)}</text>'
        )
    for value in xs:
        parts.append(
            f'<text x="{x(value):.1f}" y="{PANEL_HEIGHT - BOTTOM + 17}" '
            f'text-anchor="middle">{label(value)}</text>'
        )
    parts.append(
        f'<text x="{(LEFT + PANEL_WIDTH - RIGHT) / 2}" y="{PANEL_HEIGHT - 8}" '
        f'text-anchor="middle">{escape(panel.x_title)}</text>'
    )
    names = []
    for series, colour in zip(panel.series, COLOURS):
        parts.append(_line(series, colour, x, y))
        names.append(f'<tspan dx="12" style="fill:{colour}">{escape(series.name)}</tspan>')
    parts.append(f'<text x="{LEFT - 12}" y="42">{"".join(names)}</text>')
    return "".join(parts)


def _line(
    series: Series, colour: str, x: Callable[[float], float], y: Callable[[float], float]
) -> str:
    path = " ".join(f"{x(value):.1f},{y(spread.median):.1f}" for value, spread in series.points)
    marks = [
        f'<path d="M{x(value):.1f} {y(spread.least):.1f}V{y(spread.greatest):.1f}" stroke="{colour}"/>'
        f'<circle cx="{x(value):.1f}" cy="{y(spread.median):.1f}" r="3" fill="{colour}"/>'
        for value, spread in series.points
    ]
    return f'<polyline class="line" stroke="{colour}" points="{path}"/>' + "".join(marks)


def _scale(
    least: float, greatest: float, begin: float, end: float, measure: Callable[[float], float]
) -> Callable[[float], float]:
    low, high = measure(least), measure(greatest)
    return lambda value: begin + (measure(value) - low) / (high - low) * (end - begin)
