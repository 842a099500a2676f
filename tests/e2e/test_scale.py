"""Whole scenarios of `iris scale` with the real wrk: what is measured, what is replaced, and that
nothing is left behind however a run ends.

Replicas run under CPU limits where this machine's control groups can be written, else with
--no-limits, which is said in the tests' output; what is about the groups themselves is then not
asserted.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest
import yaml

SCENARIOS = {"up": ("k8s/hpa-max3.yaml", 3), "one": ("k8s/hpa-max1.yaml", 1)}


def cgroup_folders():
    """The groups of runs, wherever this machine mounts control groups."""
    found = []
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        found += [pathlib.Path(folder, name) for name in names if name.startswith("iris-")]
    return [path for path in found if path.name[5:].split("-")[0].isdigit()]


def of_run(paths, pid):
    return [path for path in paths if path.name.split("-")[1] == str(pid)]


def limits_available():
    """Whether a group can be made where `iris scale` would make one."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        base = pathlib.Path("/sys/fs/cgroup")
        if "cpu" in controllers.split(","):
            base = base / controllers
        elif controllers:
            continue
        if os.access(f"{base}{path}", os.W_OK):
            return True
    return False


LIMITS = limits_available()


@pytest.fixture(scope="module")
def model(run_iris, tmp_path_factory, repo):
    folder = tmp_path_factory.mktemp("model")
    assert run_iris("pull").returncode == 0
    path = folder / "model.onnx"
    trained = run_iris("train", "--model", path, "--metrics", folder / "metrics.json", cwd=repo)
    assert trained.returncode == 0, trained.stderr
    return path


