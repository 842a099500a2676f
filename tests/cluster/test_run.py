"""Whole runs of `iris scale --target kubernetes` on the stand-in: what the user reads, the exit
status, and that what was made is gone, however a run ends.
"""

import json
import math
import os
import signal
import subprocess
import time

import pytest
import yaml

QUICK = ("--poll", "300ms")


def read_records(tmp_path):
    path = tmp_path / "out" / "small.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def of_type(records, kind, scenario=None):
    return [
        record
        for record in records
        if record["type"] == kind and scenario in (None, record.get("scenario"))
    ]


def assert_left_as_found(server, stderr):
    """The run's namespace is gone, with everything in it, and the user is told."""
    assert server.world.namespaces() == {"default", "given"}
    assert {key for key in server.store.objects if key[2] is not None} == set()
    made = [path for method, path in server.changes() if method == "POST"]
    if made:
        assert "deleted the namespace iris-scale-" in stderr


@pytest.fixture
def target(cluster, real_kubeconfig, environment):
    """The cluster of a whole run: the server (None: a real one), how long its loads take, flags."""
    if real_kubeconfig is None:
        return cluster(), 4, QUICK
    flags = ["--poll", "1s"]
    for flag, variable in (("--image", "IRIS_IMAGE"), ("--load-image", "IRIS_LOAD_IMAGE")):
        if os.environ.get(variable):
            flags += [flag, os.environ[variable]]
    # The HPA of a real cluster needs half a minute to see a load.
    return None, int(os.environ.get("IRIS_LOAD_SECONDS", "90")), flags


