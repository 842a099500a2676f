"""The rehearsal without containers: the way is green, and every sabotage turns the right step red."""

import subprocess
import sys


def test_the_way_is_green_and_every_sabotage_is_seen(repo, iris):
    result = subprocess.run(
        [sys.executable, repo / "tests" / "rehearse" / "rehearse.py", "--no-image"],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "WRONG" not in result.stdout
    assert result.stdout.count("as it must") >= 11


def test_it_says_so_when_the_way_is_not_green(repo, iris, tmp_path):
    program = tmp_path / "iris"
    # The manifests are held against what serve --help says; every other command fails.
    program.write_text(
        f'#!/bin/sh\n[ "$*" = "serve --help" ] && exec "{iris}" "$@"\necho broken >&2\nexit 1\n'
    )
    program.chmod(0o755)
    result = subprocess.run(
        [sys.executable, repo / "tests" / "rehearse" / "rehearse.py", "--no-image"],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "IRIS_BIN": str(program)},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert result.returncode == 1
    assert "RED    gates" in result.stdout and "broken" in result.stdout
