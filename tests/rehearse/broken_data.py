"""Sabotage of the data, the model, the bucket and the credentials for it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import shutil
import subprocess

import parts
from sabotage import GATES, sabotage
from surroundings import World


def md5_of(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def object_of(md5: str) -> str:
    return f"dvc/files/md5/{md5[:2]}/{md5[2:]}"


def content_of(world: World, path: str) -> bytes:
    """What DVC names under a path, as the service's checkout has it."""
    return (world.folder / "served" / path).read_bytes()


def replace(world: World, path: str, content: bytes) -> None:
    """As if someone had committed other content: in the bucket, and in what names it."""
    before = md5_of(content_of(world, path))
    after = md5_of(content)
    world.bucket.put(object_of(after), content)
    for name in ("data/data.csv.dvc", "dvc.lock"):
        text = (world.origin / name).read_text()
        lines = text.replace(before, after).splitlines(keepends=True)
        for i, line in enumerate(lines):
            if after in line and i + 1 < len(lines) and "size:" in lines[i + 1]:
                indent = lines[i + 1].split("size:")[0]
                lines[i + 1] = f"{indent}size: {len(content)}\n"
        (world.origin / name).write_text("".join(lines))


@sabotage("a corrupted DVC object", GATES, "digest")
def corrupted(world):
    whole = content_of(world, "data/data.csv")
    world.bucket.put(object_of(md5_of(whole)), whole.replace(b"5.1", b"5.2", 1))
    yield lambda: world.push("gates")
    world.bucket.put(object_of(md5_of(whole)), whole)


@sabotage("a missing DVC object", GATES, "found no such object")
def missing(world):
    """The folder in git has it: only what asks the bucket sees that it is gone."""
    whole = content_of(world, "data/data.csv")
    world.bucket.delete(object_of(md5_of(whole)))
    yield lambda: world.push("gates")
    world.bucket.put(object_of(md5_of(whole)), whole)


@sabotage("an object missing in the bucket", "Bucket, objects, cluster, tools", "found no such object")
def missing_in_the_bucket(world):
    whole = content_of(world, "models/model.onnx")
    world.bucket.delete(object_of(md5_of(whole)))
    yield lambda: world.by_clock("sanity.yml")
    world.bucket.put(object_of(md5_of(whole)), whole)


@sabotage("a failing data gate", GATES, 'found "tulip"')
def bad_data(world):
    data = content_of(world, "data/data.csv")
    replace(world, "data/data.csv", data.replace(b"setosa", b"tulip", 1))
    yield lambda: world.push("gates")


@sabotage("a worse model", GATES, "at least 0.9")
def worse_model(world):
    head, *rows = content_of(world, "data/data.csv").decode().splitlines()
    # Every label is one that is allowed, and none has to do with its row.
    labels = [row.rsplit(",", 1)[1] for row in rows]
    mixed = [labels[(i * 53) % len(labels)] for i in range(len(rows))]
    rows = [f"{row.rsplit(',', 1)[0]},{label}" for row, label in zip(rows, mixed, strict=True)]
    replace(world, "data/data.csv", "\n".join([head, *rows, ""]).encode())
    yield lambda: world.push("gates")


@sabotage("a pickled model", GATES, "pickle")
def pickled(world):
    replace(world, "models/model.onnx", pickle.dumps({"a model": "of scikit-learn"}))
    yield lambda: world.push("gates")


@contextlib.contextmanager
def refused_credential(world: World, error: dict):
    """A key whose token endpoint refuses, for the bucket of every checkout: by DVC's global configuration."""
    made = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True, check=True)
    folder = world.folder / "dvc"
    folder.mkdir(exist_ok=True)
    with parts.refusing(400, error) as url:
        key = {"type": "service_account", "client_email": "iris@example.iam.gserviceaccount.com"}
        key |= {"private_key_id": "revoked", "private_key": made.stdout, "token_uri": f"{url}/token"}
        (folder / "key.json").write_text(json.dumps(key))
        (folder / "config").write_text(
            f"['remote \"bucket\"']\n    endpointurl = {world.bucket.endpoint}\n"
            f"    credentialpath = {folder / 'key.json'}\n"
        )
        world.environment["DVC_GLOBAL_CONFIG_DIR"] = str(folder)
        try:
            yield
        finally:
            del world.environment["DVC_GLOBAL_CONFIG_DIR"]
            shutil.rmtree(folder)


@sabotage("a revoked key", GATES, "revoked")
def revoked(world):
    with refused_credential(world, {"error": "invalid_grant"}):
        yield lambda: world.push("gates")


@sabotage("an expired token", "Sign in", "stale to sign-in")
def expired(world):
    mark = world.runner.state / "expired"
    mark.touch()
    try:
        yield lambda: world.after_ci("cd.yml", "success")
    finally:
        mark.unlink()


@sabotage("a bucket that is read-only", "Check the bucket", "403")
def read_only(world):
    before = world.environment["STORAGE_EMULATOR_HOST"]
    refusal = {"error": {"code": 403, "message": "does not have storage.objects.create access"}}
    with parts.refusing(403, refusal, upstream=before) as url:
        world.environment["STORAGE_EMULATOR_HOST"] = url
        try:
            yield lambda: world.push("bucket")
        finally:
            world.environment["STORAGE_EMULATOR_HOST"] = before