@pytest.fixture
def experiment(tmp_path, repo, model):
    """Writes an experiment with small loads: experiment(["up"], duration="5s")."""

    def write(names, duration="5s", **changes):
        job = yaml.safe_load((repo / "k8s/loadtest/job-wrk-1000.yaml").read_text())
        container = job["spec"]["template"]["spec"]["containers"][0]
        container["args"] = [
            {"-t12": "-t2", "-c1000": "-c60"}.get(word, word) for word in container["args"]
        ]
        (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
        document = {
            "model": str(model),
            "manifests": {
                "deployment": "k8s/deployment.yaml",
                "scripts": "k8s/loadtest/wrk-configmap.yaml",
            },
            "time_scale": 20,
            "duration": duration,
            "probe": {
                "requests_per_s": 50,
                "body": '{"instances": [[5.0, 3.3, 1.5, 0.2]]}',
            },
            "scenarios": [
                {"name": name, "hpa": SCENARIOS[name][0], "load": str(tmp_path / "job.yaml")}
                for name in names
            ],
            **changes,
        }
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    return write


def arguments(experiment_path, out, *more):
    if not LIMITS:
        print("control groups cannot be written here: the replicas run with --no-limits")
        more = ("--no-limits", *more)
    return ["scale", str(experiment_path), "--out", str(out), *more]


def read_records(out):
    return [json.loads(line) for line in (out / "small.jsonl").read_text().splitlines()]


def of_type(records, kind):
    return [record for record in records if record["type"] == kind]


def events(records, kind):
    return [record for record in of_type(records, "event") if record["kind"] == kind]


class Run:
    """`iris scale` in the background, and its replicas as the operating system shows them."""

    def __init__(self, iris, repo, argv):
        self.process = subprocess.Popen(
            [str(iris), *argv],
            cwd=repo,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self):
        return self.process.pid

    def is_under_load(self):
        """A wrk alone only tells what it would send, before there is a replica."""
        return self.children("serve") and self.children("wrk")

    def children(self, word=None):
        """Ids of live children whose command line has the word."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                status = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if int(status[1]) == self.pid and status[0] != "Z":
                if word is None or word.encode() in words:
                    found.append(int(entry.name))
        return found

    def wait_for(self, condition, what, timeout=30):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if condition():
                return
            assert self.process.poll() is None, f"ended early: {self.process.communicate()[1]}"
            time.sleep(0.02)
        pytest.fail(f"no {what} after {timeout} s")

    def finish(self, timeout=60):
        output, errors = self.process.communicate(timeout=timeout)
        return self.process.returncode, output, errors


@pytest.fixture
def start(iris, repo):
    runs = []

    def begin(*argv):
        runs.append(Run(iris, repo, argv))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.communicate()


def assert_gone(pids):
    deadline = time.monotonic() + 10
    while any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline, f"processes left: {pids}"
        time.sleep(0.02)


def test_a_run_scales_up_and_its_counts_reconcile(start, experiment, tmp_path):
    run = start(*arguments(experiment(["up", "one"], duration="6s"), tmp_path / "out"))
    code, output, errors = run.finish()
    assert code == 0, errors
    assert of_run(cgroup_folders(), run.pid) == []
    assert "CPU factor" in errors and "20 × faster" in errors
    assert [line.split()[0] for line in output.splitlines()] == ["scenario", "up", "one"]

    records = read_records(tmp_path / "out")
    assert records[0]["type"] == "run" and records[0]["limits"] is LIMITS
    assert records[-1]["type"] == "run_end" and records[-1]["status"] == "ok"
    assert {record["v"] for record in records} == {1}
    for name in ("up", "one"):
        mine = [record for record in records if record.get("scenario") == name]
        begin, end = mine[0], mine[-1]
        assert begin["type"] == "scenario_start" and begin["t"] < 0
        assert begin["max_replicas"] == SCENARIOS[name][1]
        assert end["type"] == "scenario_end" and end["status"] == "ok"
        assert end["failed_requests"] == 0
        assert end["reconcile"]["ok"], end["reconcile"]
        answered = end["reconcile"]["generator"] + end["reconcile"]["probe"]
        assert answered > 100 and end["reconcile"]["replicas"] >= answered
        assert end["whole"]["replicas_max"] == SCENARIOS[name][1]
        assert end["probe"]["sent"] == end["probe"]["answered"] >= 250
        # It begins with one replica that is ready, and no other.
        started = events(mine, "replica_started")
        assert len([event for event in started if event["t"] < 0]) == 1
        assert len(events(mine, "replica_gone")) == SCENARIOS[name][1]
        assert all("exit status 0" in event["message"] for event in events(mine, "replica_gone"))
        samples = of_type(mine, "sample")
        assert len(samples) >= 4
        assert samples[0]["completed_per_s"] > 0
        if LIMITS:
            assert samples[0]["replicas"][0]["periods"] > 0
        else:
            assert samples[0]["replicas"][0]["periods"] is None

    up = [record for record in records if record.get("scenario") == "up"]
    (scale,) = events(up, "scale")
    assert (scale["from"], scale["to"]) == (1, 3)
    ticks = [tick for tick in of_type(up, "tick") if tick["desired"] > tick["current"]]
    assert ticks[0]["utilization_percent"] > 60 and ticks[0]["because"]
    shares = up[-1]["steady"]["share"]
    assert len(shares) == 3 and abs(sum(entry["share"] for entry in shares) - 1) < 0.01


def test_a_replica_that_is_killed_is_replaced_and_said(start, experiment, tmp_path):
    run = start(*arguments(experiment(["one"], duration="5s"), tmp_path / "out"))
    run.wait_for(run.is_under_load, "load")
    time.sleep(1)
    (victim,) = run.children("serve")
    os.kill(victim, signal.SIGKILL)
    run.wait_for(lambda: set(run.children("serve")) - {victim}, "replacement")
    code, _, errors = run.finish()
    # Requests that were on their way to it have failed, and that is a gate.
    assert code == 1, errors
    assert "died unasked: killed by signal 9" in errors
    assert of_run(cgroup_folders(), run.pid) == []
    records = read_records(tmp_path / "out")
    (lost,) = events(records, "replica_lost")
    assert lost["replica"] == "iris-api-1" and "replacement" in lost["message"]
    ready = events(records, "replica_ready")
    assert ready[-1]["replica"] == "iris-api-2" and ready[-1]["t"] > lost["t"]
    (end,) = of_type(records, "scenario_end")
    assert end["whole"]["replicas_lost"] == 1
    assert end["failed_requests"] > 0
    assert end["reconcile"]["ok"] or "iris-api-1 ended" in end["reconcile"]["reason"]
    # The replacement answered what came after.
    last = of_type(records, "sample")[-1]
    assert [r["state"] for r in last["replicas"]] == ["gone", "ready"]
    assert last["replicas"][1]["requests"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_but_its_records(start, experiment, tmp_path, number):
    run = start(*arguments(experiment(["up", "one"], duration="30s"), tmp_path / "out"))
    run.wait_for(lambda: len(run.children("serve")) == 3, "scale-up")
    children = run.children()
    asked = time.monotonic()
    run.process.send_signal(number)
    code, _, errors = run.finish(timeout=20)
    assert time.monotonic() - asked < 8
    assert code == 130, errors
    assert_gone(children)
    assert of_run(cgroup_folders(), run.pid) == []
    records = read_records(tmp_path / "out")
    assert len(events(records, "interrupted")) == 1
    (end,) = of_type(records, "scenario_end")
    assert end["status"] == "interrupted"
    assert records[-1]["type"] == "run_end" and records[-1]["status"] == "interrupted"


def test_after_sigkill_the_children_are_gone_and_the_next_run_tidies_up(
    start, experiment, tmp_path
):
    path = experiment(["one"], duration="30s")
    killed = start(*arguments(path, tmp_path / "out"))
    killed.wait_for(killed.is_under_load, "load")
    children = killed.children()
    assert len(children) == 2
    killed.process.kill()
    killed.finish()
    assert_gone(children)
    if LIMITS:
        assert of_run(cgroup_folders(), killed.pid) != []

    following = start(*arguments(path, tmp_path / "out", "--duration", "2s"))
    code, _, errors = following.finish()
    assert code == 0, errors
    assert of_run(cgroup_folders(), killed.pid) == []
    assert of_run(cgroup_folders(), following.pid) == []
    # The records of the run that was killed are kept: cut off, but there.
    kept = [path for path in (tmp_path / "out").glob("*.jsonl") if path.name != "small.jsonl"]
    assert len(kept) == 1 and "run_end" not in kept[0].read_text()


@pytest.fixture
def open_folder():
    """A folder that every user may read; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="iris-scale-") as folder:
        path = pathlib.Path(folder)
        path.chmod(0o755)
        yield path


