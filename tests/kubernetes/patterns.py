"""What the HPA comparison drives: Deployments, their HPAs, and how their pods' figures go over the syncs.

A pattern is one namespace. Its load is a function of the sync's number, of which pod it is and of how many
there are; its actions change the cluster between two syncs. A new pattern is a function in ALL.
"""

from __future__ import annotations

import copy
import dataclasses
import random
from collections.abc import Callable
from pathlib import Path

import yaml

REPO = Path(__file__).resolve().parents[2]
MANIFESTS = REPO / "k8s"

# Usage by container and resource of pod `index` of `count` at sync `k`; None: the pod has no metric.
Load = Callable[[int, int, int, random.Random], dict[str, dict[str, str]] | None]


@dataclasses.dataclass
class Pattern:
    name: str
    spec: dict  # of the HPA, without its target
    load: Load
    requests: dict[str, dict[str, str]] = dataclasses.field(default_factory=lambda: {"main": {"cpu": "100m"}})
    replicas: int = 1
    pod: dict = dataclasses.field(default_factory=dict)  # more of the pods' spec
    annotations: dict[str, str] = dataclasses.field(default_factory=dict)  # of the pods: see stages.yaml
    actions: dict[int, list[tuple]] = dataclasses.field(default_factory=dict)  # after sync k: (what, …)
    age_s: Callable[[int], int] = lambda k: 0  # of the figures
    window_s: int = 1
    known_difference: str = ""

    def deployment(self) -> dict:
        containers = [
            {"name": name, "image": "registry.invalid/app", "resources": {"requests": requests}}
            for name, requests in self.requests.items()
        ]
        labels = {"app": self.name, "kwok": "yes"}
        template = {"metadata": {"labels": labels, "annotations": self.annotations}, "spec": {"containers": containers, **self.pod}}
        spec = {"replicas": self.replicas, "selector": {"matchLabels": {"app": self.name}}, "template": template}
        return {"metadata": {"name": "app"}, "spec": spec}

    def hpa(self) -> dict:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}
        return {"metadata": {"name": "app"}, "spec": {"scaleTargetRef": target, **copy.deepcopy(self.spec)}}


def resource(name: str = "cpu", percent: int | None = None, value: str | None = None, container: str = "") -> dict:
    target = {"type": "AverageValue", "averageValue": value}
    if percent is not None:
        target = {"type": "Utilization", "averageUtilization": percent}
    if container:
        source = {"name": name, "container": container, "target": target}
        return {"type": "ContainerResource", "containerResource": source}
    return {"type": "Resource", "resource": {"name": name, "target": target}}


def rules(up: dict | None = None, down: dict | None = None) -> dict:
    return {key: value for key, value in (("scaleUp", up), ("scaleDown", down)) if value is not None}


def policy(kind: str, value: int, period_s: int) -> dict:
    return {"type": kind, "value": value, "periodSeconds": period_s}


def spec(least: int, most: int, *metrics: dict, behavior: dict | None = None) -> dict:
    value = {"minReplicas": least, "maxReplicas": most, "metrics": list(metrics) or [resource(percent=60)]}
    return value if behavior is None else {**value, "behavior": behavior}


def cpu(milli: float, container: str = "main") -> dict[str, dict[str, str]]:
    return {container: {"cpu": f"{max(0, int(milli))}m"}}


def shared(total: Callable[[int], float]) -> Load:
    """A load that all pods share: more pods, less for each."""
    return lambda k, index, count, rng: cpu(total(k) / count + rng.uniform(-3, 3))


def waves(low: float, high: float, period: int) -> Callable[[int], float]:
    return lambda k: high if k % period < period // 2 else low


def walk(k: int, index: int, count: int, rng: random.Random) -> dict[str, dict[str, str]]:
    """Each pod by itself, anywhere from idle to twice its target."""
    return cpu(rng.uniform(0, 130))


def requested(milli: str) -> dict:
    return {"requests": {"cpu": milli}}


