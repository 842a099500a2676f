"""The comparison's questions and decisions as a file: what `./run test` holds `iris hpa` to without a cluster.

One JSON object a line, gzipped. The objects are cut down to what an HPA's decision can depend on.
"""

from __future__ import annotations

import dataclasses
import datetime
import gzip
import json
from pathlib import Path

from controller_log import Sync
from verdicts import Case

SYNCS = 20  # of each pattern
TIMES = ("at", "decided")
CONTAINERS = ("containers", "initContainers")


def cut_container(container: dict) -> dict:
    return {key: container[key] for key in ("name", "restartPolicy", "resources") if key in container}


def cut_pod(pod: dict) -> dict:
    metadata = {key: pod["metadata"][key] for key in ("name", "deletionTimestamp") if key in pod["metadata"]}
    spec = {key: [cut_container(each) for each in pod["spec"][key]] for key in CONTAINERS if key in pod["spec"]}
    if "resources" in pod["spec"]:
        spec["resources"] = pod["spec"]["resources"]
    status = {key: pod["status"][key] for key in ("phase", "startTime") if key in pod["status"]}
    ready = [each for each in pod["status"].get("conditions", []) if each["type"] == "Ready"]
    kept = [{key: each[key] for key in ("type", "status", "lastTransitionTime")} for each in ready]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": {**status, "conditions": kept},
    }


def cut_hpa(hpa: dict) -> dict:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": hpa["metadata"]["name"]},
        "spec": hpa["spec"],
    }


def cut_status(status: dict) -> dict:
    conditions = [{key: each[key] for key in ("type", "status", "reason")} for each in status.get("conditions") or []]
    return {"conditions": conditions, "currentMetrics": status.get("currentMetrics") or []}


def line_of(pattern: str, case: Case) -> dict:
    question = {**case.question, "hpa": cut_hpa(case.question["hpa"])}
    question["pods"] = [cut_pod(pod) for pod in question["pods"]]
    times = {name: getattr(case.sync, name).isoformat() for name in TIMES}
    sync = {**dataclasses.asdict(case.sync), **times}
    return {"pattern": pattern, "question": question, "sync": sync, "after": cut_status(case.after)}


def write(path: Path, patterns: dict[str, list[Case]]) -> None:
    lines = [json.dumps(line_of(name, case)) for name, cases in patterns.items() for case in cases[:SYNCS]]
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed:
        packed.write(("\n".join(lines) + "\n").encode())


def read(path: Path) -> dict[str, list[Case]]:
    """The cases by pattern, in their order."""
    found: dict[str, list[Case]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            times = {name: datetime.datetime.fromisoformat(entry["sync"][name]) for name in TIMES}
            sync = Sync(**{**entry["sync"], **times})
            found.setdefault(entry["pattern"], []).append(Case(sync, entry["question"], entry["after"]))
    return found
