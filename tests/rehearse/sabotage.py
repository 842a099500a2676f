"""Sabotage, one at a time: what is broken, which step must go red, and what a person must then read.

A sabotage changes a world (its checkout or what stands around it) and is a context: at its end the
world is whole again. The checkout itself is put back by the caller.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import pickle
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import parts
import steps
from steps import World

Change = Callable[[World, parts.Bucket], contextlib.AbstractContextManager[None]]


@dataclasses.dataclass
class Sabotage:
    name: str
    step: Callable[[World], str]  # that must go red
    says: str  # of its message
    change: Change


ALL: list[Sabotage] = []


def sabotage(name: str, step: Callable[[World], str], says: str):
    """Adds a function as a sabotage; it breaks things and yields."""

    def add(function: Callable[[World, parts.Bucket], Iterator[None]]):
        ALL.append(Sabotage(name, step, says, contextlib.contextmanager(function)))
        return function

    return add


def md5_of(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def object_of(md5: str) -> str:
    return f"dvc/files/md5/{md5[:2]}/{md5[2:]}"


def forget(world: World, path: str) -> None:
    """What was fetched before is gone, so that it has to be fetched."""
    (world.root / path).unlink(missing_ok=True)
    subprocess.run(["rm", "-rf", world.root / ".dvc" / "cache"], check=True)


def replace(world: World, bucket: parts.Bucket, path: str, content: bytes) -> None:
    """As if someone had committed other content: in the bucket, and in what names it."""
    before = md5_of(world.root / path)
    after = hashlib.md5(content).hexdigest()
    bucket.put(object_of(after), content)
    forget(world, path)
    for name in ("data/data.csv.dvc", "dvc.lock"):
        text = (world.root / name).read_text()
        lines = text.replace(before, after).splitlines(keepends=True)
        for i, line in enumerate(lines):
            if after in line and i + 1 < len(lines) and "size:" in lines[i + 1]:
                indent = lines[i + 1].split("size:")[0]
                lines[i + 1] = f"{indent}size: {len(content)}\n"
        (world.root / name).write_text("".join(lines))


def edit(world: World, path: str, old: str, new: str) -> None:
    text = (world.root / path).read_text()
    if old not in text:
        raise RuntimeError(f"{path} holds no {old!r}: this sabotage is out of date")
    (world.root / path).write_text(text.replace(old, new, 1))


@sabotage("a corrupted DVC object", steps.gates, "digest")
def corrupted(world, bucket):
    md5 = md5_of(world.root / "data/data.csv")
    whole = (world.root / "data/data.csv").read_bytes()
    bucket.put(object_of(md5), whole.replace(b"5.1", b"5.2", 1))
    forget(world, "data/data.csv")
    yield
    bucket.put(object_of(md5), whole)


@sabotage("a missing DVC object", steps.gates, "found no such object")
def missing(world, bucket):
    md5 = md5_of(world.root / "data/data.csv")
    whole = (world.root / "data/data.csv").read_bytes()
    bucket.delete(object_of(md5))
    forget(world, "data/data.csv")
    yield
    bucket.put(object_of(md5), whole)


@sabotage("a failing data gate", steps.gates, "found \"tulip\"")
def bad_data(world, bucket):
    data = (world.root / "data/data.csv").read_bytes()
    replace(world, bucket, "data/data.csv", data.replace(b"setosa", b"tulip", 1))
    yield


@sabotage("a worse model", steps.gates, "at least 0.9")
def worse_model(world, bucket):
    head, *rows = (world.root / "data/data.csv").read_text().splitlines()
    # Every label is one that is allowed, and none has to do with its row.
    labels = [row.rsplit(",", 1)[1] for row in rows]
    mixed = [labels[(i * 53) % len(labels)] for i in range(len(rows))]
    rows = [f"{row.rsplit(',', 1)[0]},{label}" for row, label in zip(rows, mixed, strict=True)]
    replace(world, bucket, "data/data.csv", "\n".join([head, *rows, ""]).encode())
    yield


@sabotage("a pickled model", steps.gates, "pickle")
def pickled(world, bucket):
    replace(world, bucket, "models/model.onnx", pickle.dumps({"a model": "of scikit-learn"}))
    yield


@sabotage("a revoked key", steps.gates, "revoked")
def revoked(world, bucket):
    key = world.logs.parent / "key.json"
    made = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True, check=True)
    forget(world, "data/data.csv")
    config = world.root / ".dvc" / "config.local"
    before = config.read_text()
    with parts.refusing(400, {"error": "invalid_grant"}) as url:
        key.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "client_email": "iris@example.iam.gserviceaccount.com",
                    "private_key_id": "revoked",
                    "private_key": made.stdout,
                    "token_uri": f"{url}/token",
                }
            )
        )
        config.write_text(f"{before}    endpointurl = {bucket.endpoint}\n    credentialpath = {key}\n")
        yield
    key.unlink()
    config.write_text(before)


@sabotage("a bucket that is read-only", steps.bucket, "403")
def read_only(world, bucket):
    before = world.environment["STORAGE_EMULATOR_HOST"]
    # So that there is something to write.
    bucket.delete(object_of(md5_of(world.root / "data/data.csv")))
    refusal = {"error": {"code": 403, "message": "does not have storage.objects.create access"}}
    with parts.refusing(403, refusal, upstream=bucket.endpoint) as url:
        world.environment["STORAGE_EMULATOR_HOST"] = url
        yield
    world.environment["STORAGE_EMULATOR_HOST"] = before
    bucket.put(object_of(md5_of(world.root / "data/data.csv")), (world.root / "data/data.csv").read_bytes())


@sabotage("a commit whose gates were red", steps.green_ci, "is not green but 'failure'")
def red_gates(world, bucket):
    world.github.ci["conclusion"] = "failure"
    yield
    world.github.ci["conclusion"] = "success"


@sabotage("a broken image", steps.check_image, "did not become ready")
def broken_image(world, bucket):
    base = "localhost/iris-api"
    folder = world.root / "tests" / "image" / "broken"
    command = [steps.ENGINE, "build", "--quiet", "--build-arg", f"IMAGE={base}", "--tag", "iris-broken"]
    subprocess.run([*command, "--file", folder / "model.Dockerfile", folder], check=True, capture_output=True)
    world.image = "iris-broken"
    yield
    world.image = "iris-api"
    subprocess.run([steps.ENGINE, "rmi", "--force", "iris-broken"], check=True, capture_output=True)


@sabotage("a Service that answers 500", steps.smoke, "expected 200")
def answers_500(world, bucket):
    with parts.refusing(500, {"error": "broken"}) as url:
        world.service_url = url
        yield
    world.service_url = ""


@sabotage("a Service of another model", steps.smoke, "expected 200 and")
def another_model(world, bucket):
    with parts.refusing(200, {"predictions": ["another"]}) as url:
        world.service_url = url
        yield
    world.service_url = ""


@sabotage("an SLO missed", steps.scale, "objective 0.1 ms")
def slo_missed(world, bucket):
    row = "    load: k8s/loadtest/job-wrk-1000.yaml\n  - name: max3-2000"
    # Enough samples that a 99th percentile has a meaning.
    edit(world, world.experiment, "requests_per_s: 100", "requests_per_s: 500")
    edit(world, world.experiment, row, row.replace("\n", "\n    slo: {p99: 100us}\n", 1))
    yield


@sabotage("a manifest with a wrong field", steps.manifests, "limit")
def wrong_field(world, bucket):
    edit(world, "k8s/deployment.yaml", "            limits:", "            limit:")
    yield


@sabotage("an action without a pin", steps.lint, "unpinned-uses")
def unpinned(world, bucket):
    workflow = ".github/workflows/ci.yml"
    pinned = re.search(r"actions/checkout@.*", (world.root / workflow).read_text())[0]
    edit(world, workflow, pinned, "actions/checkout@v7")
    yield


@sabotage("a secret in the tree", steps.scan_tree, "GitHub token")
def secret(world, bucket):
    (world.root / "notes.txt").write_text("ghp_" + "a1" * 18 + "\n")
    yield
    (world.root / "notes.txt").unlink()
