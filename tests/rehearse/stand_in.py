"""A cluster for the workflows: the stand-in of tests/cluster with what a deployment meets on a real one:
revisions, a load balancer with an address, and behind it a real `iris serve`.

What the workflows are given of it is a kubeconfig: another cluster's does as well.
"""

from __future__ import annotations

import contextlib
import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))

import parts
from api_server import ApiServer
from clusters import REVISION, Cluster
from world import World


class DeliveryWorld(World):
    """A World whose Deployments have revisions, and whose Services of type LoadBalancer an address."""

    def __init__(self, address: str, **script) -> None:
        self.address = address
        super().__init__(**script)

    def step_deployment(self, deployment, now):
        self.keep_revision(deployment)
        super().step_deployment(deployment, now)
        self.count_ready(deployment)
        for service in self.store.all("v1", "services"):
            if service["spec"].get("type") == "LoadBalancer":
                service["status"] = {"loadBalancer": {"ingress": [{"hostname": self.address}]}}

    def count_ready(self, deployment) -> None:
        """As with maxUnavailable 0: the set before is ready until the newest one is."""
        sets = self.store.all("apps/v1", "replicasets", deployment["metadata"]["namespace"])
        sets.sort(key=lambda each: int(each["metadata"]["annotations"][REVISION]))
        if ready := deployment.get("status", {}).get("readyReplicas", 0):
            for each in sets[:-1]:
                each.pop("status", None)
            sets[-1]["status"] = {"readyReplicas": ready}

    def keep_revision(self, deployment) -> None:
        """A ReplicaSet for each template, numbered as the Deployment controller does."""
        metadata = deployment["metadata"]
        template = copy.deepcopy(deployment["spec"]["template"])
        key = json.dumps(template, sort_keys=True)
        sets = self.store.all("apps/v1", "replicasets", metadata["namespace"])
        newest = max((int(each["metadata"]["annotations"][REVISION]) for each in sets), default=0)
        same = next((each for each in sets if each["key"] == key), None)
        if same is None or int(same["metadata"]["annotations"][REVISION]) != newest:
            if same is None:
                self.serial += 1
                same = self.replica_set(deployment, template, key)
                for pod in self.owned(deployment):
                    self.store.pop("v1", "pods", metadata["namespace"], pod["metadata"]["name"])
            same["metadata"]["annotations"][REVISION] = str(newest + 1)
            self.store.put("apps/v1", "replicasets", same)
        metadata.setdefault("annotations", {})[REVISION] = same["metadata"]["annotations"][REVISION]

    def replica_set(self, deployment, template, key) -> dict:
        metadata = deployment["metadata"]
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "controller": True}
        owner |= {"name": metadata["name"], "uid": metadata["uid"]}
        template["metadata"].setdefault("labels", {})["pod-template-hash"] = f"h{self.serial}"
        return {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "key": key,
            "metadata": {
                "name": f"{metadata['name']}-h{self.serial}",
                "namespace": metadata["namespace"],
                "labels": template["metadata"]["labels"],
                "annotations": {},
                "ownerReferences": [owner],
            },
            "spec": {"replicas": 1, "selector": deployment["spec"]["selector"], "template": template},
        }

    def deleted(self, gv, plural, thing):
        super().deleted(gv, plural, thing)
        if plural == "deployments":
            for each in self.store.all("apps/v1", "replicasets", thing["metadata"]["namespace"]):
                self.store.pop("apps/v1", "replicasets", each["metadata"]["namespace"], each["metadata"]["name"])


class StandIn(Cluster):
    """The stand-in; its pods are objects, its load balancer leads to one real server."""

    def __init__(self, kubeconfig: Path, server: ApiServer) -> None:
        super().__init__("a stand-in of the API server", kubeconfig)
        self.server = server

    def mark(self) -> None:
        self.server.requests.clear()

    def changed(self) -> str:
        return " ".join(next(iter(self.server.changes()), []))

    @contextlib.contextmanager
    def answering(self, url: str) -> Iterator[None]:
        world = self.server.world
        before, world.address = world.address, url.removeprefix("http://")
        try:
            yield
        finally:
            world.address = before

    @contextlib.contextmanager
    def failing_pods(self) -> Iterator[None]:
        self.server.world.pods = "crash"
        try:
            yield
        finally:
            self.server.world.pods = "ok"


@contextlib.contextmanager
def running(kubeconfig: Path, address: str) -> Iterator[StandIn]:
    world = DeliveryWorld(address)
    server = ApiServer(world)
    server.write_kubeconfig(kubeconfig)
    try:
        yield StandIn(kubeconfig, server)
    finally:
        server.stop_listening()
        world.close()


@contextlib.contextmanager
def service(iris: Path, model: Path, log: Path) -> Iterator[str]:
    """A real server; yields host:port."""
    port = parts.free_port()
    command = [iris, "serve", "--model", model, "--host", "127.0.0.1", "--port", str(port), "--admin-port", "0"]
    with parts.running(command, log, f"http://127.0.0.1:{port}/"):
        yield f"127.0.0.1:{port}"


def model_of(origin: Path, iris: Path, folder: Path) -> Path:
    """The model that the repository names, in a clone of its own."""
    root = folder / "served"
    subprocess.run(["git", "clone", "--quiet", origin, root], check=True)
    subprocess.run([iris, "pull"], cwd=root, check=True, capture_output=True)
    return root / "models" / "model.onnx"
