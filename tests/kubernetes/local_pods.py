"""The pods that kwok does not play, each by a process: see pod_process.py."""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections.abc import Iterator

import metrics_api
from api_client import ApiError
from control_plane import Plane
from pod_process import Image, Pod


class LocalPods:
    """Plays all pods that no other does, until closed."""

    def __init__(self, plane: Plane, images: dict[str, Image]) -> None:
        self.plane, self.images = plane, images
        self.folder = plane.folder / "pods"
        self.pods: dict[str, Pod] = {}
        self.conditions: dict[str, list[dict]] = {}
        self.volumes: dict[tuple[str, str], dict[str, str]] = {}
        # From a Service's name to where its balancer listens: see balancer.py.
        self.services: dict[tuple[str, str], str] = {}
        self.figures: dict[str, list[dict]] = {}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.play, daemon=True)
        self.thread.start()

    def resolve(self, namespace: str, word: str) -> str:
        """The name of a Service, as the cluster's DNS would know it."""
        for (of, name), address in self.services.items():
            if of == namespace:
                word = word.replace(f"http://{name}/", f"http://{address}/")
        return word

    def config_map(self, namespace: str, pod: str, volume: str) -> str | None:
        return self.volumes.get((namespace, pod), {}).get(volume)

    def play(self) -> None:
        measured = 0.0
        while not self.ending.wait(0.2):
            with contextlib.suppress(OSError, ApiError):
                self.step()
                if time.monotonic() - measured > 1:
                    measured = time.monotonic()
                    self.measure()

    def step(self) -> None:
        there = set()
        for pod in self.plane.api.list("/api/v1/pods", "!kwok"):
            metadata, spec = pod["metadata"], pod["spec"]
            if not spec.get("nodeName"):
                continue
            there.add(metadata["uid"])
            if metadata["uid"] not in self.pods:
                maps = {each["name"]: each["configMap"]["name"] for each in spec.get("volumes", []) if "configMap" in each}
                self.volumes[(metadata["namespace"], metadata["name"])] = maps
                number = len(self.pods)
                self.pods[metadata["uid"]] = Pod(self, pod, f"10.244.{200 + number // 250}.{1 + number % 250}")
            one = self.pods[metadata["uid"]]
            self.conditions[one.path()] = pod["status"].get("conditions", [])
            one.step(pod)
        for uid, one in self.pods.items():
            if uid not in there:
                one.close()

    def measure(self) -> None:
        figures: dict[str, list[dict]] = {}
        at = datetime.datetime.now(datetime.timezone.utc)
        for one in self.pods.values():
            if (usage := one.measure()) is not None:
                item = metrics_api.pod_metrics(one.namespace, one.name, usage, at, 1)
                figures.setdefault(one.namespace, []).append(item)
        self.figures = figures

    def source(self, namespace: str | None, selector: str) -> list[dict]:
        """For metrics.k8s.io."""
        items = self.figures.get(namespace, []) if namespace else [each for all in self.figures.values() for each in all]
        if not selector:
            return items
        path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
        names = {pod["metadata"]["name"] for pod in self.plane.api.list(path, selector)}
        return [each for each in items if each["metadata"]["name"] in names]

    def close(self) -> None:
        self.ending.set()
        self.thread.join()
        for one in self.pods.values():
            one.close()


@contextlib.contextmanager
def playing(plane: Plane, images: dict[str, Image]) -> Iterator[LocalPods]:
    each = LocalPods(plane, images)
    plane.metrics.source = each.source
    try:
        yield each
    finally:
        each.close()
