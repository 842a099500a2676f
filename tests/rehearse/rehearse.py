#!/usr/bin/env python3
"""The whole way from a commit to a running service on one machine, with real parts, and then every
sabotage of it. Called by ./run rehearse, which installs what it needs.

    ./run rehearse                    the way, then all sabotages
    ./run rehearse --only SABOTAGE    the way as far as it is needed, then the sabotages of that name
    ./run rehearse --no-image         without what needs a container engine

The committed HEAD is rehearsed, in a clone of its own. Exit status 1 when a step of the way fails, or
when a sabotage does not turn the right step red with the right message.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import parts
import sabotage
import steps
from steps import StepFailed, World

REPO = Path(__file__).resolve().parents[2]
CONTAINERS = {steps.build_image, steps.check_image, steps.push, steps.pull_and_run, steps.smoke, steps.scan_all}


def check_machine(with_images: bool) -> None:
    needed = ["git", "openssl"] + ["podman", "docker-registry"] * with_images
    missing = [each for each in needed if shutil.which(each) is None]
    if missing:
        print(f"rehearse: apt-get install {' '.join(missing)}", file=sys.stderr)
        sys.exit(3)


def clone(folder: Path) -> Path:
    """The committed HEAD, with the programs that stand here already."""
    root = folder / "checkout"
    subprocess.run(["git", "clone", "--quiet", REPO, root], check=True)
    (root / "build" / "release").mkdir(parents=True)
    program = Path(os.environ.get("IRIS_BIN", REPO / "build" / "release" / "iris"))
    (root / "build" / "release" / "iris").symlink_to(program.resolve())
    # Installed once, here, and not for each clone.
    subprocess.run([REPO / "scripts" / "lint-tools"], check=True, stdout=subprocess.DEVNULL)
    (root / "build" / "lint-tools").symlink_to(REPO / "build" / "lint-tools")
    return root


def fill(bucket: parts.Bucket, root: Path) -> None:
    """The remote of the repository, object for object, as `iris push` would put it there."""
    remote = root / "remote"
    for path in sorted(remote.rglob("*")):
        if path.is_file():
            bucket.put(f"dvc/{path.relative_to(remote)}", path.read_bytes())


def whole_again(root: Path) -> None:
    """The checkout as it was committed; what is ignored stays, but for what DVC fetched."""
    subprocess.run(["git", "checkout", "--quiet", "."], cwd=root, check=True)
    for path in ("data/data.csv", "models/model.onnx"):
        (root / path).unlink(missing_ok=True)
    shutil.rmtree(root / ".dvc" / "cache", ignore_errors=True)


def run_way(world: World, way: list) -> bool:
    for step in way:
        began = time.monotonic()
        try:
            said = step(world)
        except StepFailed as failure:
            print(f"RED    {step.__doc__}\n{failure}", flush=True)
            return False
        print(f"green  {step.__doc__:22} {time.monotonic() - began:6.1f} s  {said}", flush=True)
    return True


def message_of(failure: StepFailed, says: str) -> str:
    """The line of the output that tells what is wrong."""
    lines = [line.strip() for line in str(failure).splitlines()]
    return next((line for line in lines if says in line), lines[-1] if lines else "")[:400]


def run_sabotage(world: World, bucket: parts.Bucket, each: sabotage.Sabotage, way: list) -> bool:
    whole_again(world.root)
    world.run("build/release/iris", "pull")
    with each.change(world, bucket):
        for step in way:
            if step in steps.SLOW and step is not each.step:
                continue
            try:
                step(world)
            except StepFailed as failure:
                right = step is each.step and each.says in str(failure)
                verdict = "as it must" if right else f"WRONG: expected {each.step.__doc__}, '{each.says}'"
                print(f"{each.name:30} {step.__doc__:16} {verdict}\n    {message_of(failure, each.says)}", flush=True)
                return right
            if step is each.step:
                break
    print(f"{each.name:30} {'—':16} WRONG: nothing went red, expected {each.step.__doc__}", flush=True)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description="The way to the cluster, rehearsed and sabotaged.")
    parser.add_argument("--only", help="part of a sabotage's name")
    parser.add_argument("--no-image", action="store_true", help="without a container engine")
    given = parser.parse_args()
    check_machine(not given.no_image)
    way = [step for step in steps.STEPS if not (given.no_image and step in CONTAINERS)]
    chosen = [each for each in sabotage.ALL if each.step in way and (given.only or "") in each.name]
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="iris-rehearsal-")))
        root = clone(folder)
        logs = folder / "logs"
        logs.mkdir()
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        ).stdout.strip()
        bucket = stack.enter_context(parts.bucket(logs / "bucket.log"))
        fill(bucket, root)
        registry = ""
        if not given.no_image:
            place = parts.registry(folder / "registry", logs / "registry.log")
            registry = stack.enter_context(place)
        world = World(
            root=root,
            logs=logs,
            registry=registry,
            github=stack.enter_context(parts.github(commit)),
            environment=steps.environment(root, bucket.endpoint),
            commit=commit,
        )
        world.run("scripts/use-bucket", parts.BUCKET)
        print(f"the way, at {commit[:12]}")
        if not given.only and not run_way(world, way):
            return 1
        print(f"the way took {time.monotonic() - began:.0f} s\n\nsabotage: what was broken, which step went red")
        wrong = [each.name for each in chosen if not run_sabotage(world, bucket, each, way)]
    seconds = time.monotonic() - began
    print(f"\n{len(chosen) - len(wrong)} of {len(chosen)} sabotages turned the right step red; {seconds:.0f} s in all")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
