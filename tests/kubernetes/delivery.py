"""The delivery against the real API: the manifests, scripts/deploy, scripts/smoke, iris scale.

Each check is a function; its first line of documentation names it, it returns what to say, and raises
CheckFailed with what a person would read.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from control_plane import Plane, await_that
from local_pods import LocalPods
from pod_process import Image

REPO = Path(__file__).resolve().parents[2]
ON_A_CLUSTER = "tests/cluster/test_run.py::test_two_scenarios"
NAMESPACE = "iris"
GOOD, WRONG, MISSING = (f"registry.invalid/iris-api@sha256:{digit * 64}" for digit in "abc")
LOAD = f"registry.invalid/iris-loadtest@sha256:{'d' * 64}"


class CheckFailed(Exception):
    """What was expected, and what was found."""


@dataclasses.dataclass
class World:
    """A plane whose pods are processes."""

    plane: Plane
    pods: LocalPods
    iris: Path
    root: Path = REPO

    def run(self, *command: str, code: int = 0, timeout: float = 300, **environment: str) -> str:
        done = subprocess.run(
            [str(each) for each in command],
            cwd=self.root,
            env={**os.environ, **self.plane.environment, "IRIS_BIN": str(self.iris), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout,
        )
        if done.returncode != code:
            raise CheckFailed(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}")
        return done.stdout

    def kubectl(self, *arguments: str, code: int = 0, stdin: str | None = None) -> str:
        done = self.plane.kubectl(*arguments, check=False, stdin=stdin)
        if done.returncode != code:
            raise CheckFailed(f"kubectl {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr}")
        return done.stdout if code == 0 else done.stderr

    def field(self, what: str, path: str) -> str:
        return self.kubectl("-n", NAMESPACE, "get", what, "--ignore-not-found", "-o", f"jsonpath={{{path}}}")

    def names_of_pods(self) -> str:
        return self.field("pods", ".items[*].metadata.name")

    def await_that(self, what: str, holds: Callable[[], object]) -> None:
        await_that(what, holds, None, self.plane.logs["kube-apiserver"], 30)

    def deploy(self, image: str, code: int = 0, example: Path | None = None, **environment: str) -> str:
        bounds = {"ROLLOUT_TIMEOUT_S": "20", "ADDRESS_TIMEOUT_S": "30", "SMOKE_TIMEOUT_S": "10", **environment}
        return self.run("scripts/deploy", image, *([example] if example else []), code=code, **bounds)


def expect(truth: object, what: str) -> None:
    if not truth:
        raise CheckFailed(what)


def images(iris: Path, folder: Path) -> dict[str, Image]:
    """What the node can pull; MISSING is none of them."""
    subprocess.run([iris, "pull"], cwd=REPO, check=True, capture_output=True, timeout=120)
    wrong_model = train_wrong_model(iris, folder)
    model = {"/models/model.onnx": str(REPO / "models" / "model.onnx")}
    good, wrong = Image(str(iris), (), model), Image(str(iris), (), {"/models/model.onnx": str(wrong_model)})
    return {GOOD: good, WRONG: wrong, LOAD: Image("wrk")}


def train_wrong_model(iris: Path, folder: Path) -> Path:
    """A model whose labels are exchanged: it serves, and answers wrong."""
    text = (REPO / "data" / "data.csv").read_text()
    turned = {"setosa": "versicolor", "versicolor": "virginica", "virginica": "setosa"}
    (folder / "wrong.csv").write_text(re.sub("|".join(turned), lambda match: turned[match[0]], text))
    command = [iris, "train", "--data", folder / "wrong.csv", "--model", folder / "wrong.onnx"]
    subprocess.run([*command, "--metrics", folder / "wrong.json"], cwd=REPO, check=True, capture_output=True, timeout=120)
    return folder / "wrong.onnx"


def first_deploy_fails(world: World) -> str:
    """a first deploy that fails leaves nothing"""
    said = world.deploy(MISSING, code=1)
    expect("there was no revision before" in said and "ImagePullBackOff" in said, said)
    expect(world.field("deployment/iris-api", ".metadata.name") == "", "a Deployment is left")
    world.await_that("pods to be gone", lambda: not world.names_of_pods())
    return "no Deployment, no pod"


def manifests(world: World) -> str:
    """kubectl apply -k k8s"""
    world.kubectl("apply", "-k", str(world.root / "k8s"))
    kinds = ("deployment", "service", "hpa", "pdb", "networkpolicy", "serviceaccount")
    listed = world.kubectl("-n", NAMESPACE, "get", ",".join(kinds), "-o", "name").split()
    made = [each for each in listed if "iris-api" in each]
    expect(len(made) == len(kinds), f"expected one of each of {kinds}, found {listed}")
    generations = "range .items[*]}{.kind}{.metadata.generation}{' '}{end"
    before = world.field(",".join(kinds), generations)
    world.kubectl("apply", "-k", str(world.root / "k8s"))
    after = world.field(",".join(kinds), generations)
    expect(before == after, f"a second apply changes {before} to {after}")
    return ", ".join(each.split("/")[0] for each in made)


def restricted(world: World) -> str:
    """Pod Security, restricted"""
    world.await_that("the Deployment's pod", world.names_of_pods)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root", "namespace": NAMESPACE}}
    pod["spec"] = {"containers": [{"name": "root", "image": "registry.invalid/root"}]}
    said = world.kubectl("apply", "-f", "-", code=1, stdin=json.dumps(pod))
    expect('violates PodSecurity "restricted:latest"' in said, said)
    return "the Deployment's pods are admitted, a pod of root is refused"


def jobs(world: World) -> str:
    """the load test's Jobs are admitted"""
    files = sorted((world.root / "k8s").rglob("job-wrk-*.yaml"))
    expect(files, "no Job in k8s/")
    for path in files:
        world.kubectl("-n", NAMESPACE, "apply", "-f", str(path))
        job = f"job/{path.stem.removeprefix('job-')}"
        world.await_that(f"a pod of {job}", lambda job=job: world.field(job, ".status.active") == "1")
        # A load of 1,000 connections has no place here: a pod that was admitted is enough.
        world.kubectl("-n", NAMESPACE, "delete", job, "--wait=false")
    return ", ".join(path.name for path in files)


