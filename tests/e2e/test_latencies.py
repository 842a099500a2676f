"""Every percentile that `iris scale` and `iris report` print is held to what a server really did: one
that answers 99 % at once and every 100th request after a second, and one that stands still for a
tenth of the run. wrk's own figures do not hold, and are shown only as what they are.
"""

import json
import math
import pathlib
import re
import sys

import pytest
import yaml

SERVER = pathlib.Path(__file__).parent / "known_server.py"
# A quantile is held to the true ones of so much less and more: 0.005 of 2,000 samples are ten.
RANKS = 0.005
# What a busy machine adds to the latency of a request that the server answers at once.
SLACK_MS = 250


def true_ms(kept_s, quantile):
    ordered = sorted(kept_s)
    rank = math.ceil(min(max(quantile, 0), 1) * len(ordered))
    return ordered[max(rank, 1) - 1] * 1e3


def holds(printed_ms, quantile, kept_s):
    least = true_ms(kept_s, quantile - RANKS)
    most = true_ms(kept_s, quantile + RANKS) + SLACK_MS
    return 0.99 * least <= printed_ms <= 1.01 * most


def milliseconds(text):
    """Of "1,204 ms", "1.02s" or "635.00us"."""
    number, unit = re.fullmatch(r"([\d.,]+) ?(us|ms|s)", text.strip()).groups()
    return float(number.replace(",", "")) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def column(lines, title):
    """The cells under a title of the first Markdown table that has it."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    head = next(row for row in rows if title in row)
    return [row[head.index(title)] for row in rows[rows.index(head) + 2 :] if len(row) == len(head)]


@pytest.fixture
def measured(run_iris, repo, tmp_path):
    """Runs a load against a known server: measured(every=100, duration="12s")."""

    def run(duration, every=0, slow_s=0.0, freeze_from_s=0.0, freeze_s=0.0):
        figures = tmp_path / "figures.json"
        program = tmp_path / "server"
        values = [figures, every, slow_s, freeze_from_s, freeze_s]
        program.write_text(
            f'#!/bin/sh\nexec {sys.executable} {SERVER} {" ".join(map(str, values))} "$@"\n'
        )
        program.chmod(0o755)
        job = yaml.safe_load((repo / "k8s/loadtest/job-wrk-1000.yaml").read_text())
        container = job["spec"]["template"]["spec"]["containers"][0]
        container["args"] = ["-t1", "-c8", "-d1s", "--timeout", "10s", *container["args"][3:]]
        (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
        (tmp_path / "model").write_text("none")
        experiment = {
            "model": str(tmp_path / "model"),
            "manifests": {
                "deployment": "k8s/deployment.yaml",
                "scripts": "k8s/loadtest/wrk-configmap.yaml",
            },
            "time_scale": 1000,
            "duration": duration,
            "probe": {"requests_per_s": 100, "timeout": "10s", "body": '{"instances": [[1,1,1,1]]}'},
            "scenarios": [
                {"name": "known", "hpa": "k8s/hpa-max1.yaml", "load": str(tmp_path / "job.yaml")}
            ],
        }
        (tmp_path / "known.yaml").write_text(yaml.safe_dump(experiment))
        done = run_iris(
            "scale", tmp_path / "known.yaml", "--out", tmp_path / "out", "--no-limits",
            "--serve-program", program,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        drawn = run_iris("report", tmp_path / "out", "--markdown", tmp_path / "report.md",
                         "--html", tmp_path / "report.html")  # fmt: skip
        assert drawn.returncode == 0, drawn.stderr
        records = (tmp_path / "out" / "known.jsonl").read_text().splitlines()
        (end,) = [r for r in map(json.loads, records) if r["type"] == "scenario_end"]
        return done, end, json.loads(figures.read_text())["kept_s"]

    return run


def printed_figures(tmp_path, done, end):
    """Every percentile that a user reads, with its quantile and where it stands."""
    table = (tmp_path / "report.md").read_text().splitlines()
    page = (tmp_path / "report.html").read_text()
    p50, p99 = re.search(r"known .*?([\d.]+) ms +([\d.]+) ms", done.stdout).groups()
    yield from [("table of scale", 0.5, float(p50)), ("table of scale", 0.99, float(p99))]
    for name, quantile in (("p50", 0.5), ("p99", 0.99)):
        yield "report.md", quantile, milliseconds(column(table, f"Probe {name}")[0])
        cell = re.search(rf'data-label="Probe {name}">([^<]+)<', page).group(1)
        yield "report.html", quantile, milliseconds(cell)
    for name, quantile in (("p50_us", 0.5), ("p90_us", 0.9), ("p99_us", 0.99)):
        yield "records", quantile, end["probe"][name] / 1e3


def assert_true(figures, kept_s):
    wrong = [
        f"{place}: {quantile:.0%} is {printed:.1f} ms; true {true_ms(kept_s, quantile):.1f} ms"
        for place, quantile, printed in figures
        if not holds(printed, quantile, kept_s)
    ]
    assert wrong == []


def test_percentiles_of_a_known_distribution(measured, tmp_path):
    done, end, kept_s = measured("12s", every=100, slow_s=1.0)
    assert len(kept_s) > 1000
    figures = list(printed_figures(tmp_path, done, end))
    assert len(figures) == 9
    assert_true(figures, kept_s)
    assert end["littles_law"]["ok"] and end["littles_law"]["in_flight"] <= 8.4

    # wrk's own: what it printed is kept and shown under its name, and does not hold.
    own = [
        ("wrk", int(quantile) / 100, milliseconds(value))
        for quantile, value in re.findall(r"^ +(50|75|90|99)% +(\S+)", end["load"]["output"], re.M)
    ]
    assert len(own) == 4
    assert not all(holds(printed, quantile, kept_s) for _, quantile, printed in own), own
    report = (tmp_path / "report.md").read_text()
    assert "samples that it invented" in report
    assert end["load"]["output"].splitlines()[-3] in report
    assert report.index("samples that it invented") < report.index("Latency Distribution")


def test_percentiles_of_a_server_that_stands_still_for_a_tenth_of_the_run(measured, tmp_path):
    done, end, kept_s = measured("20s", freeze_from_s=8.0, freeze_s=2.0)
    figures = list(printed_figures(tmp_path, done, end))
    assert_true(figures, kept_s)
    # From the intended start: a hundredth of all requests waited for nine tenths of the time.
    assert end["probe"]["p99_us"] > 1_500_000
    assert end["probe"]["p50_us"] < 1e3 * SLACK_MS
    assert end["littles_law"]["ok"], end["littles_law"]
