"""Real DVC and git, run apart from the user's own configuration."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

DVC = pathlib.Path(sys.executable).with_name("dvc")


def run(*argv, cwd, check=True, **variables):
    """Runs a program with neither the user's configuration nor the network's analytics."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DVC_"))}
    environment |= {
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(cwd),
        "DVC_SYSTEM_CONFIG_DIR": str(cwd),
        "DVC_SITE_CACHE_DIR": str(pathlib.Path(cwd, ".git", "dvc-site")),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_AUTHOR_NAME": "test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
    } | variables
    done = subprocess.run(
        list(map(str, argv)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )
    assert not check or done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done


def dvc(*args, cwd, check=True, **variables):
    return run(DVC, *args, cwd=cwd, check=check, **variables)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def tree(folder):
    """Relative path → bytes of every file below, hidden ones too."""
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def make_project(folder):
    """A DVC repository, as `dvc init` makes it, with an empty local remote beside it."""
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text(
        "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../../storage\n"
    )
    (folder / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    (folder.parent / "storage").mkdir()
    run("git", "init", "--quiet", cwd=folder)
    return folder


def object_of(folder, digest):
    return folder / "files" / "md5" / digest[:2] / digest[2:]


def forget(folder, *names):
    """As a fresh clone: neither the data nor the cache."""
    shutil.rmtree(folder / ".dvc" / "cache", ignore_errors=True)
    for name in names:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