def deploy(world: World) -> str:
    """scripts/deploy and its smoke test"""
    said = world.deploy(GOOD)
    address = re.search(r"address=http://(\S+)", said)
    expect(address, said)
    return f"revision {revision(world)} answers at {address[1]}"


def revision(world: World) -> str:
    return world.field("deployment/iris-api", r".metadata.annotations.deployment\.kubernetes\.io/revision")


def image_now(world: World) -> str:
    return world.field("deployment/iris-api", ".spec.template.spec.containers[0].image")


def await_ready(world: World) -> None:
    world.run("kubectl", "-n", NAMESPACE, "rollout", "status", "deployment/iris-api", "--timeout=60s")


def rollout_fails(world: World) -> str:
    """a rollout that fails is undone"""
    said = world.deploy(MISSING, code=1)
    expect("the revision before" in said and "serves on" in said, said)
    expect(image_now(world) == GOOD, f"the image is {image_now(world)}, expected {GOOD}")
    await_ready(world)
    return "ImagePullBackOff: the revision before serves"


def smoke_fails(world: World) -> str:
    """a model that answers wrong is undone"""
    said = world.deploy(WRONG, code=1)
    expect("does not answer as it should" in said, said)
    expect(image_now(world) == GOOD, f"the image is {image_now(world)}, expected {GOOD}")
    await_ready(world)
    return "the rollout was green, the smoke test red: the revision before serves"


def unchanged_template(world: World) -> str:
    """a smoke test that fails on an unchanged template undoes nothing"""
    example = json.loads(world.run(world.iris, "inspect", "models/model.onnx", "--json"))
    example["answer"] = {"predictions": ["another"]}
    path = world.plane.folder / "another.json"
    path.write_text(json.dumps(example))
    before = revision(world), image_now(world)
    said = world.deploy(GOOD, code=1, example=path)
    expect("nothing to undo" in said, said)
    expect((revision(world), image_now(world)) == before, f"{revision(world)}, expected {before}")
    return f"revision {before[0]} serves on"


def reach(world: World) -> str:
    """kubectl logs, port-forward and the API's proxy to a pod"""
    pod = world.field("pods", ".items[0].metadata.name")
    log = world.kubectl("-n", NAMESPACE, "logs", pod)
    expect("serving" in log, f"kubectl logs: {log!r}")
    metrics = world.kubectl("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:9090/proxy/metrics")
    expect("# TYPE" in metrics, metrics[:300])
    command = [world.plane.binaries["kubectl"], "-n", NAMESPACE, "port-forward", f"pod/{pod}", ":8080"]
    environment = {**os.environ, **world.plane.environment}
    forward = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        line = forward.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        expect(found, line)
        world.run("scripts/smoke", f"http://127.0.0.1:{found[1]}", SMOKE_TIMEOUT_S="10")
    finally:
        forward.terminate()
        forward.wait(timeout=20)
    return "a prediction through port-forward, counts through the proxy"


def scale(world: World) -> str:
    """iris scale --target kubernetes"""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ON_A_CLUSTER]
    world.run(
        *command,
        timeout=900,
        KUBECONFIG_REAL=str(world.plane.kubeconfig),
        KUBECTL=world.plane.binaries["kubectl"],
        IRIS_IMAGE=GOOD,
        IRIS_LOAD_IMAGE=LOAD,
        IRIS_LOAD_SECONDS="25",
    )
    return f"two scenarios with the real wrk, {time.monotonic() - began:.0f} s"


# The order matters: the first needs a cluster without a namespace.
ALL = [
    first_deploy_fails,
    manifests,
    restricted,
    jobs,
    deploy,
    reach,
    rollout_fails,
    smoke_fails,
    unchanged_template,
    scale,
]