# An init container that runs beside the others: its request counts.
PROXY = {"name": "proxy", "image": "registry.invalid/proxy", "restartPolicy": "Always", "resources": requested("50m")}
QUICK_DOWN = {"stabilizationWindowSeconds": 0}
MANIFEST_REQUESTS = {"main": {"cpu": "100m", "memory": "64Mi"}}


def of_manifest(name: str) -> dict:
    """The spec of an HPA of k8s/."""
    found = yaml.safe_load((MANIFESTS / name).read_text())["spec"]
    return {key: value for key, value in found.items() if key != "scaleTargetRef"}


def some_missing(k, index, count, rng):
    return None if rng.random() < 0.3 else walk(k, index, count, rng)


def none_at_times(k, index, count, rng):
    return None if k % 7 in (3, 4) else walk(k, index, count, rng)


def two_resources(k, index, count, rng):
    """Memory is missing at times; cpu says more."""
    usage = {"cpu": f"{int(rng.uniform(10, 160))}m", "memory": f"{int(rng.uniform(10, 100))}Mi"}
    if k % 5 in (2, 3):
        del usage["memory"]
    return {"main": usage}


def two_containers(k, index, count, rng):
    usage = {"main": {"cpu": f"{int(rng.uniform(0, 130))}m"}, "sidecar": {"cpu": f"{int(rng.uniform(0, 300))}m"}}
    if rng.random() < 0.2:
        del usage["main"]
    return usage


def sidecar(k, index, count, rng):
    return {**cpu(rng.uniform(0, 130)), **cpu(rng.uniform(0, 60), "proxy")}


def memory(k, index, count, rng):
    return {"main": {"cpu": "1m", "memory": f"{int(rng.uniform(2e4, 1.2e5))}Ki"}}


def no_such_container(k, index, count, rng):
    return {"main": {"cpu": "50m"}, "ghost": {"cpu": f"{int(rng.uniform(10, 130))}m"}}


