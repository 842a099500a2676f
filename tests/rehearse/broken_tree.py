"""Sabotage of what a commit brings along: manifests, workflows, secrets, and the machine that builds it."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

from sabotage import GATES, NOTHING, Wrong, edit, message_of, sabotage
from surroundings import SECRET, World


@sabotage("a manifest with a wrong field", "Unit tests under sanitizers, contract tests", "limit")
def wrong_field(world):
    edit(world, "k8s/deployment.yaml", "            limits:", "            limit:")
    yield lambda: world.push("test")


@sabotage("an action without a pin", "Lint", "unpinned-uses")
def unpinned(world):
    workflow = ".github/workflows/ci.yml"
    pinned = re.search(r"actions/checkout@.*", (world.origin / workflow).read_text())[0]
    edit(world, workflow, pinned, "actions/checkout@v7")
    yield lambda: world.push("lint")


@sabotage("a secret in the tree", "Scan for secrets", "GitHub token")
def secret(world):
    (world.origin / "notes.txt").write_text("ghp_" + "a1" * 18 + "\n")
    yield lambda: world.push("lint")


FORK = """\
#!/usr/bin/env bash
# Of someone who looks for a secret.
if env | grep -q {secret}; then echo "a secret is reachable"; exit 1; fi
echo "hello @owner, of a fork" >report.md
"""


@sabotage("a fork's pull request", NOTHING)
def fork(world):
    """The secrets are given to act, as to a pull request of the repository itself, and reach no step."""
    gates = world.origin / "scripts" / "gates"
    gates.write_text(FORK.replace("{secret}", SECRET))
    world.secrets["GCP_SA_KEY"] = SECRET
    try:
        ci = yield world.pull_request
    finally:
        del world.secrets["GCP_SA_KEY"]
    if any(step.name == "Sign in" and step.result != "skipped" for step in ci.steps):
        raise Wrong("it signed in")
    for _ in range(2):
        comment = world.comment(ci.conclusion)
        if comment.status != 0:
            raise Wrong(f"comment.yml is red: {message_of(comment.said, '')}")
        world.runner.number -= 1
    bodies = [each["body"] for each in world.github.comments]
    if len(bodies) != 1 or "hello @\u200bowner" not in bodies[0]:
        raise Wrong(f"expected one comment, found {bodies}")


@sabotage("a workflow that hands a fork a secret", GATES, "a secret is reachable")
def leaking(world):
    """What the sabotage before looks for is found where it is."""
    run = "        run: scripts/gates\n"
    edit(world, ".github/workflows/ci.yml", run, f"{run}        env: {{KEY: '${{{{ secrets.GCP_SA_KEY }}}}'}}\n")
    (world.origin / "scripts" / "gates").write_text(FORK.replace("{secret}", SECRET))
    world.secrets["GCP_SA_KEY"] = SECRET
    try:
        yield world.pull_request
    finally:
        del world.secrets["GCP_SA_KEY"]


@contextlib.contextmanager
def machine_without(world: World, *programs: str):
    """A PATH with everything but these programs; yields the folder that comes first."""
    folder = world.folder / "bin"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for place in reversed(world.runner.search_path()):
        for path in Path(place).iterdir() if Path(place).is_dir() else []:
            if path.name not in programs:
                (folder / path.name).unlink(missing_ok=True)
                (folder / path.name).symlink_to(path)
    world.path = str(folder)
    try:
        yield folder
    finally:
        world.path = ""


@sabotage("no engine", "Build and check", "found no container engine", image=True)
def no_engine(world):
    chosen = world.environment.pop("ENGINE")
    try:
        with machine_without(world, "docker", "podman", "buildah"):
            yield lambda: world.push("image")
    finally:
        world.environment["ENGINE"] = chosen


@sabotage("both engines, one without the image", "Build and check", "no such image of docker's", image=True)
def both_engines(world):
    """Where docker answers, podman is not asked: docker says what is wrong."""
    chosen = world.environment.pop("ENGINE")
    try:
        with machine_without(world, "docker", "podman", "buildah") as folder:
            for name, text in (
                ("docker", '[ "$1" = --version ] && echo Docker version 28; [ "$1 $2" != "buildx build" ] || { echo "no such image of docker\'s" >&2; exit 1; }'),
                ("podman", 'echo "podman was asked" >&2; exit 1'),
            ):
                (folder / name).write_text(f"#!/bin/bash\n{text}\n")
                (folder / name).chmod(0o755)
            run = yield lambda: world.push("image")
    finally:
        world.environment["ENGINE"] = chosen
    if "podman was asked" in "".join(step.said for step in run.steps):
        raise Wrong("podman was asked for what docker has")


@sabotage("a broken image", "Build and check", "did not become ready", image=True)
def broken_image(world):
    edit(world, "scripts/image", "  rm -rf build/image-sbom\n", "  podman build --quiet --build-arg IMAGE=localhost/iris-api --tag iris-api --file tests/image/broken/model.Dockerfile tests/image/broken >&2\n  rm -rf build/image-sbom\n")
    yield lambda: world.push("image")
