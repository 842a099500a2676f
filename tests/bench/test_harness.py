"""The benchmark's arithmetic, its gate, and its hold over the processes that it starts."""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import re
import socket
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "bench"))

import curves  # noqa: E402
from harness import (  # noqa: E402
    connections,
    contenders,
    goals,
    request,
    server,
    summary,
    svg,
    table,
    together,
)
from harness.connections import ConnectionCost  # noqa: E402
from harness.request import Request  # noqa: E402
from harness.server import Command, CpuTime, Server  # noqa: E402
from harness.wrk import Load, Wrk  # noqa: E402

ANSWER = b'{"ok":true}'
PYTHON_SERVER = f"""
import http.server, os, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.do_POST()
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(int(sys.argv[2]))
        self.send_header("Content-Length", "{len(ANSWER)}")
        self.end_headers()
        self.wfile.write({ANSWER!r})
    def log_message(self, *args): pass
child = os.fork()
if child == 0:
    until = time.process_time() + 0.3
    while time.process_time() < until: pass
    time.sleep(60)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
try:
    server.serve_forever()
finally:
    os.kill(child, 9)
"""
# SIGTERM as an exception, so that the child of the child is ended too.
HEAD = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit())\n"
REQUEST = Request("/predict", b"{}", ANSWER)
ROWS, LABELS = [[5.0, 3.3, 1.5, 0.2], [6.1, 2.8, 4.4, 1.3]], ["setosa", "versicolor"]
NAMES = request.V2Names("iris", "input", "label")


def command(status=200):
    return Command("python", [sys.executable, "-c", HEAD + PYTHON_SERVER, "{port}", str(status)])


def first_core():
    return min(os.sched_getaffinity(0))


def measurement(server, repeat, requests, cpu_s=1.0, others_s=0.1, wrk_s=0.5, **figures):
    load = Load(requests, 1_000_000, 0, 0, wrk_s)
    own = {"idle_bytes": 1_000_000, "loaded_bytes": 2_000_000, "start_ms": 3.0, **figures}
    cpu = CpuTime(cpu_s, user_ticks=25, system_ticks=75)
    return summary.Measurement(server, repeat, load, cpu, cpu_s + wrk_s + others_s, **own)


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


def test_no_figure_is_a_latency_of_wrks():
    """wrk adds samples that nobody measured; what is printed and recorded holds none of them."""
    fields = {field.name for field in dataclasses.fields(Load)}
    figures = {name for _, name, *_ in table.LOAD} | set(summary.FIGURES) | fields
    assert not {name for name in figures if name.startswith(("p50", "p99", "mean"))}


def test_what_a_repeat_lacks_is_a_dash():
    measured = [measurement("iris", 1, 10), measurement("iris", 2, 10, start_ms=None)]
    rendered = table.figures({"iris": summary.spreads(measured, "iris")}, table.FOOTPRINT)
    assert rendered.splitlines()[2].startswith("| iris | – |")


SMALL = ConnectionCost(process_bytes=3_900.0, kernel_bytes=9_000.0)


def everything(**changes):
    """Three repeats of every row, in which iris reaches every goal; `changes` by name of the row."""
    rows = {
        "limit": {"cpu_s": 0.6},
        "iris": {"cpu_s": 0.6, "connection": SMALL},
        "limit, V2": {"cpu_s": 0.6},
        "iris, V2": {"cpu_s": 0.68},
        "limit, V2 binary": {"cpu_s": 0.6},
        "iris, V2 binary": {"cpu_s": 0.62},
        "reference": {"requests": 1_000, "cpu_s": 0.9},
    }
    return [
        measurement(name, repeat, **{"requests": 100_000, **figures, **changes.get(name, {})})
        for repeat in (1, 2, 3)
        for name, figures in rows.items()
    ]


def missed(measured):
    return [judgement.missed for judgement in goals.judge(measured) if judgement.missed]


def test_reached_goals_are_not_complained_about():
    assert missed(everything()) == []