def test_without_a_group_to_write_it_says_how_to_get_one(
    iris, repo, experiment, model, tmp_path, open_folder
):
    """As a user without rights: nobody, where the tests run as root."""
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if os.geteuid() != 0:
        assert not LIMITS, "a user whose groups can be written cannot show this; run it as root"
        prefix = []
    shutil.copy(model, open_folder / "model.onnx")
    text = experiment(["one"], duration="2s", model=str(open_folder / "model.onnx")).read_text()
    (open_folder / "small.yaml").write_text(text.replace(str(tmp_path), str(open_folder)))
    shutil.copy(tmp_path / "job.yaml", open_folder / "job.yaml")
    shutil.copy(iris, open_folder / "iris")
    for entry in open_folder.iterdir():
        entry.chmod(0o755)
    result = subprocess.run(
        [*prefix, open_folder / "iris", "scale", open_folder / "small.yaml", "--out", tmp_path],
        cwd=repo,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 3, result.stderr
    assert "systemd-run --user --scope -p Delegate=yes" in result.stderr
    assert "--no-limits" in result.stderr


def test_a_run_without_limits_says_so(run_iris, experiment, tmp_path):
    path = experiment(["one"], duration="2s")
    result = run_iris("scale", path, "--out", tmp_path / "out", "--no-limits")
    assert result.returncode == 0, result.stderr
    assert "without CPU and memory limits" in result.stderr
    records = read_records(tmp_path / "out")
    assert records[0]["limits"] is False and records[0]["machine"]["cgroup"] is None
    assert of_type(records, "sample")[0]["replicas"][0]["cpu_milli"] > 0


def test_wrong_use_names_what_is_wrong(run_iris, experiment, tmp_path):
    def refused(*argv):
        result = run_iris("scale", *argv, "--out", tmp_path / "out")
        assert result.returncode == 2, result.stderr
        return result.stderr

    path = experiment(["one"])
    assert "nowhere not in {local,kubernetes}" in refused(path, "--target", "nowhere")
    assert "'no-such' is no scenario; they are one" in refused(path, "--only", "no-such")
    assert "--duration" in refused(path, "--duration", "soon")
    assert "unknown key 'titel'" in refused(experiment(["one"], titel="x"))
    missing = experiment(["one"], manifests={"deployment": "no.yaml", "scripts": "no.yaml"})
    assert "no.yaml" in refused(missing)
    assert "iris train" in refused(experiment(["one"], model=str(tmp_path / "no.onnx")))


def test_replicas_that_cannot_start_end_the_run_with_their_words(run_iris, experiment, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"\x80\x04no model")
    path = experiment(["one"], model=str(tmp_path / "broken.onnx"))
    result = run_iris(*arguments(path, tmp_path / "out"))
    assert result.returncode == 3, result.stderr
    assert "replicas cannot be started: iris-api-1" in result.stderr
    assert "broken.onnx" in result.stderr
    records = read_records(tmp_path / "out")
    assert of_type(records, "scenario_end")[0]["status"] == "failed"
    assert records[-1]["type"] == "run_end" and records[-1]["status"] == "failed"
