"""What a rehearsal asks of the cluster that the workflows deploy to, and how it breaks it: the same of the
stand-in (stand_in.py) and of a real control plane (Real)."""

from __future__ import annotations

import abc
import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

REVISION = "deployment.kubernetes.io/revision"
OBJECTS = "namespaces,deployments,services,horizontalpodautoscalers,configmaps,networkpolicies"


class Cluster(abc.ABC):
    """A cluster by its kubeconfig."""

    def __init__(self, name: str, kubeconfig: Path, kubectl: str = "") -> None:
        self.name, self.kubeconfig = name, kubeconfig
        self.program = kubectl or str(Path(sys.executable).parent / "kubectl")
        self.marked = ""

    def kubectl(self, *words: str) -> str:
        command = [self.program, f"--kubeconfig={self.kubeconfig}", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    def deployment(self) -> dict:
        """Empty when there is none."""
        found = self.kubectl("-n", "iris", "get", "deployment/iris-api", "--ignore-not-found", "-o", "json")
        return json.loads(found or "{}")

    def image(self) -> str:
        found = self.deployment()
        return found["spec"]["template"]["spec"]["containers"][0]["image"] if found else ""

    def revision(self) -> str:
        found = self.deployment()
        return found["metadata"]["annotations"][REVISION] if found else ""

    def remove(self) -> None:
        self.kubectl("-n", "iris", "delete", "deployment/iris-api", "--ignore-not-found")

    def specs(self) -> str:
        """Changes with every object that is made, removed or given another spec."""
        line = "{range .items[*]}{.kind}/{.metadata.name} {.metadata.uid} {.metadata.generation}{'\\n'}{end}"
        return self.kubectl("get", OBJECTS, "--all-namespaces", "-o", f"jsonpath={line}")

    def mark(self) -> None:
        self.marked = self.specs()

    def changed(self) -> str:
        """What was changed since the mark."""
        return next(iter(set(self.marked.splitlines()) ^ set(self.specs().splitlines())), "")

    @abc.abstractmethod
    def answering(self, url: str) -> contextlib.AbstractContextManager[None]:
        """The load balancer leads to another server."""

    @abc.abstractmethod
    def failing_pods(self) -> contextlib.AbstractContextManager[None]:
        """New pods do not start."""


class Real(Cluster):
    """The control plane of tests/kubernetes, whose pods are processes."""

    def __init__(self, plane, kubeconfig: Path) -> None:
        self.plane = plane
        said = ", ".join(f"{name} {version}" for name, version in plane.versions.items())
        super().__init__(said, kubeconfig, plane.plane.binaries["kubectl"])

    @contextlib.contextmanager
    def answering(self, url: str) -> Iterator[None]:
        host, port = url.removeprefix("http://").split(":")
        self.plane.balancer.detours["iris", "iris-api-lb"] = (host, int(port))
        try:
            yield
        finally:
            self.plane.balancer.detours.clear()

    @contextlib.contextmanager
    def failing_pods(self) -> Iterator[None]:
        images = self.plane.pods.images
        self.plane.pods.images = {}
        try:
            yield
        finally:
            self.plane.pods.images = images


class ByName(dict):
    """Programs by the last word of an image's name, whatever its registry and digest."""

    def get(self, reference: str, otherwise=None):
        return super().get(reference.split("@")[0].rsplit("/", 1)[-1], otherwise)


@contextlib.contextmanager
def running(kubeconfig: Path, folder: Path, iris: Path, model: Path) -> Iterator[Real]:
    """Started for the rehearsal alone."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "kubernetes"))
    import binaries
    import cluster
    from pod_process import Image

    try:
        binaries.find()
    except binaries.NotBuilt as missing:
        print(f"rehearse: {missing}", file=sys.stderr)
        sys.exit(3)
    folder.mkdir()
    with cluster.running(folder, iris) as plane:
        plane.pods.images = ByName({"iris-api": plane.image_of_iris(model), "iris-loadtest": Image("wrk")})
        shutil.copy(plane.kubeconfig, kubeconfig)
        yield Real(plane, kubeconfig)