@pytest.mark.parametrize(
    ("row", "worse", "sentence"),
    [
        ("iris", {"cpu_s": 0.63}, "CPU a request, iris ÷ limit: 1.05; the goal is at most 1"),
        ("iris, V2", {"cpu_s": 0.72}, "CPU a request, iris, V2 ÷ limit, V2: 1.2; "),
        ("iris, V2 binary", {"cpu_s": 0.66}, "CPU a request, iris, V2 binary ÷ limit, V2 binary: 1.1;"),
        ("limit", {"requests": 120_000, "cpu_s": 0.72}, "requests/s, iris ÷ limit: 0.8333; "),
        ("reference", {"requests": 2_000}, "requests/s, iris ÷ reference: 50; the goal is at least 70"),
        ("iris", {"start_ms": 5.1, "connection": SMALL}, "start of iris, ms: 5.1; the goal is at most 5"),
        ("iris", {"idle_bytes": 8_100_000}, "idle memory of iris, MB: 8.1; the goal is at most 8"),
        (
            "iris",
            {"connection": ConnectionCost(4_100.0, 0.0)},
            "memory of iris for an idle connection, kB: 4.1; the goal is at most 4",
        ),
    ],
)
def test_each_missed_goal_is_one_sentence(row, worse, sentence):
    (said,) = missed(everything(**{row: worse}))
    assert said.startswith(sentence)


def test_what_was_not_measured_is_missed():
    measured = [m for m in everything() if "V2" not in m.server]
    assert [said.rpartition(": ")[2][:12] for said in missed(measured)] == ["not measured"] * 2


@pytest.mark.parametrize(
    ("name", "beside", "goal"),
    [
        ("iris", "iris without metrics", 1.03),
        ("iris", "limit", 1),
        ("iris, V2", "limit, V2", 1.15),
        ("iris, V2 binary", "limit, V2 binary", 1.05),
    ],
)
def test_pairs_are_judged_by_the_median_of_their_ratios(name, beside, goal):
    reached = {name: [goal * 10, goal * 5, goal * 7], beside: [10.0, 5.0, 5.0]}
    assert goals.judge_pair(reached).missed == ""
    missed_by_little = {name: [cost * 1.01 for cost in reached[name]], beside: reached[beside]}
    said = goals.judge_pair(missed_by_little).missed
    assert f"{name} ÷ {beside}: {goal * 1.01:.4g}; the goal is at most {goal:g}" in said


def test_goals_are_not_judged_by_how_fast_a_full_generator_is():
    # wrk cannot send more than 100,000 a second; the reference costs only 50 times as much.
    slow = {"reference": {"requests": 1_000, "cpu_s": 0.3}}
    assert missed(everything(**slow)) == []
    (said,) = missed(everything(iris={"wrk_s": 0.97, "cpu_s": 0.6, "connection": SMALL}, **slow))
    assert said.startswith("requests per CPU second, iris ÷ reference: 50;")


def test_judgements_are_shown_with_their_goals():
    measured = everything(iris={"start_ms": 7.25})
    lines = table.judgements(goals.judge(measured)).splitlines()
    assert "| start of iris, ms | 7.25 | 7.25 | 7.25 | at most 5 | **missed** |" in lines
    assert "| requests/s, iris ÷ fastapi | not measured |  |  |  |  |" in lines


def test_requests_carry_the_rows_of_the_manifest():
    manifest = REPO / "k8s" / "loadtest" / "wrk-configmap.yaml"
    rows = request.rows_of(manifest)
    assert len(rows) == 3 and all(len(row) == 4 for row in rows)
    assert f"    {request.predict(rows, []).body.decode()}\n" in manifest.read_text()


