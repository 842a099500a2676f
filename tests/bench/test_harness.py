"""The benchmark's arithmetic, its gate, and its hold over the processes that it starts."""

import os
import pathlib
import re
import sys
import time

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "bench"))

import serve  # noqa: E402
from harness import summary, table  # noqa: E402
from harness.server import Command, CpuTime, Request, Server  # noqa: E402
from harness.wrk import Load, Wrk  # noqa: E402

ANSWER = b'{"ok":true}'
PYTHON_SERVER = f"""
import http.server, os, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(int(sys.argv[1]))
        self.send_header("Content-Length", "{len(ANSWER)}")
        self.end_headers()
        self.wfile.write({ANSWER!r})
    def log_message(self, *args): pass
child = os.fork()
if child == 0:
    until = time.process_time() + 0.3
    while time.process_time() < until: pass
    time.sleep(60)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"child {{child}} at http://127.0.0.1:{{server.server_port}}", flush=True)
try:
    server.serve_forever()
finally:
    os.kill(child, 9)
"""
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
REQUEST = Request("/predict", b"{}")


def command(status=200):
    # SIGTERM as an exception, so that the child of the child is ended too.
    head = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit())\n"
    return Command("python", [sys.executable, "-c", head + PYTHON_SERVER, str(status)], ADDRESS)


def first_core():
    return min(os.sched_getaffinity(0))


def measurement(server, repeat, requests, cpu_s=1.0, others_s=0.1, wrk_s=0.5):
    load = Load(requests, 1_000_000, 0, 0, 1_000.0, 900.0, 2_000.0, wrk_s)
    cpu = CpuTime(cpu_s / 4, cpu_s * 3 / 4)
    return summary.Measurement(server, repeat, load, cpu, cpu_s + wrk_s + others_s, 1_000_000, 5.0)


def test_ratio_is_computed_within_a_repeat():
    # The machine is twice as fast in the second repeat; the ratio does not see it.
    measured = [
        measurement("iris", 1, 900),
        measurement("limit", 1, 1_000),
        measurement("limit", 2, 2_000),
        measurement("iris", 2, 1_900),
        measurement("iris", 3, 850),
        measurement("limit", 3, 1_000),
    ]
    spread = summary.ratio(measured, lambda m: m.load.requests_per_s, "iris", "limit")
    assert (spread.median, spread.least, spread.greatest) == pytest.approx((0.9, 0.85, 0.95))


def test_figures_of_a_measurement():
    measured = measurement("iris", 1, 100_000, cpu_s=0.8)
    assert measured.user_us == pytest.approx(2.0)
    assert measured.system_us == pytest.approx(6.0)
    assert measured.server_busy == pytest.approx(0.8)
    assert measured.generator_busy == pytest.approx(0.5)
    assert measured.others_busy == pytest.approx(0.1)
    assert measured.in_flight == pytest.approx(100.0)


def test_too_few_samples_support_no_p99():
    enough = [measurement("iris", r, summary.P99_SAMPLES) for r in (1, 2)]
    assert summary.spreads(enough, "iris")["p99_us"].median == 2_000.0
    one_short = [enough[0], measurement("iris", 2, summary.P99_SAMPLES - 1)]
    assert summary.spreads(one_short, "iris")["p99_us"] is None
    rendered = table.markdown({"iris": summary.spreads(one_short, "iris")}, {}, TERMS)
    assert "not supported" in rendered


TERMS = dict.fromkeys(
    "repeats duration_s warm_up_s connections seed date commit cpu cores kernel os compiler "
    "somaxconn port_range".split(),
    "x",
)


@pytest.mark.parametrize(
    ("iris", "limit", "reference", "missed"),
    [
        (90_000, 100_000, 1_000, []),
        (89_000, 100_000, 1_000, ["limit"]),
        (90_000, 100_000, 1_300, ["reference"]),
        (50_000, 100_000, 1_300, ["limit", "reference"]),
    ],
)
def test_goals(iris, limit, reference, missed):
    measured = []
    for repeat in (1, 2, 3):
        measured.append(measurement("iris", repeat, iris))
        measured.append(measurement("limit", repeat, limit))
        measured.append(measurement("reference", repeat, reference))
    sentences = serve.missed_goals(measured)
    assert len(sentences) == len(missed)
    for sentence, peer in zip(sentences, missed):
        assert f"times the {peer};" in sentence


