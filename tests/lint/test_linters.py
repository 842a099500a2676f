"""Each linter of scripts/lint must refuse a fixture made for it: a linter that finds nothing in what
is wrong would be green for ever."""

import json
import os
import subprocess
import textwrap

import pytest

GOOD = """\
    name: good
    on: push
    permissions: {}
    concurrency:
      group: good
    jobs:
      build:
        name: Build
        runs-on: ubuntu-24.04
        timeout-minutes: 5
        steps:
          - name: Check out
            uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
            with:
              persist-credentials: false
          - name: Build
            run: ./run build
    """
PIN = "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"


@pytest.fixture(scope="session")
def path_of_linters(repo):
    """PATH with the pinned linters first."""
    folder = subprocess.run(
        [repo / "scripts" / "lint-tools"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return f"{folder}:{os.environ['PATH']}"


@pytest.fixture
def lint(tmp_path, path_of_linters, repo):
    """Writes a file and runs a linter on it; returns its status and all it said."""

    def run(name, text, *command):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        result = subprocess.run(
            [*command, path],
            cwd=repo,
            env={**os.environ, "PATH": path_of_linters},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return result.returncode, result.stdout + result.stderr

    return run


WORKFLOW = ".github/workflows/w.yml"
ZIZMOR = ("zizmor", "--offline", "--quiet")


@pytest.mark.parametrize("linter", [("actionlint",), ZIZMOR])
def test_a_good_workflow_passes(lint, linter):
    assert lint(WORKFLOW, GOOD, *linter)[0] == 0


@pytest.mark.parametrize(
    ("linter", "old", "new", "rule"),
    [
        (ZIZMOR, PIN, "v6", "unpinned-uses"),
        (ZIZMOR, "    permissions: {}\n", "", "excessive-permissions"),
        (ZIZMOR, "persist-credentials: false", "fetch-depth: 1", "artipacked"),
        (ZIZMOR, "./run build", "echo ${{ github.event.head_commit.message }}", "template-injection"),
        (ZIZMOR, "on: push", "on: pull_request_target", "dangerous-triggers"),
        (("actionlint",), "timeout-minutes: 5", "timeout: 5", "syntax-check"),
        (("actionlint",), "./run build", "./run $(cat x)", "shellcheck"),
        (("actionlint",), "ubuntu-24.04", "ubuntu-12.04", "runner-label"),
    ],
)
def test_a_bad_workflow_is_refused(lint, linter, old, new, rule):
    assert old in GOOD
    status, said = lint(WORKFLOW, GOOD.replace(old, new), *linter)
    assert status != 0
    assert rule in said


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("FROM debian:latest\n", "DL3007"),
        ("FROM debian:12\nRUN cd /tmp && make\n", "DL3003"),
        ("FROM debian:12\nRUN apt-get install -y gcc\n", "DL3008"),
    ],
)
def test_a_bad_dockerfile_is_refused(lint, text, rule):
    status, said = lint("Dockerfile", text, "hadolint", "--no-color", "--config", "/dev/null")
    assert status != 0
    assert rule in said


def test_the_format_is_that_of_one_version_wherever_it_is_checked(repo, path_of_linters):
    """Debian 12 has clang-format 14, Ubuntu 24.04 has 18, and they disagree."""
    pins = (repo / "packages" / "requirements-lint.txt").read_text()
    pinned = next(line.split("==")[1] for line in pins.splitlines() if line.startswith("clang-format=="))
    found = subprocess.run(
        ["env", "clang-format", "--version"], env={**os.environ, "PATH": path_of_linters},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"version {pinned} " in found.stdout
    assert "Debian" not in found.stdout and "Ubuntu" not in found.stdout


def test_bad_format_is_refused(lint):
    status, said = lint("f.cpp", "int  main( ){return 0;}\n", "clang-format", "--dry-run", "--Werror")
    assert status != 0
    assert "clang-format-violations" in said


MOVED = """\
    #include <string>
    #include <utility>
    std::string twice(std::string text) {
      std::string first = std::move(text);
      return first + text;
    }
    """


@pytest.mark.parametrize(("second", "expected"), [("text", 1), ("first", 0)])
def test_what_a_folder_s_sources_hold_is_found_where_they_are_read_as_one(
    repo, tmp_path, path_of_linters, second, expected
):
    source = tmp_path / "src" / "twice.cpp"
    source.parent.mkdir()
    source.write_text(textwrap.dedent(MOVED).replace("first + text", f"first + {second}"))
    unit = tmp_path / "Unity" / "unity_0_cxx.cxx"
    unit.parent.mkdir()
    unit.write_text(f'#include "{source}"\n')
    command = {"directory": str(tmp_path), "file": str(unit), "command": f"c++ -c {unit}"}
    (tmp_path / "compile_commands.json").write_text(json.dumps([command]))
    found = subprocess.run(
        [repo / "scripts" / "tidy", tmp_path], env={**os.environ, "PATH": path_of_linters},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert found.returncode == expected, found.stdout + found.stderr
    assert ("bugprone-use-after-move" in found.stdout) == bool(expected)


def test_bad_yaml_is_refused(lint):
    status, said = lint("m.yaml", "a: 1\na: 2\n", "yamllint", "--strict")
    assert status != 0
    assert "duplication of key" in said


def test_a_bad_script_is_refused(lint):
    status, said = lint("s.sh", "#!/bin/bash\nrm $1\n", "shellcheck")
    assert status != 0
    assert "SC2086" in said
