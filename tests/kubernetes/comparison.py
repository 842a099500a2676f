"""The real HPA controller's decisions beside those of `iris hpa`, sync by sync, on the same objects.

When the controller asks for metrics, this takes what it is about to see: pods, HPA, scale, figures. Its
decision is read from its log and from the HPA's status. Afterwards `iris hpa` is asked the same questions,
in their order and with its own memory from the first to the last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import random
import subprocess
import threading
import time
from collections.abc import Iterator

import controller_log
import metrics_api
from api_client import ApiError
from control_plane import Plane, await_that
from patterns import Pattern

SYNC_S = 2
PERIODS = {
    "cpuInitializationPeriodSeconds": 8,
    "initialReadinessDelaySeconds": 4,
    "downscaleStabilizationSeconds": 12,
}
CONTROLLER_FLAGS = {
    "horizontal-pod-autoscaler-sync-period": f"{SYNC_S}s",
    "horizontal-pod-autoscaler-cpu-initialization-period": "8s",
    "horizontal-pod-autoscaler-initial-readiness-delay": "4s",
    "horizontal-pod-autoscaler-downscale-stabilization": "12s",
    "concurrent-horizontal-pod-autoscaler-syncs": "20",
    # So many HPAs would wait for the client's own rate limit.
    "kube-api-qps": "400",
    "kube-api-burst": "800",
}


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def versions_of(pods: list[dict]) -> list[tuple[str, str]]:
    return [(pod["metadata"]["name"], pod["metadata"]["resourceVersion"]) for pod in pods]


@dataclasses.dataclass
class Seen:
    """What the controller was given at one sync."""

    began: datetime.datetime
    answered: datetime.datetime
    pods: list[dict]
    metrics: list[dict]
    hpa: dict
    replicas: int
    pods_after: list[dict]  # a moment later: where they differ, it saw the ones or the others


class Stage:
    """One pattern on the cluster: its objects, what the controller saw, what is to happen next."""

    def __init__(self, plane: Plane, pattern: Pattern) -> None:
        self.plane, self.pattern = plane, pattern
        self.namespace = pattern.name
        self.lock = threading.Lock()
        self.seen: list[Seen] = []
        self.watched: list[tuple[datetime.datetime, dict]] = []  # the HPA, whenever it changed
        self.asked = 0  # times, for the metrics of one sync
        self.ended = now()
        self.rng = random.Random(pattern.name)
        self.done: set[int] = set()
        self.acted = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
        self.selector = f"app={pattern.name}"
        self.path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments"
        self.hpas = f"/apis/autoscaling/v2/namespaces/{self.namespace}/horizontalpodautoscalers"
        self.pods_path = f"/api/v1/namespaces/{self.namespace}/pods"

    def begin(self) -> None:
        api = self.plane.api
        api.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        account = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default"
        await_that(account, lambda: api.find(account), None, self.plane.logs["kube-apiserver"])
        api.create(self.path, self.pattern.deployment())

    def pods(self) -> list[dict]:
        found = self.plane.api.list(self.pods_path, self.selector)
        return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))

    def steady_pods(self) -> list[dict]:
        """The pods, after they stood still for a moment, in which the controller's cache followed."""
        before = self.pods()
        for _ in range(12):
            time.sleep(0.05)
            after = self.pods()
            if versions_of(before) == versions_of(after):
                return after
            before = after
        return before

    def look(self) -> list[dict]:
        """The figures for the controller, which asks once for each metric of a sync."""
        with self.lock:
            began = now()
            self.asked += 1
            fresh = self.seen and (began - self.seen[-1].answered).total_seconds() < SYNC_S / 2
            if fresh and self.asked <= len(self.pattern.spec["metrics"]):
                return self.seen[-1].metrics
            self.asked = 1
            pods = self.steady_pods()
            hpa = self.plane.api.get(f"{self.hpas}/app")
            scale = self.plane.api.get(f"{self.path}/app/scale")
            figures = self.figures(pods)
            replicas = scale["spec"].get("replicas", 0)
            seen = Seen(began, now(), pods, figures, hpa, replicas, pods)
            self.seen.append(seen)
        threading.Timer(0.15, self.look_again, (seen,)).start()
        return figures

    def look_again(self, seen: Seen) -> None:
        with contextlib.suppress(OSError, ApiError):
            seen.pods_after = self.pods()

    def figures(self, pods: list[dict]) -> list[dict]:
        """Of the pods that run: a kubelet has none of others."""
        k = len(self.seen)
        running = [pod for pod in pods if pod["status"].get("phase") == "Running"]
        at = now() - datetime.timedelta(seconds=self.pattern.age_s(k))
        items = []
        for index, pod in enumerate(running):
            usage = self.pattern.load(k, index, len(running), self.rng)
            if usage is not None:
                name = pod["metadata"]["name"]
                items.append(metrics_api.pod_metrics(self.namespace, name, usage, at, self.pattern.window_s))
        return items

    def act(self) -> None:
        """What the pattern does after this sync: in the middle of the period, when no sync is near."""
        if not self.lock.acquire(blocking=False):
            return
        try:
            if not self.seen:
                return
            since_s = (now() - max(self.seen[-1].answered, self.acted)).total_seconds()
            quiet = SYNC_S / 2 < since_s < SYNC_S * 3 / 4
            # A Deployment of no replicas is never asked about; the pattern goes on.
            idle = since_s > 4 * SYNC_S
            due = [each for each in self.pattern.actions if each not in self.done and (idle or each <= len(self.seen))]
            if due and (quiet or idle):
                for action in self.pattern.actions[min(due)]:
                    self.carry_out(*action)
                self.done.add(min(due))
                self.acted = now()
        finally:
            self.lock.release()

    def carry_out(self, what: str, *details) -> None:
        api = self.plane.api
        if what == "scale":
            api.patch(f"{self.path}/app/scale", {"spec": {"replicas": details[0]}})
        elif what == "spec":
            api.patch(f"{self.hpas}/app", {"spec": details[0]})
        else:
            pods = [pod for pod in self.pods() if pod["status"].get("phase") == "Running"]
            if not pods:
                return
            pod = pods[details[0] % len(pods)]
            path = f"{self.pods_path}/{pod['metadata']['name']}/status"
            if what == "fail":
                api.patch(path, {"status": {"phase": "Failed"}})
                return
            status = "True" if details[1] else "False"
            conditions = [
                {**each, "status": status, "lastTransitionTime": metrics_api.stamp(now())}
                if each["type"] == "Ready" and each["status"] != status
                else each
                for each in pod["status"]["conditions"]
            ]
            api.patch(path, {"status": {"conditions": conditions}})


