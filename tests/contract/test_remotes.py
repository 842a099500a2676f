"""iris and real DVC share remotes: a Google Cloud Storage emulator and a web server.

What one pushes the other pulls, byte for byte; what a remote does wrong is named.
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import time

import pytest
from dvc_tools import dvc, forget, md5, object_of, run, tree
from stores import BUCKET, bucket, web_server


@pytest.fixture(scope="module")
def gs():
    with bucket() as store:
        yield store


@pytest.fixture
def web(tmp_path):
    (tmp_path / "web").mkdir()
    with web_server(tmp_path / "web") as server:
        yield server


def project_with(tmp_path, name, remote):
    """A DVC repository with a default remote, as `dvc init` and `dvc remote add` make it."""
    folder = tmp_path / name
    (folder / ".dvc").mkdir(parents=True)
    lines = "".join(f"    {key} = {value}\n" for key, value in remote.items())
    (folder / ".dvc" / "config").write_text(
        f"[core]\n    remote = storage\n['remote \"storage\"']\n{lines}"
    )
    (folder / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    run("git", "init", "--quiet", cwd=folder)
    return folder


@pytest.fixture(params=["gs", "http"])
def remote(request, tmp_path):
    """The settings of an empty remote."""
    if request.param == "http":
        return {"url": request.getfixturevalue("web").url + "/store"}
    store = request.getfixturevalue("gs")
    return {"url": f"gs://{BUCKET}/{tmp_path.name}", "endpointurl": store.endpoint}


def fill(project):
    """A directory and a file under DVC; returns what the folder holds of them."""
    raw = project / "raw"
    (raw / "deep" / "deeper").mkdir(parents=True)
    (raw / "a.bin").write_bytes(bytes(range(256)) * 4096)
    (raw / "deep" / "empty").write_bytes(b"")
    (raw / "deep" / "deeper" / 'grün, "x" #1%?.txt').write_text("same")
    (raw / "twin").write_text("same")
    (project / "one.csv").write_bytes(b"a,b\r\n1,2\r\n")
    dvc("add", "raw", "one.csv", cwd=project)
    return tree(raw), (project / "one.csv").read_bytes()


def track(project, name, content):
    """A file and the .dvc file that `dvc add` writes for it, in less than its second."""
    (project / name).write_bytes(content)
    digest = hashlib.md5(content).hexdigest()
    (project / f"{name}.dvc").write_text(f"outs:\n- md5: {digest}\n  hash: md5\n  path: {name}\n")
    return digest


def assert_holds(project, expected):
    assert (tree(project / "raw"), (project / "one.csv").read_bytes()) == expected


def test_what_dvc_pushes_iris_pulls(tmp_path, remote, run_iris):
    project = project_with(tmp_path, "project", remote)
    expected = fill(project)
    dvc("push", cwd=project)
    assert "up to date" in run_iris("push", cwd=project).stdout
    forget(project, "raw", "one.csv")
    done = run_iris("pull", cwd=project)
    assert done.returncode == 0, done.stderr
    assert_holds(project, expected)
    # Also when several threads make the files.
    mask = os.umask(0)
    os.umask(mask)
    files = [p for p in (project / "raw").rglob("*") if p.is_file()]
    assert {p.stat().st_mode & 0o777 for p in files} == {0o666 & ~mask}
    assert "up to date" in dvc("status", cwd=project).stdout


def test_what_iris_pushes_dvc_pulls(tmp_path, remote, run_iris):
    project = project_with(tmp_path, "project", remote)
    expected = fill(project)
    # Neither the listing nor the objects are in the cache: they are made from the folder.
    forget(project)
    done = run_iris("push", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    outs = {out["path"]: out for out in json.loads(done.stdout)["outs"]}
    assert (outs["raw"]["state"], outs["raw"]["objects"]) == ("sent", 5)
    forget(project, "raw", "one.csv")
    dvc("pull", cwd=project)
    assert_holds(project, expected)
    assert "in sync" in dvc("status", "--cloud", cwd=project).stdout
    again = json.loads(run_iris("push", "--json", cwd=project).stdout)
    assert [out["sent"] for out in again["outs"]] == [0, 0]


def test_a_large_object_travels_whole(tmp_path, remote, run_iris):
    project = project_with(tmp_path, "project", remote)
    big = project / "big.bin"
    digest = track(project, "big.bin", os.urandom(20 << 20))  # a resumable upload on gs
    done = run_iris("push", cwd=project)
    assert done.returncode == 0, done.stderr
    forget(project, "big.bin")
    dvc("pull", cwd=project)
    assert md5(big) == digest
    forget(project, "big.bin")
    assert run_iris("pull", cwd=project).returncode == 0
    assert md5(big) == digest
    assert not list((project / ".dvc" / "cache").glob("partial/*"))


def test_the_emulator_is_found_by_its_variable(tmp_path, gs, run_iris):
    project = project_with(tmp_path, "project", {"url": f"gs://{BUCKET}/{tmp_path.name}"})
    track(project, "one.csv", b"content")
    environment = {**os.environ, "STORAGE_EMULATOR_HOST": gs.endpoint}
    done = run_iris("push", cwd=project, env=environment)
    assert done.returncode == 0, done.stderr
    forget(project, "one.csv")
    assert run_iris("pull", cwd=project, env=environment).returncode == 0
    assert (project / "one.csv").read_bytes() == b"content"


@pytest.mark.parametrize("line_ends", [b"\n", b"\r\n"])
def test_an_output_of_dvc_2_is_read_and_sent_as_dvc_does(tmp_path, web, run_iris, line_ends):
    project = project_with(tmp_path, "project", {"url": web.url})
    content = line_ends.join([b"a,b", b"1,2", b""])
    digest = hashlib.md5(b"a,b\n1,2\n").hexdigest()
    (project / "old.csv").write_bytes(content)
    (project / "old.csv.dvc").write_text(f"outs:\n- md5: {digest}\n  size: 8\n  path: old.csv\n")
    assert run_iris("push", cwd=project).returncode == 0
    assert (tmp_path / "web" / digest[:2] / digest[2:]).read_bytes() == content
    forget(project, "old.csv")
    dvc("pull", cwd=project)
    assert (project / "old.csv").read_bytes() == content
    forget(project, "old.csv")
    done = run_iris("pull", cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "old.csv").read_bytes() == content
    assert "up to date" in dvc("status", cwd=project).stdout


def test_a_broken_or_missing_object_in_a_bucket_is_named(tmp_path, gs, run_iris):
    prefix = tmp_path.name
    project = project_with(
        tmp_path, "project", {"url": f"gs://{BUCKET}/{prefix}", "endpointurl": gs.endpoint}
    )
    fill(project)
    assert run_iris("push", cwd=project).returncode == 0
    digest = md5(project / "one.csv")
    name = f"{prefix}/files/md5/{digest[:2]}/{digest[2:]}"
    gs.put(name, b"rotten")
    forget(project, "raw", "one.csv")
    done = run_iris("pull", "one.csv", cwd=project)
    assert done.returncode == 2
    for part in (f"gs://{BUCKET}/{name}", digest, hashlib.md5(b"rotten").hexdigest()):
        assert part in done.stderr
    gs.delete(name)
    done = run_iris("pull", cwd=project)
    assert done.returncode == 2
    assert f"gs://{BUCKET}/{name}: found no such object" in done.stderr
    assert not (project / "one.csv").exists()
    assert (project / "raw" / "twin").exists(), "what is sound is fetched all the same"
    assert not [p for p in project.rglob("*") if p.parent.name == "partial"]


def checks_of(done):
    """name → (ok, detail) of `iris doctor --json`; of several with one name the last."""
    return {check["check"]: (check["ok"], check["detail"]) for check in json.loads(done.stdout)["checks"]}


def test_the_doctor_finds_what_is_wrong(tmp_path, gs, run_iris):
    prefix = tmp_path.name
    project = project_with(
        tmp_path, "project", {"url": f"gs://{BUCKET}/{prefix}", "endpointurl": gs.endpoint}
    )
    fill(project)
    assert run_iris("push", cwd=project).returncode == 0
    environment = {**os.environ, "GOOD_SECRET": "hunter2-value"}
    flags = ["doctor", "--json", "--bucket", BUCKET, "--env", "GOOD_SECRET"]
    done = run_iris(*flags, cwd=project, env=environment)
    assert done.returncode == 0, done.stdout
    checks = checks_of(done)
    for name in ("bucket write", "bucket read", "bucket delete", "objects raw/", "objects one.csv"):
        assert checks[name][0], checks[name]
    assert checks["secret GOOD_SECRET"] == (True, "present")
    assert "hunter2-value" not in done.stdout + done.stderr
    # The listing alone is downloaded: the service tells the digests of the others.
    assert "5 present with the right digest (1 downloaded" in checks["objects raw/"][1]
    left = json.loads(gs._call(f"/storage/v1/b/{BUCKET}/o?prefix=iris-doctor-"))
    assert not left.get("items"), "the canary was left behind"

    digest = md5(project / "one.csv")
    gs.put(f"{prefix}/files/md5/{digest[:2]}/{digest[2:]}", b"rotten")
    twin = hashlib.md5(b"same").hexdigest()
    gs.delete(f"{prefix}/files/md5/{twin[:2]}/{twin[2:]}")
    done = run_iris("doctor", cwd=project)
    assert done.returncode == 1, done.stdout
    assert f"found an object with digest {hashlib.md5(b'rotten').hexdigest()}" in done.stdout
    assert "found no such object, expected twin of raw" in done.stdout

    lacks = run_iris("doctor", "--env", "NO_SUCH_SECRET", "--bucket", "nothing", cwd=project)
    assert lacks.returncode == 3
    assert "failed  secret NO_SUCH_SECRET: not set" in lacks.stdout


def test_the_doctor_asks_kubectl_and_changes_nothing(tmp_path, web, run_iris):
    """A stand-in that keeps what it was asked; real clusters are the cluster tests' matter."""
    project = project_with(tmp_path, "project", {"url": web.url})
    tools = tmp_path / "tools"
    tools.mkdir()
    kubectl = tools / "kubectl"
    kubectl.write_text(
        f"""#!/bin/sh
echo "$*" >> {tools}/asked
case "$*" in
  "config current-context") echo gke_project_zone_main ;;
  *json*) echo '{{"serverVersion": {{"gitVersion": "v1.34.1"}}}}' ;;
  *) echo 'Client Version: v1.34.0' ;;
esac
"""
    )
    kubectl.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    done = run_iris("doctor", "--json", "--cluster", "main", cwd=project, env=environment)
    ok, detail = checks_of(done)["cluster"]
    assert ok and "v1.34.1" in detail, detail
    asked = (tools / "asked").read_text().splitlines()
    assert all(line.startswith(("config current-context", "version")) for line in asked)
    done = run_iris("doctor", "--json", "--cluster", "other", cwd=project, env=environment)
    assert done.returncode == 3
    assert "expected one of other" in checks_of(done)["cluster"][1]


