"""Fixtures for the tests that drive the built program with real clients.

IRIS_BIN names the program under test; without it, the release build.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import yaml

pytest_plugins = ["serving"]

REPO = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repo():
    """The root of the checkout."""
    return REPO


@pytest.fixture(scope="session")
def iris():
    """The path of the program under test."""
    path = pathlib.Path(os.environ.get("IRIS_BIN", REPO / "build" / "release" / "iris"))
    assert path.is_file(), f"{path} is not built; run ./run build"
    return path


@pytest.fixture(scope="session")
def chromium():
    """The path of a browser that Playwright can drive."""
    found = subprocess.run([REPO / "scripts" / "browser"], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


@pytest.fixture(scope="session")
def run_iris(iris):
    """Runs a command to its end: run_iris("check", "data.csv", cwd=...)."""

    def run(*args, cwd=REPO, timeout=120, **kwargs):
        return subprocess.run(
            [str(iris), *map(str, args)],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **kwargs,
        )

    return run


@pytest.fixture(scope="session")
def kustomize():
    """Renders the objects that `kubectl apply -k FOLDER` would apply: kustomize(folder).

    By the pinned kubectl of packages/requirements.txt, else the machine's.
    """
    pinned = pathlib.Path(sys.executable).parent / "kubectl"
    kubectl = str(pinned) if pinned.is_file() else shutil.which("kubectl")
    assert kubectl, "no kubectl; pip install -r packages/requirements.txt"

    def render(folder):
        rendered = subprocess.run(
            [kubectl, "kustomize", folder], capture_output=True, text=True, timeout=60, check=False
        )
        assert rendered.returncode == 0, rendered.stderr
        return list(yaml.safe_load_all(rendered.stdout))

    return render


@pytest.fixture
def golden(repo):
    """Compares text with a file of tests/golden: golden("help/check.txt", text).

    UPDATE_GOLDEN=1 writes the files instead; read the diff before you commit it.
    """

    def compare(name, text):
        path = repo / "tests" / "golden" / name
        if os.environ.get("UPDATE_GOLDEN") == "1":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.is_file(), f"{path} is missing; make it with UPDATE_GOLDEN=1"
        assert text == path.read_text(), f"differs from {path}; if meant, UPDATE_GOLDEN=1"

    return compare
