"""deploy/: Prometheus with its own scrape rules scrapes a server under load, and every query of the
dashboard has data. Grafana itself is not here: what it would ask is asked of Prometheus."""

import json
import math
import re
import socket
import subprocess
import time

import pytest
import requests
import yaml

# Half of wrk's connections are one too many each, and every other request is none.
MAX_CONNECTIONS = 8
LOAD = """
local good, bad
local turn = 0
function init()  -- when wrk knows the host
  local json = {["Content-Type"] = "application/json"}
  good = wrk.format("POST", nil, json, '{"instances":[[5.1,3.5,1.4,0.2]]}')
  bad = wrk.format("POST", nil, json, "{")
end
function request()
  turn = turn + 1
  return turn % 2 == 0 and good or bad
end
function delay() return 20 end
"""
STATUS = 'sum by (code) (rate(iris_responses_total{job=~"$job"}[$__rate_interval]))'
ABSENT = 'rate(iris_no_such_metric_total{job=~"$job"}[$__rate_interval])'


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


class Prometheus:
    """Debian's, with the rules of deploy/prometheus.yml; only the addresses are the test's own."""

    def __init__(self, repo, folder, target):
        program = subprocess.run(
            [repo / "scripts/unpacked", "prometheus", "usr/bin/prometheus"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        self.rules = yaml.safe_load((repo / "deploy/prometheus.yml").read_text())
        (scrape,) = self.rules["scrape_configs"]
        self.job = scrape["job_name"]
        scrape["static_configs"][0]["targets"] = [target]
        config = folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(self.rules))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "prometheus.log"
        self.process = subprocess.Popen(
            [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=self.log.open("w"), stderr=subprocess.STDOUT,
        )  # fmt: skip

    @property
    def rate_interval(self):
        """The least that Grafana puts for $__rate_interval: four scrapes."""
        return f"{4 * seconds(self.rules['global']['scrape_interval'])}s"

    def ask(self, path, **parameters):
        answer = requests.get(f"{self.url}/api/v1/{path}", parameters, timeout=30)
        assert answer.status_code == 200, f"{parameters}: {answer.text}"
        return answer.json()["data"]

    def is_up(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return [each["value"][1] for each in self.query("up")] == ["1"]
        except requests.ConnectionError:
            return False

    def query(self, expression):
        asked = expression.replace("$__rate_interval", self.rate_interval).replace("$job", ".+")
        return self.ask("query", query=asked)["result"]

    def has_data(self, expression):
        return any(not math.isnan(float(each["value"][1])) for each in self.query(expression))

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)


@pytest.fixture
def dashboard(repo):
    return json.loads((repo / "deploy/grafana/dashboards/iris.json").read_text())


def queries(dashboard):
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


@pytest.fixture
def under_load(start_server, tmp_path):
    """A server that answers, refuses, and is told what is wrong, until the test is over."""
    server = start_server("--threads", 1, "--max-connections", MAX_CONNECTIONS)
    script = tmp_path / "load.lua"
    script.write_text(LOAD)
    wrk = subprocess.Popen(
        ["wrk", "-t1", f"-c{2 * MAX_CONNECTIONS}", "-d600s", "-s", script, f"{server.url}/predict"],
        stdout=subprocess.DEVNULL,
    )
    yield server
    assert wrk.poll() is None
    wrk.terminate()
    wrk.wait(timeout=30)


@pytest.fixture
def prometheus(repo, tmp_path, under_load):
    started = Prometheus(repo, tmp_path, under_load.admin_url.removeprefix("http://"))
    yield started
    started.stop()


def wait_for(holds, timeout=120):
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def test_every_query_of_the_dashboard_has_data(prometheus, dashboard):
    assert wait_for(prometheus.is_up)
    asked = queries(dashboard)
    assert len(asked) > 20 and STATUS in asked

    def without():
        return [each for each in asked if not prometheus.has_data(each)]

    wait_for(lambda: not without())
    for each in asked:  # pytest -s shows it
        print(each, *[f"  {one['metric']} {one['value'][1]}" for one in prometheus.query(each)], sep="\n")
    assert without() == []
    # What the load is made of is seen.
    by_status = {each["metric"]["code"]: float(each["value"][1]) for each in prometheus.query(STATUS)}
    assert all(by_status[code] > 0 for code in ("200", "400", "429")), by_status
    # A query of what nobody counts is found.
    assert not prometheus.has_data(ABSENT)
    # The choice of jobs at the top, as Grafana asks for it.
    (choice,) = [each for each in dashboard["templating"]["list"] if each["name"] == "job"]
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", choice["query"]["query"]).groups()
    values = prometheus.ask(f"label/{label}/values", **{"match[]": metric})
    assert values == [prometheus.job]


def test_the_dashboard_shows_every_metric_that_tells_of_requests(repo, dashboard):
    """A metric that is new is shown, or it is said here why not."""
    not_shown = {
        "iris_connections_accepted_total",  # their number is that of the ends
        "iris_model_loaded_timestamp_seconds",
        "iris_model_load_duration_seconds",
        "iris_admin_refused_total",
        "iris_access_log_write_failures_total",
    }
    page = (repo / "tests/golden/metrics.txt").read_text()
    metrics = set(re.findall(r"^# TYPE (\w+) ", page, re.MULTILINE))
    shown = set(re.findall(r"\b(?:iris|process)_\w+", json.dumps(dashboard)))
    plain = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert plain <= metrics
    assert metrics - plain == not_shown


def test_the_data_source_scrapes_as_often_as_prometheus_does(repo):
    """$__rate_interval follows from it: shorter, and rates have gaps."""
    folder = repo / "deploy/grafana/provisioning"
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
    rules = yaml.safe_load((repo / "deploy/prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == rules["global"]["scrape_interval"]