def test_request_on_the_wire_and_in_lua():
    asked = request.predict(ROWS, LABELS)
    assert asked.on_wire(80).startswith(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:80\r\n")
    assert asked.on_wire(80).endswith(
        b'Content-Length: 59\r\n\r\n{"instances": [[5.0, 3.3, 1.5, 0.2], [6.1, 2.8, 4.4, 1.3]]}'
    )
    assert request.lua_string(b'a"\\\n\xff1') == r'"a\034\092\010\2551"'


def test_binary_request_holds_its_numbers_after_its_head():
    asked = request.v2_binary(ROWS, LABELS, NAMES)
    length = int(asked.headers["Inference-Header-Content-Length"])
    head = json.loads(asked.body[:length])
    assert head["inputs"][0]["shape"] == [2, 4]
    assert head["inputs"][0]["parameters"]["binary_data_size"] == len(asked.body) - length == 32
    assert struct.unpack("<8f", asked.body[length:]) == pytest.approx(sum(ROWS, []))
    # 10, the length of "versicolor", is also a line feed.
    assert asked.is_answered_by(b"{}\x06\0\0\0setosa\n\0\0\0versicolor")
    assert not asked.is_answered_by(b"{}\x06\0\0\0setosa\x06\0\0\0setosa")


def test_right_answers_are_told_from_wrong_ones():
    asked = request.v2_json(ROWS, LABELS, NAMES)
    assert asked.is_answered_by(b'{"outputs": [{"data": ["setosa", "versicolor"]}]}')
    assert not asked.is_answered_by(b'{"outputs": [{"data": ["setosa", "setosa"]}]}')


def test_what_the_kernel_says_is_read():
    assert server.parse_schedstat("83955 12 1\n") == 83_955
    assert server.parse_rollup("7f00-7fff [rollup]\nRss:    12 kB\nPss:     8 kB\n", "Pss") == 8_192
    with pytest.raises(ValueError, match="Rss"):
        server.parse_rollup("", "Rss")
    assert connections.parse_kb("MemFree: 1 kB\nSlab:  7 kB\n", "Slab") == 7
    assert connections.parse_tcp_pages("sockets: used 9\nTCP: inuse 3 orphan 0 mem 12\n") == 12
    with pytest.raises(ValueError, match="Slab"):
        connections.parse_kb("", "Slab")
    with pytest.raises(ValueError, match="sockstat"):
        connections.parse_tcp_pages("UDP: inuse 1 mem 2\n")


def test_what_is_divided_stands_side_by_side():
    listed = [
        contenders.Contender(Command(name, []), REQUEST)
        for name in [*contenders.LIMIT_OF.values(), *contenders.LIMIT_OF, "fastapi", "reference"]
    ]
    order = random.Random(1)
    seen = set()
    for _ in range(20):
        names = [contender.name for contender in contenders.shuffled(listed, order)]
        assert sorted(names) == sorted(contender.name for contender in listed)
        for server_name, limit in contenders.LIMIT_OF.items():
            assert abs(names.index(server_name) - names.index(limit)) == 1
        seen.add(tuple(names))
    assert len(seen) > 10


def test_command_gets_its_port():
    filled = Command("x", ["--port", "{port}", "A={any}"]).at(123)
    assert filled[:2] == ["--port", "123"]
    assert re.fullmatch(r"A=\d{4,5}", filled[2])


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


@pytest.mark.parametrize("name", ["serve", "curves", "pairs"])
def test_page_has_the_section(name):
    page = (REPO / "docs" / "performance.md").read_text(encoding="utf-8")
    assert page.index(f"<!-- bench:{name} begin -->") < page.index(f"<!-- bench:{name} end -->")


def curve(*cpu_s):
    """Measurements of iris by rows, 1, 10, 100 …; 100,000 requests each."""
    return {
        curves.Point("/predict", rows, 1): [measurement("iris", r, 100_000, cpu_s=s) for r in (1, 2)]
        for rows, s in zip(curves.ROWS, cpu_s)
    }


def test_a_cliff_is_found():
    smooth = curves.by_rows(curve(0.6, 0.7, 2.0, 20.0))
    assert [spread.median for _, spread in smooth["/predict"]] == pytest.approx([6, 7, 20, 200])
    assert curves.cliffs(smooth) == []
    (said,) = curves.cliffs(curves.by_rows(curve(0.6, 0.7, 2.0, 26.0)))
    assert said.startswith("/predict: a row costs 1.30 times as much in a request of 1,000 as in one")


def test_curves_are_drawn():
    points = curve(0.6, 0.7, 2.0, 20.0, 200.0)
    points |= {
        curves.Point("/predict", 3, threads): [measurement("iris", 1, 50_000 * threads)]
        for threads in (1, 2)
    }
    root = xml.etree.ElementTree.fromstring(curves.draw(points))
    assert len(root.findall(".//{*}circle")) == 5 + 5 + 2
    heights = [float(c.get("cy")) for c in root.findall(".//{*}circle")]
    assert heights[:5] == sorted(heights[:5], reverse=True)  # µs a request grow, y points down
    assert heights[5:10] == sorted(heights[5:10])  # ns a row fall
    assert "| /predict | 10,000 | 1 | 2,000.00 (2,000.00–2,000.00) | 200.0" in curves.tables(points)


def test_axes_have_round_ticks():
    assert svg.decades(3, 740) == [1, 10, 100, 1_000]
    assert svg.decades(1, 1) == [1, 10]
    assert svg.steps(97) == [0, 20, 40, 60, 80, 100]
    assert svg.steps(0.3) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [svg.label(v) for v in (0.1, 1.0, 10_000.0)] == ["0.1", "1", "10,000"]


def test_server_is_accounted_with_its_children_and_ended():
    with Server(command(), {first_core()}, REQUEST) as started:
        pids = started._tree()
        assert started.ask() == started.ask("/") == (200, ANSWER)
        assert started.ask_raw().endswith(b"\r\n\r\n" + ANSWER)
        # The child burns processor time until it has spent 0.3 s.
        deadline = time.monotonic() + 30
        while started.cpu_time().total_s < 0.3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert started.cpu_time().total_s >= 0.3
        assert 0 < started.cpu_time().user_part <= 1
        assert started.resident_bytes() > 1_000_000
        assert len(pids) == 2
        assert os.sched_getaffinity(pids[0]) == {first_core()}
    for pid in pids:
        assert not is_running(pid)


@pytest.fixture(scope="module")
def helper(tmp_path_factory):
    """bench/start.cpp, built by itself: the tests need no benchmark build."""
    program = tmp_path_factory.mktemp("bench") / "start"
    build = ["c++", "-std=c++20", f"-I{REPO / 'src'}", str(REPO / "bench" / "start.cpp")]
    subprocess.run([*build, "-o", str(program)], check=True)
    return program


def test_start_is_from_exec_to_the_first_answer(helper):
    core = first_core()
    late = f"import time; time.sleep(0.4)\n{HEAD}{PYTHON_SERVER}"
    took = [
        server.start_ms(helper, one, REQUEST, core, core)
        for one in (command(), Command("late", [sys.executable, "-c", late, "{port}", "200"]))
    ]
    assert 1 < took[0] < took[1]
    assert took[1] > 400


def test_start_ends_what_it_started(helper, tmp_path):
    note = tmp_path / "pid"
    noted = f"import os; open({str(note)!r}, 'w').write(str(os.getpid()))\n{HEAD}{PYTHON_SERVER}"
    argv = [sys.executable, "-c", noted, "{port}", "200"]
    server.start_ms(helper, Command("noted", argv), REQUEST, first_core(), first_core())
    assert not is_running(int(note.read_text()))


def test_start_of_a_server_that_does_not_start_is_an_error(helper):
    with pytest.raises(RuntimeError, match="false ended before it answered"):
        server.start_ms(helper, Command("x", ["false"]), REQUEST, first_core(), first_core())


def test_idle_connections_are_accounted():
    with Server(command(), {first_core()}, REQUEST) as started:
        # A thread for each connection: a cost that cannot be overlooked.
        assert connections.measure(started, REQUEST, 200).process_bytes > 4_096


def test_connection_without_its_answer_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as refusing:
        def refuse():
            with refusing.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 429 Too Many Requests\r\n\r\n")

        with concurrent.futures.ThreadPoolExecutor() as pool:
            pool.submit(refuse)
            with pytest.raises(RuntimeError, match="expected 200 on every connection"):
                with connections.open_connections(refusing.getsockname()[1], REQUEST, 1):
                    pass


def test_server_that_cannot_start_is_an_error():
    with pytest.raises(RuntimeError, match="ended at its start:\nno such luck"):
        with Server(
            Command("broken", [sys.executable, "-c", "print('no such luck')"]),
            {first_core()},
            REQUEST,
        ):
            pass


def test_wrong_answers_and_refusals_are_counted(tmp_path):
    wrk = Wrk(tmp_path, first_core(), connections=2)
    with Server(command(), {first_core()}, REQUEST) as started:
        answers, failures = wrk.check(started.port, REQUEST, 1)
        assert answers > 0 and failures == 0
        wrong = dataclasses.replace(REQUEST, expected=b'{"ok":false}')
        answers, failures = wrk.check(started.port, wrong, 1)
        assert failures >= answers > 0
        load = wrk.measure(started.port, REQUEST, 1)
        assert load.requests > 0 and load.errors == 0 and load.non_2xx == 0


def test_what_is_measured_together_is_told_apart(tmp_path):
    # One thread, because those that have ended are not accounted; the second server works for a
    # millisecond more on each request.
    source = HEAD + PYTHON_SERVER.replace("ThreadingHTTPServer", "HTTPServer")
    busy = "until = time.process_time() + 0.001\n        while time.process_time() < until: pass"
    slower = source.replace("self.send_response", f"{busy}\n        self.send_response", 1)
    commands = [
        Command(name, [sys.executable, "-c", text, "{port}", "200"])
        for name, text in (("one", source), ("other", slower))
    ]
    cores = first_core(), first_core()
    one, other = together.cpu_us(commands, REQUEST, cores, tmp_path, connections=1, seconds=1)
    assert 0 < one < other - 900


def is_running(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
