"""The metrics page by Prometheus' own tool, and what is told of single requests."""

import json
import subprocess
import time

import pytest
import requests

ROW = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
PHASES = ["read", "parse", "predict", "write"]


@pytest.fixture(scope="session")
def promtool(repo):
    unpack = [repo / "scripts/unpacked", "prometheus", "usr/bin/promtool"]
    found = subprocess.run(unpack, capture_output=True, text=True, check=True)

    def check(page):
        return subprocess.run(
            [found.stdout.strip(), "check", "metrics"], input=page, capture_output=True, text=True
        )

    return check


def metrics(server):
    return requests.get(f"{server.admin_url}/metrics", timeout=10).text


def value(page, sample):
    lines = [line for line in page.splitlines() if line.startswith(sample + " ")]
    assert len(lines) == 1, f"{sample} in\n{page}"
    return float(lines[0].rpartition(" ")[2])


def test_prometheus_takes_the_page(server, promtool):
    requests.post(f"{server.url}/predict", json=ROW, timeout=10)
    checked = promtool(metrics(server))
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout + checked.stderr == ""


@pytest.mark.parametrize(
    "page",
    [
        "# TYPE iris_requests counter\niris_requests 1\n",  # neither help nor _total
        "iris_requests_total{ 1\n",
    ],
)
def test_prometheus_refuses_a_page_that_is_none(promtool, page):
    assert promtool(page).returncode != 0


def test_every_phase_of_a_prediction_is_counted(start_server):
    server = start_server("--threads", 1)
    for _ in range(10):
        requests.post(f"{server.url}/predict", json=ROW, timeout=10)
    requests.post(f"{server.url}/predict", json={"instances": [[1]]}, timeout=10)
    page = metrics(server)
    for phase in PHASES:
        labels = f'route="predict",phase="{phase}"'
        name = "iris_prediction_phase_seconds"
        assert value(page, f"{name}_count{{{labels}}}") == 10, "what was refused has no phases"
        assert value(page, f'{name}_bucket{{{labels},le="+Inf"}}') == 10
    assert value(page, 'iris_prediction_phase_seconds_sum{route="predict",phase="parse"}') > 0


def test_a_request_id_comes_back_and_an_impossible_one_does_not(server):
    for path, method in (("/predict", "POST"), ("/health", "GET"), ("/nowhere", "GET")):
        answer = requests.request(
            method, f"{server.url}{path}", json=ROW, headers={"X-Request-Id": "a-17"}, timeout=10
        )
        assert answer.headers["X-Request-Id"] == "a-17"
    for bad in ("two words", "x" * 129):
        answer = requests.get(f"{server.url}/health", headers={"X-Request-Id": bad}, timeout=10)
        assert answer.status_code == 200
        assert "X-Request-Id" not in answer.headers
    assert "X-Request-Id" not in requests.get(f"{server.url}/health", timeout=10).headers


def test_the_access_log_has_a_line_for_each_request_or_for_a_share(start_server, tmp_path):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for share, expected in (("1", 40), ("0.25", 10)):
        path = tmp_path / f"access-{share}.log"
        server = start_server("--access-log", path, "--access-log-share", share, "--threads", 1)
        for i in range(40):
            headers = {"X-Request-Id": str(i), "traceparent": trace}
            requests.post(f"{server.url}/predict", json=ROW, headers=headers, timeout=10)
        server.terminate()
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert len(lines) == expected
        for line in lines:
            assert (line["path"], line["status"], line["refusal"]) == ("/predict", 200, None)
            assert line["traceparent"] == trace
            assert line["handled_us"] >= 0 and line["bytes_out"] > line["bytes_in"] > 0
        assert len({line["request_id"] for line in lines}) == expected


def test_without_being_asked_nothing_is_logged(start_server, tmp_path):
    server = start_server(cwd=tmp_path)
    requests.post(f"{server.url}/predict", json=ROW, timeout=10)
    time.sleep(0.3)
    _, log = server.terminate()
    assert b"/predict" not in log
    assert list(tmp_path.iterdir()) == []