def test_goals_are_not_judged_by_how_fast_a_full_generator_is():
    # Both as fast as wrk can go, one at twice the other's cost.
    def measured(wrk_s):
        return [
            measurement("iris", 1, 100_000, cpu_s=0.8, wrk_s=wrk_s),
            measurement("limit", 1, 100_000, cpu_s=0.4, wrk_s=wrk_s),
            measurement("reference", 1, 1_000),
        ]

    assert serve.missed_goals(measured(0.9)) == []
    (sentence,) = serve.missed_goals(measured(0.97))
    assert sentence.startswith("iris reaches 0.50 times the limit")
    assert "wrk's core was 97% full" in sentence


def test_few_repeats_or_a_busy_machine_are_no_comparison():
    repeats = range(summary.COMPARISON_REPEATS)
    assert summary.unsound([measurement("iris", r, 1) for r in repeats]) == []
    # One disturbed repeat of five does not move a median.
    one = [measurement("iris", r, 1, others_s=1.0 if r == 0 else 0.1) for r in repeats]
    assert summary.unsound(one) == []
    few = summary.unsound([measurement("iris", r, 1) for r in repeats[1:]])
    assert len(few) == 1 and few[0].startswith("4 repeats")
    busy = summary.unsound([measurement("iris", r, 1, others_s=0.3) for r in repeats])
    assert len(busy) == 1 and "30% of a core beside iris" in busy[0]


def test_section_is_replaced_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x begin -->\nold\n<!-- x end -->\nb\n", encoding="utf-8")
    table.write_section(page, "x", "new")
    table.write_section(page, "x", "newer")
    assert page.read_text() == "a\n<!-- x begin -->\nnewer\n<!-- x end -->\nb\n"
    with pytest.raises(ValueError, match="y begin"):
        table.write_section(page, "y", "new")


def test_page_has_the_section():
    page = (REPO / "docs" / "performance.md").read_text(encoding="utf-8")
    assert page.index("<!-- bench:serve begin -->") < page.index("<!-- bench:serve end -->")


def test_server_is_accounted_with_its_children_and_ended():
    with Server(command(), first_core(), REQUEST) as server:
        pids = server._tree()
        assert server.ask() == (200, ANSWER)
        assert server.ask_raw().endswith(b"\r\n\r\n" + ANSWER)
        assert server.start_ms > 0
        # The child burns processor time until it has spent 0.3 s; a tick is 10 ms.
        deadline = time.monotonic() + 30
        while spent_s(server) < 0.2 + own_s(pids[0]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert spent_s(server) >= 0.2 + own_s(pids[0])
        assert server.resident_bytes() > 1_000_000
        assert len(pids) == 2
        assert os.sched_getaffinity(pids[0]) == {first_core()}
    for pid in pids:
        assert not is_running(pid)


def test_server_that_cannot_start_is_an_error():
    with pytest.raises(RuntimeError, match="ended at its start:\nno such luck"):
        with Server(
            Command("broken", [sys.executable, "-c", "print('no such luck')"], ADDRESS),
            first_core(),
            REQUEST,
        ):
            pass


def test_wrong_answers_and_refusals_are_counted(tmp_path):
    manifest = tmp_path / "wrk.yaml"
    manifest.write_text(
        "data:\n  post.lua: |\n    wrk.method = 'POST'\n    wrk.body = '{}'\n", encoding="utf-8"
    )
    wrk = Wrk(manifest, tmp_path, first_core(), connections=2)
    with Server(command(), first_core(), REQUEST) as server:
        url = f"http://127.0.0.1:{server.port}/predict"
        answers, failures = wrk.check(url, 1, ANSWER.decode())
        assert answers > 0 and failures == 0
        answers, failures = wrk.check(url, 1, '{"ok":false}')
        assert failures >= answers > 0
        load = wrk.measure(url, 1)
        assert load.requests > 0 and load.errors == 0 and load.non_2xx == 0
        assert 0 < load.p50_us <= load.p99_us


def spent_s(server):
    cpu = server.cpu_time()
    return cpu.user_s + cpu.system_s


def own_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_running(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
