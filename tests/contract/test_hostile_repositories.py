"""What a DVC repository holds, and comes from others, leads pull and push nowhere else."""

import os
import stat
import time

import pytest
from dvc_tools import make_project, md5, object_of


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def track(project, name, content, more=""):
    """The DVC file and the object in the remote; its digest."""
    source = project.parent / "source"
    source.write_bytes(content)
    digest = md5(source)
    place = object_of(project.parent / "storage", digest)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    (project / f"{name}.dvc").write_text(
        f"outs:\n- md5: {digest}\n  hash: md5\n  path: {name}\n{more}"
    )
    return digest


@pytest.mark.parametrize("kind", ["hardlink", "symlink", "copy"])
def test_a_link_among_the_objects_is_no_object(project, run_iris, kind):
    """Its digest is right, and it is the user's own file."""
    with (project / ".dvc" / "config").open("a") as config:
        config.write(f"[cache]\n    type = {kind}\n")
    mine = project.parent / "mine.sh"
    mine.write_bytes(b"#!/bin/sh\n")
    mine.chmod(0o644)
    digest = track(project, "tool", b"#!/bin/sh\n", "  isexec: true\n")
    cached = object_of(project / ".dvc" / "cache", digest)
    cached.parent.mkdir(parents=True)
    cached.symlink_to(os.path.relpath(mine, cached.parent))
    done = run_iris("pull", cwd=project)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(mine.stat().st_mode) == 0o644 and mine.stat().st_nlink == 1
    assert not (project / "tool").samefile(mine) and not cached.is_symlink()
    assert (project / "tool").read_bytes() == b"#!/bin/sh\n"


def test_a_folder_of_the_cache_that_is_a_link_is_refused(project, run_iris):
    digest = track(project, "rows.csv", b"1,2\n")
    elsewhere = project.parent / "elsewhere"
    elsewhere.mkdir()
    folder = object_of(project / ".dvc" / "cache", digest).parent
    folder.parent.mkdir(parents=True)
    folder.symlink_to(elsewhere)
    done = run_iris("pull", cwd=project)
    assert done.returncode == 2
    assert f"{folder}: found a link, expected a folder of the cache" in done.stderr
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["config", "config.local", "."])
def test_a_config_that_is_a_link_is_refused(project, run_iris, name):
    track(project, "rows.csv", b"1,2\n")
    path = project / ".dvc" / name
    elsewhere = project.parent / "users"
    if path.exists():
        path.rename(elsewhere)
    else:
        elsewhere.write_text("[core]\n")
    path.symlink_to(elsewhere)
    done = run_iris("pull", cwd=project)
    assert done.returncode == 2
    assert "found a link, expected a file of the repository" in done.stderr


def test_what_the_kernel_makes_up_has_an_end(project, run_iris):
    track(project, "data", b"1,2\n")
    (project / "data").symlink_to("/proc/self/pagemap")
    assert run_iris("pull", cwd=project, timeout=20).returncode in (0, 2)


@pytest.mark.parametrize("depth", [300, 600])
def test_a_deep_folder_takes_no_time(project, run_iris, depth):
    track(project, "rows.csv", b"1,2\n")
    deep = project / "/".join("a" * depth)
    deep.mkdir(parents=True)
    (deep / ".gitignore").write_text("*.tmp\n")
    begun = time.monotonic()
    assert run_iris("pull", cwd=project).returncode == 0
    assert time.monotonic() - begun < 10


def test_a_pattern_takes_no_time(project, run_iris):
    track(project, "rows.csv", b"1,2\n")
    (project / ("[" * 250)).mkdir()
    (project / ".dvcignore").write_text("*" + "[" * 100 + "x" + "[" * 3_000_000)
    assert run_iris("pull", cwd=project, timeout=20).returncode == 0


@pytest.mark.parametrize("parts", [3_000, 100_000])
def test_a_path_that_no_file_can_have_is_refused(project, run_iris, parts):
    text = '[{"md5": "%s", "relpath": "%sx"}]' % ("0" * 32, "a/" * parts)
    digest = track(project, "data", text.encode())
    place = object_of(project.parent / "storage", digest)
    place.rename(place.with_name(place.name + ".dir"))
    (project / "data.dvc").write_text(
        f"outs:\n- md5: {digest}.dir\n  hash: md5\n  path: data\n  nfiles: 1\n"
    )
    done = run_iris("pull", cwd=project, timeout=20)
    assert done.returncode == 2
    assert "expected a path of less than 4,096 bytes" in done.stderr


LIST = "vars:\n- l: [" + ", ".join(map(str, range(10_000))) + "]\n"
PIPELINES = {
    "many stages of many items": LIST
    + "stages:\n"
    + "".join(f"  s{i}: {{foreach: '${{l}}', do: {{cmd: x, outs: [o]}}}}\n" for i in range(1_000)),
    "a matrix of large values": LIST
    + "stages:\n  s:\n    matrix:\n      a: ['${l}']\n"
    + "".join(f"      {k}: [{', '.join(map(str, range(100)))}]\n" for k in "bc")
    + "    cmd: x\n    outs: [o]\n",
    "values that are read again and again": LIST
    + "stages:\n  s:\n    foreach: ${l}\n    do:\n      vars: [values.yaml]\n      cmd: x\n      outs: [o]\n",
    "aliases of aliases": "stages:\n"
    + "  a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    + "".join(
        f"  {'abcdef'[i + 1]}: &{'abcdef'[i + 1]} [{', '.join(['*' + 'abcdef'[i]] * 10)}]\n"
        for i in range(5)
    )
    + "".join(f"  s{i}: {{foreach: *f, do: {{cmd: x}}}}\n" for i in range(50)),
}


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
def test_templates_have_a_budget(project, run_iris, pipeline):
    track(project, "rows.csv", b"1,2\n")
    (project / "dvc.yaml").write_text(pipeline)
    (project / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    (project / "values.yaml").write_text("".join(f"k{i}: {i}\n" for i in range(20_000)))
    done = run_iris("pull", cwd=project, timeout=30)
    assert done.returncode in (0, 1), done.stderr
    assert (project / "rows.csv").read_bytes() == b"1,2\n"


def test_what_a_file_held_is_kept_also_where_the_cache_is_broken(project, run_iris):
    old = track(project, "rows.csv", b"good\n")
    assert run_iris("pull", cwd=project).returncode == 0
    cached = object_of(project / ".dvc" / "cache", old)
    cached.chmod(0o644)
    cached.write_bytes(b"broken\n")
    track(project, "rows.csv", b"new\n")
    done = run_iris("pull", cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "rows.csv").read_bytes() == b"new\n"
    assert cached.read_bytes() == b"good\n"


def test_an_allowed_host_takes_no_target_with_it(project, run_iris):
    track(project, "a.csv", b"a\n")
    track(project, "b.csv", b"b\n")
    done = run_iris("pull", "--allow-endpoint", "example.org", "a.csv", cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "a.csv").exists() and not (project / "b.csv").exists()
