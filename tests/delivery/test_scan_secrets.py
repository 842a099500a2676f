"""The scan for secrets finds what is planted, shows where and never what."""

import subprocess
import sys

import pytest

# Put together here, so that this file holds none.
SECRETS = {
    "private key": "-----BEGIN " + "PRIVATE KEY-----",
    "service account key": '"private_key_id": "' + "0a" * 20 + '"',
    "Google API key": "AIza" + "b" * 35,
    "Google access token": "ya29." + "c" * 40,
    "GitHub token": "ghp_" + "d" * 36,
    "AWS access key": "AKIA" + "E" * 16,
    "JSON Web Token": ".".join(["eyJ" + "f" * 20, "eyJ" + "g" * 20, "h" * 30]),
    "password in a URL": "https://user:" + "hunter22" + "@example.org/x",
}


@pytest.fixture
def scan(repo, tmp_path):
    def run(*args, cwd=tmp_path):
        result = subprocess.run(
            [sys.executable, repo / "scripts" / "scan-secrets", *args],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return result.returncode, result.stdout

    return run


@pytest.mark.parametrize("kind", SECRETS)
def test_a_planted_secret_is_found_and_not_shown(scan, tmp_path, kind):
    (tmp_path / "log").write_text(f"one\ntwo {SECRETS[kind]} three\n")
    status, said = scan("file", "log")
    assert (status, said) == (1, f"log:2: {kind}\n")


def test_what_looks_alike_is_no_secret(scan, tmp_path):
    (tmp_path / "log").write_text(
        "https://user:${{ secrets.X }}@example.org\n"
        "https://example.org:8080/a@b\n"
        "digest 0123456789012345678901234567890123456789\n"
        f"{SECRETS['AWS access key']}  scan-secrets: allow\n"
    )
    assert scan("file", "log") == (0, "")


def test_a_secret_that_was_committed_and_removed_is_found(scan, tmp_path):
    def git(*args):
        identity = ("-c", "user.name=n", "-c", "user.email=e@example.org")
        subprocess.run(["git", *identity, *args], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "key.json").write_text(SECRETS["service account key"])
    git("add", "key.json")
    git("commit", "-m", "add")
    assert scan("tree")[0] == 1
    git("rm", "key.json")
    git("commit", "-m", "remove")
    assert scan("tree")[0] == 0
    status, said = scan("history")
    assert status == 1
    assert "(key.json):1: service account key" in said


def test_this_repository_holds_none(scan, repo):
    assert scan("tree", cwd=repo) == (0, "")
