#!/usr/bin/env python3
"""Writes questions.jsonl: situations of an autoscaler, one a line, for `iris hpa`.

    python3 tests/golden/hpa/make_questions.py > tests/golden/hpa/questions.jsonl

The comment of each says what the algorithm leads to; test_hpa.py holds those counts.
"""

import json

NOW = "2025-01-31T12:00:00Z"


def pod(name, start="2025-01-31T11:00:00Z", ready="True", changed="2025-01-31T11:00:05Z", **status):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "iris-api"}},
        "spec": {
            "nodeName": "node-1",
            "containers": [
                {
                    "name": "iris-api",
                    "image": "iris:latest",
                    "resources": {
                        "requests": {"cpu": "100m", "memory": "128Mi"},
                        "limits": {"cpu": "500m", "memory": "512Mi"},
                    },
                }
            ],
        },
        "status": {
            "phase": "Running",
            "startTime": start,
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": changed}],
            **status,
        },
    }


def usage(name, cpu):
    return {
        "metadata": {"name": name, "namespace": "default"},
        "timestamp": "2025-01-31T11:59:50Z",
        "window": "15.2s",
        "containers": [{"name": "iris-api", "usage": {"cpu": cpu, "memory": "9216Ki"}}],
    }


def resource(**target):
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def container_resource(container, percent):
    target = {"type": "Utilization", "averageUtilization": percent}
    source = {"name": "cpu", "container": container, "target": target}
    return {"type": "ContainerResource", "containerResource": source}


def ask(pods, metrics, current, most=3, behavior=None, by=None, **rest):
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "iris-api"},
        "minReplicas": 1,
        "maxReplicas": most,
        "metrics": by or [resource(type="Utilization", averageUtilization=60)],
    }
    if behavior:
        spec["behavior"] = behavior
    hpa = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "iris-api-hpa"},
        "spec": spec,
    }
    if "targetCPUUtilizationPercentage" in rest:
        hpa["apiVersion"] = "autoscaling/v1"
        del spec["metrics"]
        spec["targetCPUUtilizationPercentage"] = rest.pop("targetCPUUtilizationPercentage")
    line = {"hpa": hpa, "pods": pods, "metrics": metrics, "now": NOW, "currentReplicas": current}
    print(json.dumps(line | rest))


STARTING = {"start": "2025-01-31T11:59:30Z", "changed": "2025-01-31T11:59:45Z"}
THREE = ("a", "b", "c")
OLD = {"recommendations": [{"at": "2025-01-31T11:00:00Z", "replicas": 1}]}

# 498 / 60 = 8.3 of one pod: nine, cut to three.
ask([pod("a")], [usage("a", "498m")], 1)
# The same with one replica at most: nothing to do.
ask([pod("a")], [usage("a", "498m")], 1, most=1)
# 66 / 60 = 1.1, the edge of the tolerance: stay.
ask([pod(n) for n in THREE], [usage(n, "66m") for n in THREE], 3, most=9)
# 67 / 60 of three: four.
ask([pod(n) for n in THREE], [usage(n, "67m") for n in THREE], 3, most=9)
# A pod that started 30 s ago and one without a metric count as idle: 200 / 3 = 66, 3 × 1.1 stays.
ask([pod("a"), pod("b", **STARTING), pod("c")], [usage("a", "200m"), usage("b", "9m")], 3, most=9)
# Usage falls, but a controller that has just started remembers three.
ask([pod(n) for n in THREE], [usage(n, "5m") for n in THREE], 3)
# With a history that is over: 5 / 60 of three is one.
ask([pod(n) for n in THREE], [usage(n, "5m") for n in THREE], 3, history=OLD)
# One pod a minute, and one was added half a minute ago.
ask(
    [pod(n) for n in THREE],
    [usage(n, "400m") for n in THREE],
    3,
    most=9,
    behavior={"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}},
    history={"scaleUpEvents": [{"at": "2025-01-31T11:59:30Z", "change": 1}]},
)
# Above the maximum: down at once.
ask([pod(n) for n in THREE], [], 3, most=2)
# At zero: disabled.
ask([], [], 0)
# Nothing to go by.
ask([pod("a", phase="Pending")], [usage("a", "400m")], 1)
# One container of three is not in its pod's metrics (it crashes): that pod is missing, and idle on
# the way up: 400 of 300 is 133 %, 3 × 2.66 is eight.
sidecar = usage("c", "5m")
sidecar["containers"][0]["name"] = "istio-proxy"
ask(
    [pod(n) for n in THREE],
    [usage("a", "200m"), usage("b", "200m"), sidecar],
    3,
    most=9,
    by=[container_resource("iris-api", 50)],
    history=OLD,
)
# A target value, met exactly by two pods of four: nothing speaks for a change.
ask(
    [pod(n) for n in (*THREE, "d")],
    [usage(n, "100m") for n in ("a", "b")],
    4,
    most=9,
    by=[resource(type="AverageValue", averageValue="100m")],
    history=OLD,
)
# One metric is invalid and the other asks for less: no scaling on a part.
ask(
    [pod(n) for n in THREE],
    [usage(n, "5m") for n in THREE],
    3,
    by=[container_resource("gone", 50), resource(type="Utilization", averageUtilization=60)],
    history=OLD,
)
# The same beside one that asks for more: scaling up on a part is allowed.
ask(
    [pod(n) for n in THREE],
    [usage(n, "120m") for n in THREE],
    3,
    most=9,
    by=[container_resource("gone", 50), resource(type="Utilization", averageUtilization=60)],
)
# One pod is being deleted and one has failed: 120 / 60 of one pod is two.
ask(
    [pod("a"), pod("b", phase="Failed"), pod("c") | {"metadata": {"name": "c", "deletionTimestamp": NOW}}],
    [usage(n, "120m") for n in THREE],
    1,
)
# autoscaling/v1: 75 % of 50 of two is three.
ask([pod(n) for n in ("a", "b")], [usage(n, "75m") for n in ("a", "b")], 2, targetCPUUtilizationPercentage=50)
# Refused by the API server, and here in its words.
ask([pod("a")], [usage("a", "498m")], 1, most=0)
ask([pod("a")], [usage("a", "498m")], 1, by=[resource(averageUtilization=60)])
