"""What a load sends is looked at before it is sent thousands of times, with the real wrk and real
scripts: broken ones, ones that open other files, ones that print what wrk prints.
"""

import json

import pytest
import yaml

GOOD = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"instances": [[5.0, 3.3, 1.5, 0.2]]}'
"""


@pytest.fixture(scope="module")
def model(run_iris, tmp_path_factory, repo):
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    assert run_iris("pull").returncode == 0
    trained = run_iris("train", "--model", path, "--metrics", path.parent / "metrics.json")
    assert trained.returncode == 0, trained.stderr
    return path


@pytest.fixture
def load(run_iris, repo, tmp_path, model):
    """Runs a short load: load({"post.lua": …}, args=…, command=…, container={…})."""

    def run(scripts, args=None, command=("wrk",), container=None, deployment=None, **job_changes):
        job = yaml.safe_load((repo / "k8s/loadtest/job-wrk-1000.yaml").read_text())
        pod = job["spec"]["template"]["spec"]
        words = ["-t1", "-c8", "-d1s", "-s", "/scripts/post.lua", "http://iris-api-lb/predict"]
        pod["containers"][0]["command"] = list(command)
        pod["containers"][0]["args"] = list(words if args is None else args)
        pod["containers"][0].update(container or {})
        pod["containers"] = job_changes.get("before", []) + pod["containers"]
        pod["volumes"] = job_changes.get("volumes", pod["volumes"])
        served = yaml.safe_load((repo / "k8s/deployment.yaml").read_text())
        if deployment:
            deployment(served["spec"]["template"]["spec"]["containers"])
        config_map = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "wrk-scripts"},
            "data": scripts,
        }
        for name, document in (("job", job), ("scripts", config_map), ("deployment", served)):
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        experiment = {
            "model": str(model),
            "manifests": {
                "deployment": str(tmp_path / "deployment.yaml"),
                "scripts": str(tmp_path / "scripts.yaml"),
                "cluster": ["k8s/service.yaml"],
            },
            "time_scale": 100,
            "duration": "1s",
            "probe": {"body": '{"instances": [[5.0, 3.3, 1.5, 0.2]]}'},
            "scenarios": [
                {"name": "x", "hpa": "k8s/hpa-max1.yaml", "load": str(tmp_path / "job.yaml")}
            ],
        }
        (tmp_path / "load.yaml").write_text(yaml.safe_dump(experiment))
        return run_iris("scale", tmp_path / "load.yaml", "--out", tmp_path / "out", "--no-limits")

    return run


def of_type(tmp_path, kind):
    records = (tmp_path / "out" / "load.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, records) if record["type"] == kind]


def test_what_is_sent_and_answered_is_said(load, tmp_path):
    done = load({"post.lua": GOOD})
    assert done.returncode == 0, done.stderr
    sent = f"wrk sends POST /predict with 37 bytes of body ({tmp_path}/scripts.yaml: /scripts/post.lua)"
    assert sent in done.stderr
    assert 'the answer is 200: {"predictions"' in done.stderr
    (checked,) = [e for e in of_type(tmp_path, "event") if e["kind"] == "request_checked"]
    assert checked["t"] < 0 and "POST /predict" in checked["message"]
    assert "the livenessProbe is not run here" in done.stderr
    assert "started again at once" in done.stderr


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (GOOD + "wrk.body = = 1\n", "/scripts/post.lua:5: unexpected symbol near '='"),
        (GOOD + "wrk.heders['X'] = 1\n", "/scripts/post.lua:5: attempt to index field 'heders'"),
        (GOOD + "dofile('/scripts/none.lua')\n", "/scripts/none.lua"),
        (GOOD + "function request() return nosuch.x end\n", "attempt to index global 'nosuch'"),
        (GOOD + "error('made by hand')\n", "made by hand"),
    ],
    ids=["syntax", "index", "missing file", "at each call", "error"],
)
def test_a_broken_script_is_refused_before_the_load(load, tmp_path, script, words):
    done = load({"post.lua": script})
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert f"{tmp_path}/scripts.yaml: /scripts/post.lua: wrk cannot run the script" in done.stderr
    assert [e for e in of_type(tmp_path, "event") if e["kind"] == "load_started"] == []
    (end,) = of_type(tmp_path, "scenario_end")
    assert end["status"] == "failed" and words in end["reason"]


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("", "GET /predict with 0 bytes"),
        (GOOD.replace("instances", "instnces"), "is answered with 400: {"),
        (GOOD + "wrk.path = '/predikt'\n", "POST /predikt with 37 bytes"),
        (GOOD + "function request() return wrk.format('PUT', '/predict') end\n", "PUT /predict"),
    ],
    ids=["nothing set", "body", "path", "method at each call"],
)
def test_a_request_that_is_not_answered_well_is_refused(load, tmp_path, script, answer):
    done = load({"post.lua": script})
    assert done.returncode == 2, done.stderr
    assert answer in done.stderr and "expected a status of 2xx" in done.stderr
    assert f"{tmp_path}/scripts.yaml: /scripts/post.lua" in done.stderr
    assert [e for e in of_type(tmp_path, "event") if e["kind"] == "load_started"] == []


def test_a_load_of_failures_is_never_ok(load, tmp_path):
    """The first request is good, those after it are not."""
    script = GOOD + "sent = 0\nfunction request()\n  sent = sent + 1\n" \
        "  return wrk.format(sent > 5 and 'GET' or nil)\nend\n"  # fmt: skip
    done = load({"post.lua": script})
    assert done.returncode == 1, done.stderr
    (end,) = of_type(tmp_path, "scenario_end")
    assert end["status"] == "failed" and end["load"]["non_2xx"] > 100
    assert f'{end["failed_requests"]} failed requests' in end["reason"]
    assert of_type(tmp_path, "run_end")[0]["status"] == "failed"


def test_what_wrk_says_is_kept_and_shown(load, run_iris, tmp_path):
    noise = "  7 requests in 1.00s, 1.00MB read\nRequests/sec: 1.00"
    script = GOOD + f"""