def unready_by_turns(first: int, pods: int) -> dict[int, list[tuple]]:
    """Readiness comes and goes, by what the kubelet would write."""
    return {k: [("ready", k % pods, k // 2 % 2 == 1)] for k in range(first, 80)}


def by_hand(*counts: int) -> dict[int, list[tuple]]:
    return {4 + 3 * i: [("scale", count)] for i, count in enumerate(counts)}


def new_spec(**changes) -> tuple:
    return ("spec", changes)


SLOW_DOWN = rules(
    {"policies": [policy("Pods", 1, 4), policy("Percent", 50, 6)], "selectPolicy": "Min"},
    {"stabilizationWindowSeconds": 0, "policies": [policy("Pods", 2, 6), policy("Percent", 10, 3)]},
)
WINDOWS = rules({"stabilizationWindowSeconds": 7}, {"stabilizationWindowSeconds": 9})
TOLERANT = rules({"tolerance": "0.5"}, {"tolerance": "0", "stabilizationWindowSeconds": 0})
EDGE = rules({"tolerance": "0.25"}, {"tolerance": "0.25", "stabilizationWindowSeconds": 0})
MANY = rules({"policies": [policy("Percent", 10, 3)]}, {**QUICK_DOWN, "policies": [policy("Percent", 80, 3)]})
ONLY_UP = rules(None, {"selectPolicy": "Disabled"})
ONLY_DOWN = rules({"selectPolicy": "Disabled"}, QUICK_DOWN)
AT_ONCE = rules(None, QUICK_DOWN)

ALL = [
    Pattern("k8s-hpa-max3", of_manifest("hpa-max3.yaml"), shared(waves(20, 300, 16)), MANIFEST_REQUESTS),
    Pattern("k8s-hpa-max1", of_manifest("hpa-max1.yaml"), shared(waves(20, 300, 16)), MANIFEST_REQUESTS),
    Pattern("no-behavior", spec(1, 10), shared(waves(30, 700, 20))),
    Pattern("no-behavior-walk", spec(2, 12, resource(percent=50)), walk, replicas=4),
    Pattern("policies", spec(1, 15, behavior=SLOW_DOWN), shared(waves(50, 900, 24))),
    Pattern("windows", spec(1, 10, behavior=WINDOWS), shared(waves(40, 500, 13))),
    Pattern("walk-at-once", spec(1, 8, behavior=AT_ONCE), walk, replicas=3),
    Pattern("many-pods", spec(3, 25, behavior=MANY), walk, replicas=20),
    Pattern("never-down", spec(1, 9, behavior=ONLY_UP), shared(waves(40, 420, 10))),
    Pattern("never-up", spec(1, 9, behavior=ONLY_DOWN), shared(waves(40, 420, 10)), replicas=9),
    Pattern("tolerance", spec(1, 9, behavior=TOLERANT), walk, replicas=4),
    # 75 m against 60 m is a ratio of 1.25 to the bit, and 45 m one of 0.75.
    Pattern("tolerance-edge", spec(1, 9, behavior=EDGE), lambda k, *_: cpu((75, 76, 45, 44, 60)[k % 5]), replicas=4),
    Pattern("some-missing", spec(1, 9, behavior=AT_ONCE), some_missing, replicas=5),
    Pattern("all-missing-at-times", spec(1, 9, behavior=AT_ONCE), none_at_times, replicas=3),
    Pattern("unready", spec(2, 8, behavior=AT_ONCE), walk, replicas=5, actions=unready_by_turns(3, 5)),
    Pattern("slow-start", spec(1, 8, behavior=AT_ONCE), shared(waves(50, 450, 12)), annotations={"starts-after": "5s"}),
    Pattern("slow-stop", spec(1, 8, behavior=AT_ONCE), walk, replicas=6, annotations={"stops-after": "5s"}),
    Pattern("failed-pods", spec(2, 8, behavior=AT_ONCE), walk, replicas=4, actions={6: [("fail", 0)], 12: [("fail", 1)]}),
    Pattern("old-figures", spec(1, 9, behavior=AT_ONCE), walk, replicas=3, age_s=lambda k: k % 9, window_s=3),
    Pattern("average-value", spec(1, 9, resource(value="70m"), behavior=AT_ONCE), some_missing, replicas=4),
    Pattern("two-resources", spec(1, 9, resource(percent=60), resource("memory", 50), behavior=AT_ONCE), two_resources,
            MANIFEST_REQUESTS, 3),
    Pattern("container", spec(1, 9, resource(percent=60, container="main"), behavior=AT_ONCE), two_containers,
            {"main": {"cpu": "100m"}, "sidecar": {"cpu": "500m"}}, 3),
    Pattern("sidecar", spec(1, 9, behavior=AT_ONCE), sidecar, replicas=3, pod={"initContainers": [PROXY]}),
    Pattern("pod-request", spec(1, 9, behavior=AT_ONCE), walk, replicas=3, pod={"resources": requested("130m")}),
    Pattern("memory-average", spec(1, 9, resource("memory", value="60Mi"), behavior=AT_ONCE), memory,
            MANIFEST_REQUESTS, 3),
    Pattern("no-request", spec(1, 9), two_containers, {"main": {"cpu": "100m"}, "sidecar": {"memory": "1Mi"}}, 2),
    Pattern("by-hand", spec(2, 6, behavior=AT_ONCE), walk, replicas=3, actions=by_hand(0, 1, 9, 12, 1, 3, 7, 0, 5)),
    Pattern("changed-limits", spec(1, 9, behavior=AT_ONCE), shared(lambda k: 400), actions={
        5: [new_spec(maxReplicas=4)], 9: [new_spec(minReplicas=4, maxReplicas=4)],
        14: [new_spec(minReplicas=1, maxReplicas=20)],
        18: [new_spec(metrics=[resource(percent=20)])], 24: [new_spec(behavior=SLOW_DOWN)],
    }),
    Pattern("absent-container", spec(1, 9, resource(percent=60, container="ghost"), behavior=AT_ONCE), no_such_container,
            replicas=2, known_difference="1.34 takes the request of a container that the pod lacks as 0; from 1.35 it"
            " is an error, as here"),
]  # fmt: skip