def test_credentials_of_a_web_server_are_sent_and_never_shown(tmp_path, run_iris):
    (tmp_path / "web").mkdir()
    password = "correct-horse-battery"
    with web_server(tmp_path / "web", "me", password) as server:
        project = project_with(tmp_path, "project", {"url": server.url})
        track(project, "one.csv", b"content")
        refused = run_iris("push", cwd=project)
        assert refused.returncode == 3
        assert "answered 401" in refused.stderr and "check the credentials" in refused.stderr
        local = "['remote \"storage\"']\n    auth = basic\n    user = me\n    password = {}\n"
        (project / ".dvc" / "config.local").write_text(local.format(password + "-wrong"))
        refused = run_iris("push", cwd=project)
        assert refused.returncode == 3 and password not in refused.stdout + refused.stderr
        (project / ".dvc" / "config.local").write_text(local.format(password))
        done = run_iris("push", cwd=project)
        assert done.returncode == 0, done.stderr
        assert password not in done.stdout + done.stderr
        forget(project, "one.csv")
        dvc("pull", cwd=project)
        assert (project / "one.csv").read_bytes() == b"content"


def test_a_pull_that_is_killed_is_continued(tmp_path, web, iris, run_iris):
    project = project_with(tmp_path, "project", {"url": web.url})
    digest = track(project, "big.bin", os.urandom(64 << 20))
    assert run_iris("push", cwd=project).returncode == 0
    partial = project / ".dvc" / "cache" / "partial" / f"files-md5-{digest[:2]}-{digest[2:]}"
    forget(project, "big.bin")
    with subprocess.Popen([iris, "pull", "-q"], cwd=project, stdout=subprocess.DEVNULL) as pull:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and pull.poll() is None:
            if partial.exists() and partial.stat().st_size > 1 << 20:
                pull.send_signal(signal.SIGKILL)
                break
    assert pull.returncode == -signal.SIGKILL, "it was too quick to be killed"
    received = partial.stat().st_size
    assert not (project / "big.bin").exists()
    web.requests.clear()
    done = run_iris("pull", cwd=project)
    assert done.returncode == 0, done.stderr
    # Python's file server knows no ranges and sends everything: that must do, too.
    (asked,) = [headers["Range"] for method, _, headers in web.requests if method == "GET"]
    assert asked == f"bytes={received}-"
    assert md5(project / "big.bin") == digest
    assert object_of(project / ".dvc" / "cache", digest).exists()
    assert not partial.exists()


def test_serving_needs_no_libcurl(iris):
    """Nor libcrypto: they are loaded when a remote is opened or a certificate is."""
    linked = subprocess.run(["ldd", iris], capture_output=True, text=True, check=True).stdout
    assert not re.search("libcurl|libssl|libcrypto", linked)
    assert "libstdc++" in linked