def watch_hpas(plane: Plane, stages: dict[str, Stage], seconds: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        for event in plane.api.watch("/apis/autoscaling/v2/horizontalpodautoscalers", seconds):
            hpa = event["object"]
            stage = stages.get(hpa["metadata"].get("namespace", ""))
            if stage is not None:
                stage.watched.append((now(), hpa))


def drive(plane: Plane, patterns: list[Pattern], seconds: int) -> dict[str, Stage]:
    """Runs the patterns side by side for that long."""
    stages = {pattern.name: Stage(plane, pattern) for pattern in patterns}
    for stage in stages.values():
        stage.begin()
    for stage in stages.values():
        await_that(stage.namespace, lambda: len(stage.pods()) == stage.pattern.replicas, None, plane.logs["kwok"])
    plane.metrics.source = lambda namespace, selector: stages[namespace].look() if namespace in stages else []
    watcher = threading.Thread(target=watch_hpas, args=(plane, stages, seconds + 10), daemon=True)
    watcher.start()
    for stage in stages.values():
        plane.api.create(stage.hpas, stage.pattern.hpa())
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for stage in stages.values():
            stage.act()
        time.sleep(0.1)
    # What the last looks led to is still read; later syncs are not compared.
    ended = now()
    time.sleep(SYNC_S)
    plane.metrics.source = lambda namespace, selector: []
    for stage in stages.values():
        stage.ended = ended
    return stages


def read_syncs(plane: Plane) -> Iterator[controller_log.Sync]:
    with open(plane.logs["kube-controller-manager"], encoding="utf-8", errors="replace") as log:
        yield from controller_log.read(log)


class Iris:
    """`iris hpa`, asked one question after the other."""

    def __init__(self, program: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([program, "hpa", "--history"], stdin=pipe, stdout=pipe, text=True)

    def ask(self, question: dict) -> dict:
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=30)
