"""`iris pull` and real DVC agree: what one fetches, the other finds up to date.

Every test works on its own repository, made with `git init` or cloned from this checkout.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from dvc_tools import dvc, forget, make_project, md5, object_of, run, tree

DATA_MD5 = "013d0da08d6506664ce640459139176b"


@pytest.fixture
def clone(repo, tmp_path):
    """What a newcomer gets: the tracked files of this checkout, in a repository of their own.

    Taken from the list of files and not by `git clone`, so that changes not committed yet are
    tested, and a checkout without its history works too.
    """
    folder = tmp_path / "clone"
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=repo)
    for name in filter(None, names.stdout.split("\0")):
        source = repo / name
        if source.is_file() and name.startswith((".dvc", "data/", "remote/", ".gitignore")):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    run("git", "init", "--quiet", cwd=folder)
    return folder


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def store(project, content, suffix=""):
    """Puts an object into the remote, as `dvc push` does, and returns its digest."""
    digest = hashlib.md5(content).hexdigest() + suffix
    path = object_of(project.parent / "storage", digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)
    return digest


def track(project, name, digest):
    """The .dvc file that `dvc add` writes (real DVC makes those of the tests of agreement)."""
    path = project / (name + ".dvc")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"outs:\n- md5: {digest}\n  hash: md5\n  path: {path.stem}\n")


def test_a_git_clone_of_this_checkout_has_its_data_after_a_pull(repo, tmp_path, run_iris):
    if not (repo / ".git").exists():
        pytest.fail("this checkout is no git repository; the test clones it")
    run("git", "clone", "--quiet", "--depth=1", f"file://{repo}", tmp_path / "fresh", cwd=tmp_path)
    fresh = tmp_path / "fresh"
    assert not (fresh / "data" / "data.csv").exists()
    done = run_iris("pull", "data/data.csv.dvc", cwd=fresh)
    assert done.returncode == 0, done.stderr
    assert md5(fresh / "data" / "data.csv") == DATA_MD5
    status = dvc("status", "data/data.csv.dvc", cwd=fresh)
    assert "up to date" in status.stdout
    assert run("git", "status", "--porcelain", cwd=fresh).stdout == ""


def test_dvc_agrees_after_iris_pull(clone, run_iris):
    done = run_iris("pull", "data", cwd=clone)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("fetched     data/data.csv")
    assert "3,858 bytes" in done.stdout
    assert md5(clone / "data" / "data.csv") == DATA_MD5
    assert "up to date" in dvc("status", "data/data.csv.dvc", cwd=clone).stdout
    assert "up to date" in dvc("pull", "data/data.csv.dvc", cwd=clone).stdout


def test_iris_finds_up_to_date_what_dvc_pulled(clone, run_iris):
    dvc("pull", "data/data.csv.dvc", cwd=clone)
    before = (clone / "data" / "data.csv").stat().st_mtime_ns
    done = run_iris("pull", "data", "--json", cwd=clone)
    assert done.returncode == 0, done.stderr
    (out,) = json.loads(done.stdout)["outs"]
    assert out["state"] == "up_to_date"
    assert out["md5"] == DATA_MD5
    assert (clone / "data" / "data.csv").stat().st_mtime_ns == before


def test_it_works_from_a_folder_below_and_by_the_name_of_the_output(clone, run_iris):
    below = clone / "data" / "deep"
    below.mkdir()
    done = run_iris("pull", "../data.csv", cwd=below)
    assert done.returncode == 0, done.stderr
    assert md5(clone / "data" / "data.csv") == DATA_MD5
    wrong = run_iris("pull", "../nothing.csv", cwd=below)
    assert wrong.returncode == 2
    assert "found no output that it stands for" in wrong.stderr
    assert "data/data.csv" in wrong.stderr


def test_a_directory_comes_byte_for_byte(project, run_iris):
    raw = project / "raw"
    (raw / "deep" / "deeper").mkdir(parents=True)
    (raw / "a.bin").write_bytes(bytes(range(256)) * 4096)
    (raw / "deep" / "empty").write_bytes(b"")
    (raw / "deep" / "deeper" / "grün, \"x\".txt").write_text("same")
    (raw / "twin").write_text("same")
    expected = tree(raw)
    dvc("add", "raw", cwd=project)
    dvc("push", cwd=project)
    forget(project, "raw")

    done = run_iris("pull", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "fetched     raw/" in done.stdout and "in 4 files" in done.stdout
    assert tree(raw) == expected
    assert "up to date" in dvc("status", cwd=project).stdout
    assert run_iris("pull", cwd=project).stdout.startswith("up to date  raw/")

    # One file of it differs: that one is replaced, the others are left alone, nothing is lost.
    before = (raw / "a.bin").stat().st_mtime_ns
    (raw / "twin").write_text("mine")
    (raw / "stranger").write_text("not DVC's")
    done = run_iris("pull", cwd=project)
    assert done.returncode == 0, done.stderr
    assert (raw / "twin").read_text() == "same"
    assert (raw / "a.bin").stat().st_mtime_ns == before
    assert (raw / "stranger").read_text() == "not DVC's"
    assert "raw holds 1 file that raw.dvc does not name" in done.stderr
    kept = object_of(project / ".dvc" / "cache", hashlib.md5(b"mine").hexdigest())
    assert kept.read_bytes() == b"mine"


def test_stages_are_pulled_by_dvc_lock_and_uncached_outputs_are_not(project, run_iris):
    (project / "dvc.yaml").write_text(
        "stages:\n"
        "  make:\n"
        "    cmd: mkdir -p out && echo 1 > out/model && echo 2 > scores.json && echo 3 > run.sh"
        " && chmod +x run.sh\n"
        "    outs: [out/model, run.sh]\n"
        "    metrics: [{scores.json: {cache: false}}]\n"
    )
    dvc("repro", cwd=project)
    dvc("push", cwd=project)
    forget(project, "out", "scores.json", "run.sh")
    done = run_iris("pull", cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "out" / "model").read_text() == "1\n"
    assert os.access(project / "run.sh", os.X_OK)
    assert not (project / "scores.json").exists()
    (project / "scores.json").write_text("2\n")
    assert "up to date" in dvc("status", cwd=project).stdout


def broken(project, run_iris, content):
    """Two outputs, the object of one of them replaced by `content` (None: removed)."""
    for name in ("bad.csv", "good.csv"):
        track(project, name, store(project, f"this is {name}\n".encode() * 1000))
    digest = hashlib.md5(b"this is bad.csv\n" * 1000).hexdigest()
    path = object_of(project.parent / "storage", digest)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    return digest, path, run_iris("pull", cwd=project)


def test_a_broken_object_is_named_and_leaves_nothing(project, run_iris):
    digest, path, done = broken(project, run_iris, b"half of it")
    assert done.returncode == 2
    for part in (str(path), digest, hashlib.md5(b"half of it").hexdigest(), "bad.csv.dvc"):
        assert part in done.stderr
    assert "failed      bad.csv" in done.stdout
    assert (project / "good.csv").exists(), "what is sound is fetched all the same"
    # Neither the file nor a scrap of it, here or in the cache.
    assert not (project / "bad.csv").exists()
    assert not [p for p in project.rglob("*") if ".iris-" in p.name]
    assert not object_of(project / ".dvc" / "cache", digest).exists()


def test_a_missing_object_is_named_and_leaves_nothing(project, run_iris):
    digest, path, done = broken(project, run_iris, None)
    assert done.returncode == 2
    assert f"{path}: found no such object" in done.stderr
    assert "bad.csv.dvc" in done.stderr and "dvc push" in done.stderr
    assert not (project / "bad.csv").exists()


def store_listing(project, name, files):
    """A directory: its listing in the remote and the .dvc file that names it."""
    track(project, name, store(project, json.dumps(files).encode(), suffix=".dir"))


def test_a_directory_that_lacks_one_object_is_not_begun(project, run_iris):
    files = [
        {"md5": store(project, f"content {i}".encode()), "relpath": f"{i}.txt"} for i in range(5)
    ]
    store_listing(project, "raw", files)
    object_of(project.parent / "storage", files[4]["md5"]).unlink()
    done = run_iris("pull", cwd=project)
    assert done.returncode == 2
    assert "4.txt of raw" in done.stderr
    assert not (project / "raw").exists()


@pytest.mark.parametrize("relpath", ["../out", "/tmp/out", "a/../../out", ".git/hooks/x", "", "a/"])
def test_a_listing_that_leaves_its_directory_is_refused(project, run_iris, relpath):
    store_listing(project, "raw", [{"md5": store(project, b"x"), "relpath": relpath}])
    done = run_iris("pull", cwd=project)
    assert done.returncode == 2
    assert "expected a path " in done.stderr
    assert not (project / "raw").exists() and not (project / "out").exists()


def test_a_link_does_not_lead_out_of_the_repository(project, run_iris):
    outside = project.parent / "outside"
    outside.mkdir()
    (project / "data").symlink_to(outside)
    digest = store(project, b"x")
    (project / "x.dvc").write_text(f"outs:\n- md5: {digest}\n  hash: md5\n  path: data/x.csv\n")
    done = run_iris("pull", cwd=project)
    assert done.returncode == 2
    assert "found a link that leads to" in done.stderr
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [("s3://bucket/path", "'dvc pull' fetches from others"), ("../gone", "found no folder")],
)
def test_a_remote_out_of_reach_is_the_environments_fault(project, run_iris, url, said):
    track(project, "x.csv", store(project, b"x"))
    # config.local wins over config.
    (project / ".dvc" / "config.local").write_text(f"['remote \"storage\"']\n    url = {url}\n")
    done = run_iris("pull", cwd=project)
    assert done.returncode == 3
    assert said in done.stderr


def test_outside_of_a_repository_it_says_so(tmp_path, run_iris):
    done = run_iris("pull", cwd=tmp_path)
    assert done.returncode == 2
    assert "found no .dvc folder here or above" in done.stderr


def test_a_pull_that_is_killed_leaves_nothing_half_written(project, iris, run_iris):
    big = project / "big.bin"
    digest = store(project, bytes(range(256)) * (1 << 18))
    track(project, "big.bin", digest)
    interrupted = 0
    for delay in (0.01, 0.02, 0.05, 0.1, 0.2, 0.4):
        forget(project, *(["big.bin"] if big.exists() else []))
        with subprocess.Popen([iris, "pull", "-q"], cwd=project, stdout=subprocess.DEVNULL) as pull:
            time.sleep(delay)
            pull.send_signal(signal.SIGKILL)
        interrupted += not big.exists()
        for path in (big, object_of(project / ".dvc" / "cache", digest)):
            assert not path.exists() or md5(path) == digest, f"half written after {delay} s"
        assert not [p for p in project.rglob("*") if ".iris-" in p.name]
    assert interrupted > 0, "no kill came in the middle: the file is too small for this machine"
    assert run_iris("pull", cwd=project).returncode == 0
    assert md5(big) == digest


def listed(project, files):
    return [{"md5": store(project, content), "relpath": name} for name, content in files.items()]


NESTED = [
    "data/.git/config",
    "data/.GIT/config",
    "data/.git. ./config",
    "data/git~1/config",
    "data/.git::$INDEX_ALLOCATION/config",
    "data/.g\u200cit/config",
    "sub/.dvc/config",
]


@pytest.mark.parametrize("path", [*NESTED, "victim.dvc", "dvc.yaml", ".gitattributes"])
def test_an_output_is_never_what_git_or_dvc_reads(project, run_iris, path):
    digest = store(project, b"[core]\n\tfsmonitor = false\n")
    text = f"outs:\n- md5: {digest}\n  hash: md5\n  path: {json.dumps(path, ensure_ascii=False)}\n"
    (project / "victim.dvc").write_text(text)
    before = tree(project)
    done = run_iris("pull", cwd=project)
    assert done.returncode == 2, done.stdout + done.stderr
    assert tree(project) == before


@pytest.mark.parametrize("path", [p.removeprefix("data/") for p in NESTED])
def test_a_listing_never_names_what_git_or_dvc_reads(project, run_iris, path):
    store_listing(project, "data", listed(project, {path: b"[core]\n"}))
    done = run_iris("pull", cwd=project)
    assert done.returncode == 2, done.stdout + done.stderr
    assert not (project / "data").exists()


@pytest.mark.parametrize("tail", [["objects/info", "refs/x"], ["commondir"]])
def test_a_listing_makes_no_repository_within_this_one(project, run_iris, tail):
    files = {"HEAD": b"ref: refs/heads/main\n", "config": b"[core]\n\tbare = false\n"}
    files |= {name: b"x\n" for name in tail}
    store_listing(project, "data", listed(project, files))
    done = run_iris("pull", cwd=project)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "git repository" in done.stderr
    assert not (project / "data").exists()


def pipeline(project, text, lock, values=None):
    (project / "dvc.yaml").write_text(text)
    (project / "dvc.lock").write_text("schema: '2.0'\nstages:\n" + lock)
    if values:
        (project / "params.yaml").write_text(values)


def locked(stage, path, digest):
    return (
        f"  {stage}:\n    cmd: x\n    outs:\n    - path: {path}\n      hash: md5\n"
        f"      md5: {digest}\n"
    )


@pytest.mark.parametrize(
    ("stage", "text", "path"),
    [
        ("s", "stages:\n  s:\n    cmd: x\n    metrics:\n    - ${m}:\n        cache: false\n", "m.json"),
        (
            "s@a",
            "stages:\n  s:\n    foreach: [a]\n    do:\n      cmd: x\n      outs:\n"
            "      - m-${item}.json:\n          cache: false\n",
            "m-a.json",
        ),
        (
            "s@a-b",
            "stages:\n  s:\n    matrix:\n      p: [a]\n      q: [b]\n    cmd: x\n    outs:\n"
            "    - m-${item.p}-${item.q}.json:\n        cache: false\n",
            "m-a-b.json",
        ),
        (
            "s",
            "vars: [{c: false}]\nstages:\n  s:\n    cmd: x\n    outs:\n    - m.json:\n"
            "        cache: ${c}\n",
            "m.json",
        ),
        ("s", "stages:\n  s:\n    cmd: x\n    outs:\n    - m.json:\n        cache: False\n", "m.json"),
    ],
)
def test_an_uncached_output_of_a_template_is_neither_sent_nor_replaced(
    project, run_iris, stage, text, path
):
    old = store(project, b"old")
    pipeline(project, text, locked(stage, path, old), "m: m.json\n")
    (project / path).write_bytes(b"mine")
    before = tree(project.parent / "storage")
    assert run_iris("pull", cwd=project).returncode == 0
    assert (project / path).read_bytes() == b"mine"
    new = hashlib.md5(b"mine").hexdigest()
    pipeline(project, text, locked(stage, path, new))
    assert run_iris("push", cwd=project).returncode == 0
    assert tree(project.parent / "storage") == before


def test_what_dvc_yaml_has_no_more_is_ignored(project, run_iris):
    digest = store(project, b"x")
    lock = locked("s", "a", digest) + locked("gone", "a", digest) + locked("gone2", "b", digest)
    pipeline(project, "stages:\n  s:\n    cmd: x\n    outs: [a]\n", lock)
    done = run_iris("pull", cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "a").exists() and not (project / "b").exists()


@pytest.mark.parametrize(
    "text",
    [
        "outs:\n- path: odd\n  hash: md5\n",
        "outs:\n- path: odd\n  files:\n  - relpath: a\n    cloud:\n      x:\n        etag: y\n",
        "deps:\n- path: p\n  repo:\n    url: u\n    rev_lock: r\nouts:\n"
        "- md5: 013d0da08d6506664ce640459139176b\n  hash: md5\n  path: odd\n",
    ],
)
def test_one_unusual_file_does_not_block_the_others(project, run_iris, text):
    track(project, "good", store(project, b"good"))
    (project / "empty.dvc").write_text("")
    (project / "odd.dvc").write_text(text)
    done = run_iris("pull", cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "good").read_bytes() == b"good"
    assert "odd, which odd.dvc names, is left alone" in done.stderr
    assert run_iris("pull", "good", cwd=project).returncode == 0
    asked = run_iris("pull", "odd.dvc", cwd=project)
    assert asked.returncode == 1 and "odd.dvc" in asked.stderr


def test_a_lock_without_a_schema_is_an_error(project, run_iris):
    pipeline(project, "stages:\n  s:\n    cmd: x\n    outs: [a]\n", locked("s", "a", store(project, b"x")))
    lock = project / "dvc.lock"
    lock.write_text(lock.read_text().replace("schema: '2.0'\n", ""))
    done = run_iris("pull", cwd=project)
    assert done.returncode == 1 and "schema" in done.stderr
