"""cache.type: a file of the working folder gets its content from the cache as DVC gives it."""

import os
import stat

import pytest
from dvc_tools import dvc, forget, md5, object_of, run

CONTENT = {"rows.csv": b"a,b\n1,2\n", "run.sh": b"#!/bin/sh\n", "empty": b""}


@pytest.fixture
def project(tmp_path):
    """A file, a program, an empty file and a folder, tracked and pushed by real DVC."""
    folder = tmp_path / "project"
    folder.mkdir()
    run("git", "init", "--quiet", cwd=folder)
    dvc("init", "--quiet", cwd=folder)
    dvc("remote", "add", "--default", "--quiet", "storage", tmp_path / "storage", cwd=folder)
    (folder / "data").mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
        (folder / "data" / name).write_bytes(b"in the folder\n" + content)
    (folder / "run.sh").chmod(0o755)
    dvc("add", "--quiet", "data", *CONTENT, cwd=folder)
    dvc("push", "--quiet", cwd=folder)
    forget(folder, "data", *CONTENT)
    return folder


def cache_type(project, value):
    with (project / ".dvc" / "config").open("a") as config:
        config.write(f"[cache]\n    type = {value}\n")


def links(folder):
    """Of every fetched file: whether it is a link, whether it is the object itself, and what its owner may do."""
    found = {}
    for path in [*(folder / n for n in CONTENT), *sorted((folder / "data").iterdir())]:
        cached = object_of(folder / ".dvc" / "cache", md5(path))
        found[str(path.relative_to(folder))] = (
            path.is_symlink(),
            path.samefile(cached),
            oct(path.stat().st_mode & stat.S_IRWXU),
        )
    return found


@pytest.mark.parametrize("value", ["copy", "hardlink", "symlink", '"reflink,hardlink,copy"'])
def test_files_are_linked_as_dvc_links_them(project, run_iris, value):
    cache_type(project, value)
    done = run_iris("pull", cwd=project)
    assert done.returncode == 0, done.stderr
    ours = links(project)
    assert dvc("status", cwd=project).stdout.strip() == "Data and pipelines are up to date."
    forget(project, "data", *CONTENT)
    dvc("pull", "--quiet", cwd=project)
    assert ours == links(project)
    if value == "hardlink":
        assert ours["data/rows.csv"] == (False, True, "0o400")
    assert run_iris("pull", cwd=project).returncode == 0
    assert ours == links(project), "an up-to-date file was made anew"


def test_without_a_setting_a_file_is_the_users_own(project, run_iris):
    assert run_iris("pull", cwd=project).returncode == 0
    cached = object_of(project / ".dvc" / "cache", md5(project / "rows.csv"))
    assert not (project / "rows.csv").samefile(cached)
    with (project / "rows.csv").open("ab") as file:
        file.write(b"3,4\n")
    assert cached.read_bytes() == CONTENT["rows.csv"]


def test_a_changed_file_is_replaced_and_not_written_through(project, run_iris):
    """A link to an object of another version gives way; the object keeps its bytes."""
    cache_type(project, "hardlink")
    assert run_iris("pull", cwd=project).returncode == 0
    other = object_of(project / ".dvc" / "cache", md5(project / "rows.csv"))
    os.remove(project / "run.sh")
    os.link(other, project / "run.sh")
    done = run_iris("pull", "run.sh", cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "run.sh").read_bytes() == CONTENT["run.sh"]
    assert other.read_bytes() == CONTENT["rows.csv"]


def test_a_type_that_does_not_exist_is_named(project, run_iris):
    cache_type(project, "hardlink,teleport")
    done = run_iris("pull", cwd=project)
    assert done.returncode == 2
    assert 'found the cache type "teleport", expected reflink, hardlink, symlink or copy' in done.stderr
    assert "config:" in done.stderr
