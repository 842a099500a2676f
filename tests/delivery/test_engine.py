"""One place chooses the container engine: an image is sought where it was built."""

import io
import os
import shutil
import subprocess
import sys
import tarfile

import pytest

DOCKER = '[ "$1" = --version ] && echo "Docker version 28.0.4, build b8034c0"; exit 0'
NO_DAEMON = '[ "$1" = --version ] && echo "Docker version 28.0.4"; [ "$1" != info ]'
PODMAN_AS_DOCKER = 'echo "podman version 4.9.3"'
PODMAN = "exit 0"


@pytest.fixture
def machine(tmp_path):
    """Puts programs on an otherwise empty PATH and runs a script there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("bash", "cat"):
        (folder / tool).symlink_to(shutil.which(tool))

    def run(*argv, engine="", **programs):
        for name, text in programs.items():
            path = folder / name
            path.write_text(f"#!/bin/bash\n{text}\n")
            path.chmod(0o755)
        environment = {"PATH": str(folder)} | ({"ENGINE": engine} if engine else {})
        return subprocess.run(
            list(map(str, argv)), env=environment, capture_output=True, text=True, timeout=60
        )

    return run


@pytest.mark.parametrize(
    ("programs", "builds", "runs"),
    [
        ({"docker": DOCKER, "podman": PODMAN}, "docker", "docker"),
        ({"docker": NO_DAEMON, "podman": PODMAN}, "podman", "podman"),
        ({"docker": PODMAN_AS_DOCKER, "podman": PODMAN}, "podman", "podman"),
        ({"podman": PODMAN, "buildah": PODMAN}, "podman", "podman"),
        ({"buildah": PODMAN}, "buildah", None),
        ({"docker": NO_DAEMON}, None, None),
        ({}, None, None),
    ],
)
def test_the_engine_that_is_there_is_taken(repo, machine, programs, builds, runs):
    for flags, expected in (([], builds), (["--runs"], runs)):
        chosen = machine(repo / "scripts" / "engine", *flags, **programs)
        if expected:
            assert (chosen.returncode, chosen.stdout) == (0, f"{expected}\n"), chosen.stderr
        else:
            assert (chosen.returncode, chosen.stdout) == (3, "")
            assert "apt-get install podman" in chosen.stderr


def test_the_user_chooses(repo, machine):
    engine = repo / "scripts" / "engine"
    assert machine(engine, engine="podman", docker=DOCKER).stdout == "podman\n"
    assert machine(engine, engine="buildah", docker=DOCKER).stdout == "buildah\n"
    assert machine(engine, "--runs", engine="buildah", docker=DOCKER).stdout == "podman\n"
    refused = machine(engine, engine="lxc")
    assert (refused.returncode, refused.stdout) == (2, "") and "'lxc'" in refused.stderr


def test_secrets_are_sought_in_the_engine_that_has_the_image(repo, machine, tmp_path):
    """Both are there; the image is docker's, and podman knows of none."""
    saved = tmp_path / "saved.tar"
    with tarfile.open(saved, "w") as archive:
        content = b'{"private_key_id": "' + b"ab" * 20 + b'"}'
        entry = tarfile.TarInfo("layer/key.json")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    docker = f'case "$1" in save) cat "{saved}" ;; --version) echo Docker version 28 ;; esac'
    found = machine(
        sys.executable, repo / "scripts" / "scan-secrets", "image", "iris-api",
        docker=docker, podman="echo 'no such image' >&2; exit 125",
    )  # fmt: skip
    assert found.returncode == 1, found.stderr
    assert "layer/key.json" in found.stdout and "service account key" in found.stdout


@pytest.mark.parametrize("script", ["scan-secrets image iris-api", "check-image iris-api"])
def test_without_an_engine_it_says_what_to_install(repo, machine, script):
    name, *args = script.split()
    refused = machine(sys.executable, repo / "scripts" / name, *args)
    assert refused.returncode == 3
    assert refused.stderr.startswith("engine: found no container engine; install one")


def test_docker_without_buildx_is_told_how_to_get_it(repo, tmp_path):
    """The build itself, in a checkout with a model, on the real PATH."""
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "clone", "--quiet", repo, checkout], check=True)
    (checkout / "models" / "model.onnx").write_bytes(b"a model")
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/bash\n[ \"$1\" != buildx ] || exit 1\necho Docker version 28\n")
    docker.chmod(0o755)
    refused = subprocess.run(
        [checkout / "scripts" / "image", "build"],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert refused.returncode == 3
    assert "docker has no buildx; install it: apt-get install docker-buildx" in refused.stderr
