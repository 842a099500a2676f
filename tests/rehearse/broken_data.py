"""Sabotage of the data, the model, the bucket and the credentials for it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import shutil
import subprocess

import parts
from sabotage import BUILD, GATES, Wrong, edit, mark_cluster, nothing_deployed, sabotage
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


@contextlib.contextmanager
def gone(world, path):
    """The bucket without the object of a file."""
    whole = content_of(world, path)
    world.bucket.delete(object_of(md5_of(whole)))
    yield
    world.bucket.put(object_of(md5_of(whole)), whole)


@sabotage("a corrupted DVC object", GATES, "digest")
def corrupted(world):
    whole = content_of(world, "data/data.csv")
    world.bucket.put(object_of(md5_of(whole)), whole.replace(b"5.1", b"5.2", 1))
    yield lambda: world.push("gates")
    world.bucket.put(object_of(md5_of(whole)), whole)


@sabotage("a missing DVC object", GATES, "found no such object")
def missing(world):
    """The folder in git has it: only what asks the bucket sees that it is gone."""
    with gone(world, "data/data.csv"):
        yield lambda: world.push("gates")


@sabotage("a missing object, in the cache", "Check the bucket", "found no such object")
def missing_but_cached(world):
    """The gates have it from the runner's cache, and are green: the bucket itself is asked all the same."""
    if world.push("gates").conclusion != "success":
        raise Wrong("the gates are red")
    with gone(world, "data/data.csv"):
        yield lambda: world.push("bucket")


@sabotage("an object missing in the bucket", "Bucket, objects, cluster, tools", "found no such object")
def missing_in_the_bucket(world):
    with gone(world, "models/model.onnx"):
        yield lambda: world.by_clock("sanity.yml")


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
def key_of(world: World, token_url: str):
    """A repository that signs in with a service account's key."""
    made = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True, check=True)
    key = {"type": "service_account", "client_email": "iris@example.iam.gserviceaccount.com"}
    key |= {"private_key_id": "revoked", "private_key": made.stdout, "token_uri": token_url}
    folder = world.folder / "dvc"
    folder.mkdir()
    (folder / "key.json").write_text(json.dumps(key))
    # To an emulator iris sends a credential only where DVC's settings name it.
    place = f"endpointurl = {world.google.url}\n    credentialpath = {folder / 'key.json'}"
    (folder / "config").write_text(f"['remote \"bucket\"']\n    {place}\n")
    provider = world.variables.pop("GCP_WORKLOAD_IDENTITY_PROVIDER")
    world.secrets["GCP_SA_KEY"] = json.dumps(key)
    world.environment["DVC_GLOBAL_CONFIG_DIR"] = str(folder)
    try:
        yield
    finally:
        del world.environment["DVC_GLOBAL_CONFIG_DIR"], world.secrets["GCP_SA_KEY"]
        world.variables["GCP_WORKLOAD_IDENTITY_PROVIDER"] = provider
        shutil.rmtree(folder)


@sabotage("a revoked key", GATES, "revoked")
def revoked(world):
    with parts.refusing(400, {"error": "invalid_grant"}) as url, key_of(world, f"{url}/token"):
        yield lambda: world.push("gates")


@sabotage("an expired token", BUILD, "stale to sign-in")
def expired(world):
    """The first step that uses it is red, and nothing is deployed."""
    mark_cluster(world)
    world.google.expired = True
    try:
        yield lambda: world.after_ci("cd.yml", "success")
    finally:
        world.google.expired = False
    nothing_deployed(world)


@sabotage("a deployment from another branch", BUILD, "rejected by the attribute condition")
def other_branch(world):
    mark_cluster(world)
    yield lambda: world.by_hand("cd.yml", branch="topic")
    nothing_deployed(world)


@sabotage("a job that does not sign in", GATES, "Anonymous caller")
def not_signed_in(world):
    """What a token is handed out for is held: without it, the bucket says no."""
    condition = "steps.source.outputs.bucket != ''"
    edit(world, ".github/workflows/ci.yml", condition, condition.replace("!=", "=="))
    yield lambda: world.push("gates")


@sabotage("a bucket that is read-only", "Check the bucket", "403")
def read_only(world):
    refusal = {"error": {"code": 403, "message": "does not have storage.objects.create access"}}
    with parts.refusing(403, refusal, upstream=world.bucket.endpoint) as url:
        world.google.bucket = url
        try:
            yield lambda: world.push("bucket")
        finally:
            world.google.bucket = world.bucket.endpoint