function done() io.stderr:write("told at the end\\n") print([[{noise}]]) end
function init() print([[{noise}]]) io.write("open line") end
"""
    done = load({"post.lua": script})
    assert done.returncode == 0, done.stderr
    assert "wrk said: told at the end" in done.stderr
    (end,) = of_type(tmp_path, "scenario_end")
    assert end["load_errors"] == "told at the end\n"
    assert end["load"]["requests"] > 7 and end["reconcile"]["ok"], end["reconcile"]
    assert run_iris("report", tmp_path / "out", "--markdown", tmp_path / "r.md").returncode == 0
    assert "told at the end" in (tmp_path / "r.md").read_text()


def test_the_other_keys_of_the_scripts_are_at_hand(load, tmp_path):
    script = """
local common = dofile("/scripts/common.lua")
local more = require("more")
local file = assert(io.open("/scripts/body.json"))
wrk.method, wrk.headers["Content-Type"] = common.method, more
wrk.body = file:read("*a")
for line in io.lines("/scripts/body.json") do first = line end
assert(first == wrk.body, "lines")
assert(loadfile("/scripts/common.lua"))
assert(not io.open("/scripts/none"))
"""
    done = load(
        {
            "post.lua": "package.path = '/scripts/?.lua;' .. package.path\n" + script,
            "common.lua": 'return {method = "POST"}',
            "more.lua": 'return "application/json"',
            "body.json": '{"instances": [[5.0, 3.3, 1.5, 0.2]]}',
        }
    )
    assert done.returncode == 0, done.stderr
    assert "wrk sends POST /predict with 37 bytes of body" in done.stderr


def test_keys_under_other_names_and_single_files(load, repo, tmp_path):
    volumes = [
        {"name": "scripts", "configMap": {
            "name": "wrk-scripts", "items": [{"key": "a", "path": "sub/post.lua"}]}},
        {"name": "one", "projected": {"sources": [{"configMap": {"name": "wrk-scripts"}}]}},
    ]  # fmt: skip
    mounts = [
        {"name": "scripts", "mountPath": "/scripts/"},
        {"name": "one", "mountPath": "/etc/body", "subPath": "b"},
    ]
    done = load(
        {"a": GOOD + "wrk.body = io.open('/etc/body'):read('*a')", "b": '{"instances": [[1,1,1,1]]}'},
        args=["-t1", "-c8", "-d1s", "-s", "/scripts/sub/post.lua", "http://iris/predict"],
        container={"volumeMounts": mounts},
        volumes=volumes,
    )
    assert done.returncode == 0, done.stderr
    assert "with 26 bytes of body" in done.stderr
    refused = load({"a": GOOD}, args=["-s", "/scripts/a", "http://iris/predict"], volumes=volumes)
    assert refused.returncode == 2
    assert "wrk's script '/scripts/a'" in refused.stderr
    assert "found /scripts/sub/post.lua" in refused.stderr


ENV = [
    {"name": "CONNECTIONS", "value": "6"},
    {"name": "ROUTE", "value": "predict"},
    {"name": "URL", "value": "http://$(NOWHERE)/$(ROUTE)"},
]
READABLE = {
    "variables": {
        "args": ["-t1", "-c$(CONNECTIONS)", "-d1s", "-s", "/scripts/post.lua", "-H", "X: $$(A)",
                 "$(URL)"],
        "container": {"env": ENV},
    },
    "a shell": {
        "command": ["/bin/sh", "-ec"],
        "args": ["exec wrk -t1 -c6 \\\n  -d1s -s '/scripts/post.lua' \"http://x/${ROUTE}\"\n"],
        "container": {"env": ENV},
    },
    "arguments of the script": {
        "args": ["-t1", "-c6", "-d1s", "-s", "/scripts/post.lua", "http://x/predict", "--", "a b"],
    },
    "an image of wrk's own": {
        "command": [],
        "args": ["-t1", "-c6", "-d1s", "-s", "/scripts/post.lua", "http://x/predict"],
    },
    "a host that only a cluster knows": {
        "args": ["-t1", "-c6", "-d1s", "-s", "/scripts/post.lua", "http://$(HOST)/predict"],
        "container": {"envFrom": [{"secretRef": {"name": "tokens"}}]},
    },
    "a sidecar in first place": {
        "args": ["-t1", "-c6", "-d1s", "-s", "/scripts/post.lua", "http://x/predict"],
        "before": [{"name": "proxy", "image": "envoy", "args": ["--config", "/x"]}],
    },
}  # fmt: skip


@pytest.mark.parametrize("how", READABLE)
def test_commands_that_are_read(load, tmp_path, how):
    done = load({"post.lua": GOOD}, **READABLE[how])
    assert done.returncode == 0, done.stderr
    (start,) = of_type(tmp_path, "scenario_start")
    assert start["connections"] == 6
    if how == "variables":
        assert "X: $(A)" in start["load"]["argv"]
    if how == "arguments of the script":
        assert start["load"]["argv"][-2:] == ["--", "a b"]


SECRET = {"envFrom": [{"secretRef": {"name": "tokens"}}]}
REFUSED = {
    "envFrom": (
        {"args": ["-c8", "-H", "Authorization: $(TOKEN)", "http://x/"], "container": SECRET},
        "$(TOKEN) may come from envFrom (Secret 'tokens')",
    ),
    "valueFrom": (
        {
            "args": ["-c8", "-H", "Authorization: $(TOKEN)", "http://x/"],
            "container": {"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {}}}]},
        },
        "$(TOKEN) comes from valueFrom",
    ),
    "several commands": (
        {"command": ["sh", "-c"], "args": ["sleep 3; wrk http://x/"]},
        "a shell's command line that is not one wrk alone",
    ),
    "a number of a Secret": (
        {"args": ["-c$(CONNECTIONS)", "http://x/"], "container": SECRET},
        "envFrom has values of the Secret 'tokens'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSED)
def test_commands_that_only_a_cluster_can_run_are_refused_by_name(load, how):
    changes, words = REFUSED[how]
    done = load({"post.lua": GOOD}, **changes)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "job.yaml: spec.template.spec.containers[0]" in done.stderr


def test_a_script_that_reads_the_environment(load):
    script = GOOD + "assert(os.getenv('ROUTE') == 'predict', 'no ROUTE')"
    done = load({"post.lua": script}, container={"env": ENV})
    assert done.returncode == 0, done.stderr
    refused = load({"post.lua": script}, container={**SECRET, "env": ENV})
    assert refused.returncode == 2
    assert "/scripts/post.lua reads the environment, and envFrom has values of the Secret" in (
        refused.stderr
    )


def test_a_sidecar_before_the_service_is_not_taken_for_it(load):
    def add_sidecar(containers):
        containers.insert(0, {"name": "proxy", "image": "envoy", "ports": [{"containerPort": 15001}],
                              "args": ["--config", "/etc/envoy.yaml"]})  # fmt: skip

    done = load({"post.lua": GOOD}, deployment=add_sidecar)
    assert done.returncode == 0, done.stderr
    assert "the service is the container 'iris-api', by the port 8080 that Service iris-api-lb" in (
        done.stderr
    )
