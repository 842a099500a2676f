"""Each command of ./run installs what it itself needs, and a browser that is there is used."""

import shutil
import subprocess

import pytest

TOOLS = ("bash", "cat", "comm", "cmp", "dirname", "env", "id", "sed", "sort", "tail", "tr", "wc")
# Nothing is installed; what would be is written down, and the first build ends the command.
DPKG_QUERY = "exit 1"
APT_GET = 'case "$1" in install) shift; printf "%s\\n" "$@" >>"$INSTALLED" ;; esac'
SUDO = 'exec "$@"'
FAILS = "exit 9"
BROWSER = "echo Chromium 156"
STUB = 'echo "Command requires the chromium snap to be installed." >&2; exit 1'


@pytest.fixture
def machine(tmp_path):
    """Runs a program on a machine that has only TOOLS and the programs that are given."""

    def run(*command, **programs):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for tool in TOOLS:
            if not (folder / tool).exists():
                (folder / tool).symlink_to(shutil.which(tool))
        for name, text in programs.items():
            path = folder / name.replace("_", "-")
            path.write_text(f"#!/bin/bash\n{text}\n")
            path.chmod(0o755)
        installed = tmp_path / "installed"
        installed.write_text("")
        result = subprocess.run(
            list(map(str, command)),
            env={"PATH": str(folder), "INSTALLED": str(installed)},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return result, {each for each in installed.read_text().split() if not each.startswith("-")}

    return run


@pytest.fixture
def checkout(repo, tmp_path):
    """The tree without what was built, so that a command has everything to do."""
    folder = tmp_path / "checkout"
    for part in ("run", "scripts", "packages", "CMakePresets.json"):
        copy = shutil.copytree if (repo / part).is_dir() else shutil.copy2
        folder.mkdir(exist_ok=True)
        copy(repo / part, folder / part)
    return folder


@pytest.fixture
def installs(machine, checkout):
    def run(*command, **programs):
        tools = {"dpkg_query": DPKG_QUERY, "apt_get": APT_GET, "sudo": SUDO, "cmake": FAILS}
        return machine(checkout / "run", *command, **(tools | programs))[1]

    return run


OTHERS = {"chromium", "clang-tidy", "libgtest-dev", "nodejs", "shellcheck", "libclang-rt-dev"}


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (["build"], {"g++", "cmake"}),
        (["demo"], {"g++", "wrk"}),
        (["image"], {"g++", "wrk", "python3-yaml", "podman"}),
        (["lint"], {"g++", "clang-tidy", "shellcheck", "yamllint"}),
        (["build", "asan"], {"g++", "libgtest-dev", "librapidcheck-dev"}),
        (["build", "fuzz"], {"g++", "clang", "libclang-rt-dev"}),
        (["test"], {"g++", "chromium", "nodejs", "libgtest-dev"}),
    ],
)
def test_a_command_installs_what_it_needs(installs, command, wanted):
    got = installs(*command)
    assert wanted <= got
    if command != ["test"]:
        assert not got & (OTHERS - wanted)


@pytest.mark.parametrize("name", ["chromium", "chromium_browser", "google_chrome"])
def test_a_browser_that_is_there_is_used(installs, name):
    assert "chromium" not in installs("setup", "dev", **{name: BROWSER})


def test_a_browser_that_does_not_run_is_none(installs):
    assert "chromium" in installs("setup", "dev", chromium_browser=STUB)


def test_without_a_browser_and_its_package_it_says_what_to_do(machine, checkout):
    """As on Ubuntu, whose archive has no chromium."""
    no_chromium = APT_GET + '; case " $* " in *" chromium "*) exit 100 ;; esac'
    tools = {"dpkg_query": DPKG_QUERY, "apt_get": no_chromium, "sudo": SUDO}
    result, _ = machine(checkout / "run", "setup", "dev", **tools)
    assert result.returncode == 3
    assert "install Chrome, or name a browser with CHROMIUM" in result.stderr


def test_an_engine_that_is_there_is_used(installs):
    docker = '[ "$1" = --version ] && echo "Docker version 28.0.4"; exit 0'
    assert "podman" not in installs("image", docker=docker)


def test_the_browser_that_is_named_is_taken(repo, machine, tmp_path):
    machine("bash", "-c", "true", my_chrome=BROWSER)
    browser = repo / "scripts" / "browser"
    named = machine("env", f"CHROMIUM={tmp_path}/bin/my-chrome", browser, chromium=BROWSER)[0]
    assert named.stdout == f"{tmp_path}/bin/my-chrome\n"
    refused = machine("env", "CHROMIUM=nothing", browser)[0]
    assert (refused.returncode, refused.stdout) == (3, "") and "nothing" in refused.stderr
