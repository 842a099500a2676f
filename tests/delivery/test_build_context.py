"""What .dockerignore lets into an image's build: every source, and no more than is named."""

import fnmatch
import subprocess
from pathlib import PurePosixPath

import pytest

SOURCES = ("CMakeLists.txt", "CMakePresets.json", "cmake", "src")


def matches(pattern: str, path: str) -> bool:
    """Whether a line of .dockerignore means the path or a folder above it."""
    parts = PurePosixPath(path).parts
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatchcase(part, pattern.removeprefix("**/")) for part in parts)
    depth = len(PurePosixPath(pattern).parts)
    return len(parts) >= depth and fnmatch.fnmatchcase("/".join(parts[:depth]), pattern)


def kept_out(ignore: str, path: str) -> bool:
    """The last line that matches decides."""
    out = False
    for line in ignore.splitlines():
        if line and not line.startswith("#") and matches(line.removeprefix("!"), path):
            out = not line.startswith("!")
    return out


@pytest.fixture
def ignore(repo):
    return (repo / ".dockerignore").read_text()


@pytest.fixture
def sources(repo):
    listed = subprocess.run(
        ["git", "ls-files", "--", *SOURCES], cwd=repo, capture_output=True, text=True, check=True
    )
    files = listed.stdout.splitlines()
    assert len(files) > 200
    return files


def test_every_source_gets_into_the_build(ignore, sources):
    assert [path for path in sources if kept_out(ignore, path)] == []


def test_what_the_model_is_fetched_from_gets_into_the_build(repo, ignore):
    """As git has it: a fresh clone has no model, and its build makes one."""
    listed = subprocess.run(
        ["git", "ls-files", "--", "remote", "dvc.lock", "dvc.yaml", ".dvc/config"],
        cwd=repo, capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = listed.stdout.splitlines()
    assert len(files) >= 5
    assert [path for path in files if kept_out(ignore, path)] == []
    assert not kept_out(ignore, "models/model.onnx")


def test_a_source_that_is_kept_out_is_seen(ignore, sources):
    narrower = ignore.replace("!src/serve/assets/openapi.json\n", "")
    assert [path for path in sources if kept_out(narrower, path)] == ["src/serve/assets/openapi.json"]


@pytest.mark.parametrize(
    "path",
    [
        "data/iris.csv", ".git/config", ".env", "key.json", "src/key.json", "src/.env", "build/x/iris",
        ".dvc/config.local", ".dvc/tmp/lock", ".dvc/cache/files/md5/01/3d", "remote/.env", "models/other.onnx",
    ],
)  # fmt: skip
def test_nothing_else_gets_in(ignore, path):
    assert kept_out(ignore, path)
