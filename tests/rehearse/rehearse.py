#!/usr/bin/env python3
"""The workflow files themselves, executed by act on one machine with real parts around them, and then every
sabotage of them. Called by ./run rehearse, which installs what it needs.

    ./run rehearse                    the workflows, then all sabotages
    ./run rehearse --only SABOTAGE    the sabotages of that name alone
    ./run rehearse --no-image         without what needs a container engine
    ./run rehearse --cluster          deploys to a real control plane on this machine (tests/kubernetes)
    ./run rehearse --kubeconfig FILE  deploys to that cluster; without the sabotages that break a cluster

The committed HEAD is rehearsed, in a clone of its own. Exit status 1 when a workflow is not green, or when
a sabotage does not turn the right step red with the right message.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import broken_data
import broken_delivery
import broken_tree
import clusters
import federation
import parts
import runner
import sabotage
import stand_in
from surroundings import SECRET, World

# Each adds its sabotages when it is read.
SABOTAGES = (broken_data, broken_delivery, broken_tree)
REPO = Path(__file__).resolve().parents[2]
VARIABLES = {
    "GCP_PROJECT": "rehearsal",
    "GKE_CLUSTER_NAME": "iris",
    "GKE_CLUSTER_ZONE": "europe-west1-b",
    "ARTIFACT_REGISTRY_REPOSITORY": "iris",
    "BUCKET_NAME": parts.BUCKET,
    "GCP_WORKLOAD_IDENTITY_PROVIDER": "projects/1/locations/global/workloadIdentityPools/p/providers/g",
    "GCP_SERVICE_ACCOUNT": "iris@rehearsal.iam.gserviceaccount.com",
}


def check_machine(with_images: bool) -> None:
    needed = ["git", "openssl", "ninja", "cmake"] + ["podman", "docker-registry"] * with_images
    missing = [each for each in needed if shutil.which(each) is None]
    if missing:
        print(f"rehearse: apt-get install {' '.join(missing)}", file=sys.stderr)
        sys.exit(3)


def git(root: Path, *command: str) -> str:
    who = ["-c", "user.name=rehearsal", "-c", "user.email=rehearsal@example.com"]
    done = subprocess.run(["git", *who, *command], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


SMALL_LOAD = "loads of 60 s with 1,000 and 2,000 connections: 3 s, 20 connections"


def make_origin(folder: Path) -> tuple[Path, str]:
    """The committed HEAD as a repository to fetch from, with a small load test of seconds."""
    origin = folder / "origin"
    git(folder, "clone", "--quiet", str(REPO), str(origin))
    git(origin, "checkout", "--quiet", "-B", "main")
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    experiment = origin / "experiments" / "scaling.yaml"
    text = experiment.read_text().replace("duration: 60s", "duration: 3s").replace("time_scale: 10", "time_scale: 20")
    experiment.write_text(text)
    # What a busy machine can serve: the verdict must not depend on its speed.
    for path in (origin / "k8s" / "loadtest").glob("job-wrk-*.yaml"):
        text = path.read_text().replace("-t12", "-t2").replace("-c1000", "-c20").replace("-c2000", "-c20")
        path.write_text(text)
    git(origin, "commit", "--quiet", "--all", "--message", "a small load")
    return origin, git(origin, "rev-parse", "HEAD")


def write_built(state: Path, iris: Path) -> None:
    """What stands in a checkout as if a cache had restored it: a finished build, the linters."""
    release = state / "built" / "build" / "release"
    release.mkdir(parents=True)
    (release / "iris").symlink_to(iris)
    cache = "CMAKE_PROJECT_NAME:STATIC=iris\nCMAKE_GENERATOR:INTERNAL=Ninja\n"
    (release / "CMakeCache.txt").write_text(f"{cache}CMAKE_MAKE_PROGRAM:FILEPATH={shutil.which('ninja')}\n")
    (release / "build.ninja").write_text("build all: phony\ndefault all\n")
    # Installed once, here, and not for each checkout.
    subprocess.run([REPO / "scripts" / "lint-tools"], check=True, stdout=subprocess.DEVNULL)
    (state / "built" / "build" / "lint-tools").symlink_to(REPO / "build" / "lint-tools")


def fill(bucket: parts.Bucket, root: Path) -> None:
    """The remote of the repository, object for object, as `iris push` would put it there."""
    remote = root / "remote"
    for path in sorted(remote.rglob("*")):
        if path.is_file():
            bucket.put(f"dvc/{path.relative_to(remote)}", path.read_bytes())


@contextlib.contextmanager
def cluster_of(given: argparse.Namespace, act: runner.Runner, iris: Path, folder: Path):
    """The cluster that gcloud gives the workflows a kubeconfig of; None where it is not ours to break."""
    kubeconfig = act.state / "kubeconfig"
    model = stand_in.model_of(act.origin, iris, folder)
    if given.kubeconfig:
        shutil.copy(given.kubeconfig, kubeconfig)
        yield None
    elif given.cluster:
        with clusters.running(kubeconfig, folder / "cluster", iris, model) as real:
            yield real
    else:
        with (
            stand_in.service(iris, model, folder / "logs" / "service.log") as address,
            stand_in.running(kubeconfig, address) as ours,
        ):
            yield ours


@contextlib.contextmanager
def make_world(folder: Path, given: argparse.Namespace):
    with_images = not given.no_image
    (folder / "logs").mkdir()
    origin, commit = make_origin(folder)
    bounds = runner.BOUNDED + runner.WITHOUT_IMAGES * (not with_images)
    act = runner.Runner(folder, origin, bounds)
    iris = Path(os.environ.get("IRIS_BIN", REPO / "build" / "release" / "iris")).resolve()
    write_built(act.state, iris)
    with contextlib.ExitStack() as stack:
        bucket = stack.enter_context(parts.bucket(folder / "logs" / "bucket.log"))
        fill(bucket, origin)
        rights = stack.enter_context(federation.google(bucket.endpoint))
        place = "localhost:1"
        if with_images:
            place = stack.enter_context(parts.registry(folder / "registry", folder / "logs" / "registry.log"))
            (folder / "registries.conf").write_text(f'[[registry]]\nlocation = "{place}"\ninsecure = true\n')
        served = stack.enter_context(cluster_of(given, act, iris, folder))
        # A region whose registry is this machine's: REGION-docker.pkg.dev/…
        variables = VARIABLES | {"GCP_REGION": f"{place}/rehearsal"}
        environment = {
            "STORAGE_EMULATOR_HOST": rights.url,
            "REHEARSAL_GOOGLE": rights.url,
            "SMOKE_TIMEOUT_S": "3",
            "ROLLOUT_TIMEOUT_S": "60",
            "ADDRESS_TIMEOUT_S": "20",
        }
        if with_images:
            environment |= {"ENGINE": "podman", "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf")}
        github = stack.enter_context(parts.github())
        yield World(folder, origin, act, bucket, rights, github, served, commit, variables, environment)


def show(run: runner.Run, event: str) -> None:
    for step in run.steps:
        print(f"{run.workflow:16} {event:12} {step.job:28.28} {step.name:42.42} {step.result}", flush=True)
    if not run.steps:
        print(f"{run.workflow:16} {event:12} {'—':28} no job ran", flush=True)


@dataclasses.dataclass(frozen=True)
class Leg:
    """One workflow for one event, and the jobs that must have run: no more, no less."""

    event: str
    start: Callable[[World], runner.Run]
    jobs: set[str]


WAY = [
    Leg("push", lambda world: world.push(), {"Data and model gates", "Tests", "Lint", "Image", "Bucket"}),
    Leg("workflow_run", lambda world: world.after_ci("comment.yml", "success"), set()),
    Leg("workflow_run", lambda world: world.after_ci("cd.yml", "success"), {"Ready", "Build and push", "Deploy"}),
    Leg(
        "workflow_run",
        lambda world: world.after_ci("cd_loadtest.yml", "success"),
        {"Ready", "Build and push", "Load test"},
    ),
    Leg("by hand", lambda world: world.by_hand("cd.yml"), {"Ready", "Build and push", "Deploy"}),
    Leg("schedule", lambda world: world.by_clock("sanity.yml"), {"Ready", "Sanity"}),
    Leg("pull_request", lambda world: world.pull_request(), {"Data and model gates"}),
    Leg("workflow_run", lambda world: world.comment(), {"Comment"}),
]


def wrong_with(leg: Leg, run: runner.Run) -> str:
    """What is wrong with a run that nobody sabotages; empty when nothing is."""
    if run.status != 0:
        red = run.red
        return f"{red.name}\n{red.said}" if red else f"no step is red, exit status {run.status}\n{run.said}"
    # A job that an `if` skips is green, too.
    if run.jobs != leg.jobs:
        return f"expected the jobs {sorted(leg.jobs)}, found {sorted(run.jobs)}"
    return ""


def run_way(world: World) -> bool:
    """Every workflow, in the order in which a commit meets them."""
    for leg in WAY:
        run = leg.start(world)
        show(run, leg.event)
        if wrong := wrong_with(leg, run):
            print(f"RED    {run.workflow}: {wrong}", flush=True)
            return False
    return True


def secrets_in(logs: Path) -> str:
    """What the logs of act show and may not; a key and a token went through it."""
    command = [REPO / "scripts" / "scan-secrets", "file", str(logs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    shown = [path.name for path in sorted(logs.iterdir()) if SECRET in path.read_text(errors="replace")]
    return "" if done.returncode == 0 and not shown else f"{done.stdout}{done.stderr}{' '.join(shown)}"


def main() -> int:
    parser = argparse.ArgumentParser(description="The workflow files, executed and sabotaged.")
    parser.add_argument("--only", help="part of a sabotage's name")
    parser.add_argument("--no-image", action="store_true", help="without a container engine")
    parser.add_argument("--cluster", action="store_true", help="deploy to a real control plane on this machine")
    parser.add_argument("--kubeconfig", type=Path, help="of the cluster to deploy to; else a stand-in")
    given = parser.parse_args()
    check_machine(not given.no_image)
    chosen = [each for each in sabotage.ALL if (given.only or "") in each.name]
    chosen = [each for each in chosen if not (each.image and given.no_image) and not (each.cluster and given.kubeconfig)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="iris-rehearsal-") as folder:
        with make_world(Path(folder), given) as world:
            print(f"workflow         event        job                          step, at {world.commit[:12]}")
            if not given.only and not run_way(world):
                return 1
            print("\nnot executed, bounded in what act reads:")
            for each in world.runner.bounds:
                print(f"  {each.command:40.40} {each.not_executed}")
            print(f"  {'experiments/scaling.yaml':40} {SMALL_LOAD}")
            print(f"the cluster is {world.cluster.name if world.cluster else given.kubeconfig}")
            print(f"{time.monotonic() - began:.0f} s\n\nsabotage: what was broken, which step went red")
            wrong = [each.name for each in chosen if not sabotage.run(world, each)]
            if shown := secrets_in(world.folder / "logs"):
                print(f"RED    a secret in the logs: {shown}")
                wrong.append("the logs")
    seconds = time.monotonic() - began
    seen = sum(each.name not in wrong for each in chosen)
    print(f"\n{seen} of {len(chosen)} sabotages ended as they must; {seconds:.0f} s in all")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