def assert_real_left_as_found(environment):
    ours = ["get", "namespaces", "-l", "app.kubernetes.io/managed-by=iris-scale", "-o", "name"]
    left = subprocess.run(
        ["kubectl", *ours], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert left.stdout == ""


def test_two_scenarios(target, experiment, scale, run_iris, environment, tmp_path):
    server, duration, flags = target
    path = experiment(["up", "one"], duration=f"{duration}s")
    done = scale(path, *flags, timeout=60 if server else 1800)
    assert done.returncode == 0, done.stderr
    if server:
        assert_left_as_found(server, done.stderr)
    else:
        assert_real_left_as_found(environment)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["scenario", "up", "one"]

    records = read_records(tmp_path)
    assert {record["v"] for record in records} == {1}
    assert records[0]["type"] == "run" and records[0]["target"] == "kubernetes"
    assert records[0]["cluster"]["server_version"]
    assert records[-1] == {**records[-1], "type": "run_end", "status": "ok"}
    for name, most in (("up", 3), ("one", 1)):
        (start,) = of_type(records, "scenario_start", name)
        assert start["t"] < 0 and start["load"]["duration_s"] == duration
        assert start["max_replicas"] == most
        (end,) = of_type(records, "scenario_end", name)
        assert end["status"] == "ok" and end["failed_requests"] == 0
        assert end["load"]["requests"] > 500 * duration
        assert end["reconcile"]["ok"], end["reconcile"]
        assert end["whole"]["replicas_max"] == most
        assert end["steady"] is not None
        assert end["probe"]["answered"] is None
        samples = of_type(records, "sample", name)
        assert len(samples) >= 4
        assert max(sample["completed_per_s"] for sample in samples) > 500
        ticks = of_type(records, "tick", name)
        assert ticks[-1]["target_percent"] == 60
    # How much of the load the first figures hold, and so in how many steps it scales, is up to a real
    # cluster.
    scaled = [event for event in of_type(records, "event", "up") if event["kind"] == "scale"]
    assert (scaled[0]["from"], scaled[-1]["to"]) == (1, 3)
    assert server is None or len(scaled) == 1
    high = next(tick for tick in of_type(records, "tick", "up") if tick["utilization_percent"] > 66)
    assert high["proposed"] == math.ceil(high["utilization_percent"] / 60)
    assert (high["limited_by"] == "maxReplicas") == (high["proposed"] > 3)

    drawn = run_iris("report", tmp_path / "out", "--markdown", tmp_path / "report.md")
    assert drawn.returncode == 0, drawn.stderr
    report = (tmp_path / "report.md").read_text()
    rows = [line for line in report.splitlines() if line.startswith("| ")]
    assert any(row.startswith("| up ") and "1 → 3" in row for row in rows), rows
    assert "on target kubernetes" in report


@pytest.mark.parametrize(("slowest_ms", "code"), [(40, 0), (60, 1)])
def test_an_objective_is_shown_by_the_slowest_answer_alone(
    cluster, experiment, scale, slowest_ms, code
):
    """wrk's p99 is 20 ms in both, with samples that wrk invented."""
    server = cluster(slowest_ms=slowest_ms)
    done = scale(experiment(duration="2s", slo={"p99": "50ms"}), *QUICK)
    assert done.returncode == code, done.stderr
    said = "up: p99: not supported: wrk's percentiles hold samples that it invented; its slowest " \
        "answer took 60.0 ms and 0 timed out, objective 50.0 ms"  # fmt: skip
    assert (said in done.stderr) == (code == 1)
    assert_left_as_found(server, done.stderr)


def test_a_script_that_wrk_cannot_run(cluster, experiment, scale, tmp_path):
    server = cluster(said="/scripts/post.lua: /scripts/post.lua:3: unexpected symbol\n")
    done = scale(experiment(duration="2s"), *QUICK)
    assert done.returncode == 1, done.stderr
    assert "wrk's script: " in done.stderr and "post.lua:3: unexpected symbol" in done.stderr
    (end,) = of_type(read_records(tmp_path), "scenario_end")
    assert end["status"] == "failed" and "unexpected symbol" in end["reason"]
    assert end["load_errors"] == "/scripts/post.lua:3: unexpected symbol"
    assert_left_as_found(server, done.stderr)


def test_a_command_that_only_a_cluster_can_run(cluster, experiment, scale, tmp_path):
    path = experiment(duration="2s")
    job = yaml.safe_load((tmp_path / "job.yaml").read_text())
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["sh", "-c"]
    text = "sleep 0; wrk -t2 -c60 -d2s http://iris-api-lb/predict"
    container["args"] = [text]
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    server = cluster()
    done = scale(path, *QUICK)
    assert done.returncode == 0, done.stderr
    records = read_records(tmp_path)
    (begin,) = of_type(records, "scenario_start")
    assert begin["load"]["job_argv"] == ["sh", "-c", text]
    events = of_type(records, "event")
    (started,) = [event for event in events if event["kind"] == "load_started"]
    assert "a shell's command line" in started["message"]
    (end,) = of_type(records, "scenario_end")
    assert end["load"]["requests"] > 1000 and end["reconcile"]["ok"], end["reconcile"]
    assert_left_as_found(server, done.stderr)


def test_a_load_job_that_fails(cluster, experiment, scale, tmp_path):
    server = cluster(job="failed")
    done = scale(experiment(duration="2s"), *QUICK)
    assert done.returncode == 1, done.stderr
    assert "up: the load Job failed: BackoffLimitExceeded" in done.stderr
    assert "it said: unable to connect to iris-api-lb:80 Connection refused" in done.stderr
    assert_left_as_found(server, done.stderr)
    (end,) = of_type(read_records(tmp_path), "scenario_end")
    assert end["status"] == "failed" and "BackoffLimitExceeded" in end["reason"]
    assert end["load"] is None


# What goes wrong, how long a step may take, what the user reads.
FAILURES = {
    "pods that cannot be scheduled": (
        {"pods": "pending"},
        "2s",
        ["the rollout: not done within 2 s", "Unschedulable: 0/3 nodes are available"],
    ),
    "a crash loop": (
        {"pods": "crash"},
        "60s",
        ["has ended 2 times, last with exit status 3", "it said: iris serve: ", "found no model"],
    ),
    "an image that cannot be pulled": (
        {"pods": "image"},
        "60s",
        ["ImagePullBackOff: Back-off pulling image", "--image"],
    ),
    "an image of the load that cannot be pulled": (
        {"job": "image"},
        "60s",
        ["up: starting the load: pod wrk-1000-", "ImagePullBackOff", "--load-image"],
    ),
    "a load that never ends": (
        {"job": "endless"},
        "2s",
        ["up: the load Job did not end 2 s after its time"],
    ),
    "a metrics-server without figures": (
        {"metrics": False},
        "2s",
        ["up: settling: not done within 2 s", "metrics.k8s.io has no figures of pod iris-api"],
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_cluster_on_which_it_does_not_work(cluster, experiment, scale, tmp_path, failure):
    script, timeout, said = FAILURES[failure]
    server = cluster(**script)
    began = time.monotonic()
    done = scale(experiment(duration="1s"), *QUICK, "--step-timeout", timeout)
    assert done.returncode == 3, done.stderr
    assert time.monotonic() - began < 20
    last = done.stderr.splitlines()[-1]
    assert last.startswith("iris scale: ")
    for part in said:
        assert part in last
    assert_left_as_found(server, done.stderr)
    assert read_records(tmp_path)[-1]["status"] == "failed"


def test_an_admin_port_that_cannot_be_reached(cluster, experiment, scale, repo, tmp_path):
    text = (repo / "k8s/deployment.yaml").read_text()
    closed = text.replace("            - serve\n", "            - serve\n            - --admin-host=127.0.0.1\n")
    assert closed != text
    (tmp_path / "closed.yaml").write_text(closed)
    manifests = {"deployment": str(tmp_path / "closed.yaml"), "scripts": "k8s/loadtest/wrk-configmap.yaml"}
    server = cluster()
    done = scale(experiment(manifests=manifests), *QUICK, "--step-timeout", "2s")
    assert done.returncode == 3, done.stderr
    assert "connection refused" in done.stderr and "--admin-host=0.0.0.0" in done.stderr
    assert_left_as_found(server, done.stderr)


@pytest.fixture
def start(iris, repo, environment, tmp_path):
    """Starts `iris scale … --target kubernetes` in the background."""
    started = []

    def begin(experiment_path, *more):
        argv = [str(iris), "scale", str(experiment_path), "--target", "kubernetes", *QUICK]
        argv += ["--out", str(tmp_path / "out"), *more]
        process = subprocess.Popen(
            argv,
            cwd=repo,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def wait_for(condition, what, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"no {what} after {timeout} s"
        time.sleep(0.02)


def test_an_interrupt_in_the_midst_of_a_load(cluster, experiment, start, tmp_path):
    server = cluster()
    process = start(experiment(duration="30s"))
    wait_for(lambda: server.world.loaded(lag=0.5), "load")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert time.monotonic() - began < 5
    assert "interrupted: undoing what was done on the cluster" in errors
    assert_left_as_found(server, errors)
    records = read_records(tmp_path)
    (end,) = of_type(records, "scenario_end")
    assert end["status"] == "interrupted" and records[-1]["status"] == "interrupted"


def test_a_termination_while_pods_are_pending(cluster, experiment, start, tmp_path):
    server = cluster(pods="pending")
    process = start(experiment())
    wait_for(lambda: server.world.names("v1", "pods"), "pod")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert_left_as_found(server, errors)
    assert read_records(tmp_path)[-1]["status"] == "interrupted"


def test_an_interrupt_of_the_preflight_changes_nothing(cluster, experiment, start):
    server = cluster()
    server.hung = True
    process = start(experiment())
    wait_for(lambda: server.waiting > 0, "request")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert server.changes() == []


def test_a_connection_that_is_lost_for_good(cluster, experiment, start, tmp_path):
    server = cluster()
    process = start(experiment(duration="30s"), "--step-timeout", "2s")
    wait_for(lambda: server.world.loaded(lag=1), "load")
    server.lost = True
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert "the connection to the cluster is lost" in errors.splitlines()[-1]
    # Nobody can delete it now, so the user is told how to later.
    (name,) = server.world.namespaces() - {"default", "given"}
    assert f"do it by hand: kubectl delete namespace {name}" in errors
    assert read_records(tmp_path)[-1]["status"] == "failed"


def test_a_connection_that_comes_back(cluster, experiment, start):
    server = cluster()
    process = start(experiment(duration="5s"))
    wait_for(lambda: server.world.loaded(lag=1), "load")
    server.lost = True
    time.sleep(1)
    server.lost = False
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert_left_as_found(server, errors)


def test_keep_leaves_the_namespace(cluster, experiment, scale):
    server = cluster()
    done = scale(experiment(duration="1s"), *QUICK, "--keep")
    assert done.returncode == 0, done.stderr
    (name,) = server.world.namespaces() - {"default", "given"}
    assert f"kubectl delete namespace {name}" in done.stderr
    assert server.world.names("apps/v1", "deployments", name) == {"iris-api"}


def test_a_given_namespace_is_left_as_it_was(cluster, experiment, scale, environment, tmp_path):
    server = cluster()
    mine = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "wrk-scripts", "namespace": "given"},
        "data": {"mine": "as it was"},
    }
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(mine))
    subprocess.run(["kubectl", "apply", "-f", path], env=environment, check=True, timeout=30)
    done = scale(experiment(duration="1s"), *QUICK, "--namespace", "given")
    assert done.returncode == 0, done.stderr
    assert "deleted what the run made (5) and put back what it changed (1)" in done.stderr
    config_map = server.store.get("v1", "configmaps", "given", "wrk-scripts")
    assert config_map["data"] == mine["data"]
    assert "iris-scale" not in os.fsdecode(json.dumps(config_map))
    left = {key[3] for key in server.store.objects if key[2] == "given" and key[1] != "events"}
    assert left == {"wrk-scripts"}
