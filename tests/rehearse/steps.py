"""The steps from a commit to a service, in the order of the workflows, with the workflows' commands.

A step is a function of the world; its first line of documentation names it. It fails by StepFailed,
whose text is what a person would read. A new step is a function here and its place in STEPS.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import parts

ENGINE = "podman"


class StepFailed(Exception):
    """A command that ended with another status than 0, with what it said."""


@dataclasses.dataclass
class World:
    """A checkout and what stands in for the cloud around it."""

    root: Path
    logs: Path
    registry: str
    github: object
    environment: dict[str, str]
    commit: str
    image: str = "iris-api"
    service_url: str = ""
    experiment: str = "experiments/scaling.yaml"
    facts: dict[str, object] = dataclasses.field(default_factory=dict)

    def run(self, *command: str, timeout: float = 900, **environment: str) -> str:
        """Runs a command in the checkout; its output goes into the logs as well."""
        began = time.monotonic()
        result = subprocess.run(
            command,
            cwd=self.root,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout,
        )
        with open(self.logs / "commands.log", "a", encoding="utf-8") as log:
            seconds = time.monotonic() - began
            log.write(f"$ {' '.join(command)}\n{result.stdout}[{result.returncode}, {seconds:.1f} s]\n")
        if result.returncode != 0:
            raise StepFailed(result.stdout)
        return result.stdout


def lint(world: World) -> str:
    """lint"""
    said = world.run("scripts/lint", "delivery")
    return f"{len(re.findall('^ok', said, re.MULTILINE))} linters clean"


def scan_tree(world: World) -> str:
    """scan the tree"""
    return world.run("scripts/scan-secrets", "tree").strip()


def manifests(world: World) -> str:
    """manifests"""
    test = "tests/contract/test_manifests.py"
    return world.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test).splitlines()[-1]


def bucket(world: World) -> str:
    """push to the bucket"""
    said = world.run("build/release/iris", "push")
    return said.strip().splitlines()[-1]


def gates(world: World) -> str:
    """gates"""
    said = world.run("scripts/gates")
    return next(line for line in said.splitlines() if "ccuracy" in line).strip()


def sanity(world: World) -> str:
    """sanity"""
    said = world.run("build/release/iris", "doctor", "--bucket", parts.BUCKET)
    return f"{len(re.findall('^ok', said, re.MULTILINE))} checks: tools, objects, a canary in the bucket"


def comment(world: World) -> str:
    """comment"""
    command = ("scripts/pr-comment", "--head", "someone:topic", "--commit", world.commit, "report.md")
    said = [world.run(*command, **github_of(world)).strip() for _ in range(2)]
    if len(world.github.comments) != 1:
        raise StepFailed(f"{len(world.github.comments)} comments, expected one")
    return "; ".join(said)


def github_of(world: World) -> dict[str, str]:
    """What a step gets of GitHub."""
    return {
        "GITHUB_TOKEN": "rehearsal",
        "GITHUB_REPOSITORY": "owner/name",
        "GITHUB_API_URL": world.github.url,
    }


def green_ci(world: World) -> str:
    """green ci"""
    return world.run("scripts/require-green-ci", world.commit, **github_of(world)).strip()


def build_image(world: World) -> str:
    """build the images"""
    world.run("scripts/image", "build")
    return "iris-api, iris-loadtest, their SBOMs"


def check_image(world: World) -> str:
    """check the image"""
    said = world.run("scripts/check-image", world.image, "--json")
    world.facts = json.loads(said.splitlines()[-1])
    return f"{world.facts['bytes']:,} bytes, ready after {world.facts['start_to_ready_ms']} ms"


def push(world: World) -> str:
    """push"""
    said = world.run("scripts/image", "push", f"{world.registry}/iris")
    world.facts["digest"] = re.search(r"^iris-api=(sha256:\w+)$", said, re.MULTILINE)[1]
    return f"iris-api@{world.facts['digest'][:19]}…"


def pull_and_run(world: World) -> str:
    """pull by digest and run"""
    reference = f"{world.registry}/iris/iris-api@{world.facts['digest']}"
    world.run(ENGINE, "pull", "--quiet", "--tls-verify=false", reference)
    said = world.run("scripts/check-image", reference)
    world.run(ENGINE, "untag", reference, reference)
    return f"{len(re.findall('^ok', said, re.MULTILINE))} checks by the Deployment's limits"


def smoke(world: World) -> str:
    """smoke test"""
    if world.service_url:
        world.run("scripts/smoke", world.service_url, SMOKE_TIMEOUT_S="0")
        return world.service_url
    port = str(parts.free_port())
    flags = ["--network", "host", "--read-only", "--ulimit", "nofile=4096:4096"]
    flags += ["--ulimit", "nproc=1024:1024"]
    flags += ["--detach", "iris-api", "serve", "--host", "127.0.0.1", "--port", port]
    container = world.run(ENGINE, "run", *flags, "--admin-port", "0").split()[-1]
    try:
        world.run("scripts/smoke", f"http://127.0.0.1:{port}", SMOKE_TIMEOUT_S="20")
    finally:
        world.run(ENGINE, "rm", "--force", container)
    return "answered through HTTP"


def scale(world: World) -> str:
    """load test"""
    command = ["build/release/iris", "scale", world.experiment, "--duration", "3s"]
    said = world.run(*command, "--only", "max1-1000", "--out", "results")
    return next(line for line in said.splitlines() if line.startswith("max1-1000")).strip()[:60]


def scan_all(world: World) -> str:
    """scan logs and layers"""
    logs = world.run("scripts/scan-secrets", "file", str(world.logs)).strip()
    layers = world.run("scripts/scan-secrets", "image", "iris-api", "iris-loadtest").strip()
    return f"{logs}; {layers}"


STEPS = [
    lint,
    scan_tree,
    manifests,
    gates,
    bucket,
    sanity,
    comment,
    green_ci,
    build_image,
    check_image,
    push,
    pull_and_run,
    smoke,
    scale,
    scan_all,
]
# Minutes of work that a sabotage elsewhere need not repeat.
SLOW = {lint, manifests, build_image, check_image, push, pull_and_run, scale, scan_all}


def environment(root: Path, endpoint: str) -> dict[str, str]:
    """What every command gets."""
    venv = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{venv}:{os.environ['PATH']}",
        "STORAGE_EMULATOR_HOST": endpoint,
        "IRIS_BIN": str(root / "build" / "release" / "iris"),
        "ENGINE": ENGINE,
    }
