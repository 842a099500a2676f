"""What happens on the stand-in cluster: pods start, Jobs run, the HPA scales, namespaces end.

A script says how it goes wrong: World(pods="crash"), World(job="failed"), … Everything is quick:
what takes a real cluster a quarter of a minute takes a fraction of a second here.
"""

from __future__ import annotations

import datetime
import re
import threading
import time

from api_server import Refusal, Store

RATE = 1000  # requests/s of the load, over all pods
HPA_PERIOD = 0.5  # seconds, as is the next
METRICS_LAG = 0.6  # from a load's begin until the HPA sees it
UNREAD = 10  # answers that were on their way when wrk stopped
WRK = """Running {duration}s test @ http://iris-api-lb/predict
  {threads} threads and {connections} connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     {mean}ms    1.20ms  {slowest}ms   90.00%
    Req/Sec     1.00k     0.10k    2.00k    80.00%
  Latency Distribution
     50%   10.00ms
     75%   12.00ms
     90%   15.00ms
     99%   20.00ms
  {requests} requests in {duration}.00s, 1.00MB read
Requests/sec:   {rate:.2f}
Transfer/sec:      0.10MB
"""


def stamp(moment=None):
    moment = moment or time.time()
    text = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).isoformat()
    return text.split(".")[0].replace("+00:00", "") + "Z"


def condition(kind, status, reason="", message=""):
    return {
        "type": kind,
        "status": "True" if status else "False",
        "reason": reason,
        "message": message,
        "lastTransitionTime": stamp(),
    }


class World:
    """The controllers and the kubelet, in one thread.

    pods: "ok", "pending" (cannot be scheduled), "image" (cannot be pulled), "crash"
    job: "ok", "failed", "endless", "image"
    slowest_ms: what wrk says; said: what it writes to standard error
    admit: a function that may refuse an object
    """

    def __init__(self, pods="ok", job="ok", slowest_ms=60, said="", metrics=True, admit=None):
        self.store = Store()
        self.pods = pods
        self.job = job
        self.slowest_ms = slowest_ms
        self.said = said
        self.metrics = metrics
        self.refuse = admit
        self.started = {}  # pod -> when it was created
        self.counts = {}  # pod -> requests answered
        self.serial = 0
        self.loads = []  # (begin, end) of each Job's load, on time.monotonic's clock
        self.hpa_synced = 0.0
        self.last_step = time.monotonic()
        for name in ("default", "given"):
            self.store.put("v1", "namespaces", {"kind": "Namespace", "metadata": {"name": name}})
        self._closing = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self._closing.set()
        self.thread.join()

    def namespaces(self):
        return {thing["metadata"]["name"] for thing in self.store.all("v1", "namespaces")}

    def names(self, gv, plural, namespace=None):
        return {thing["metadata"]["name"] for thing in self.store.all(gv, plural, namespace)}

    # Called by the API server, under the store's lock.

    def admit(self, thing):
        if self.refuse:
            reason = self.refuse(thing)
            if reason:
                name = f'{thing["kind"]} "{thing["metadata"]["name"]}"'
                raise Refusal(422, "Invalid", f"{name} is invalid: {reason}")

    def created(self, gv, plural, thing):
        thing["metadata"].setdefault("creationTimestamp", stamp())
        if plural == "namespaces":
            thing["status"] = {"phase": "Active"}

    def deleted(self, gv, plural, thing):
        metadata = thing["metadata"]
        self.store.pop(gv, plural, metadata.get("namespace"), metadata["name"])
        if plural == "namespaces":
            for key in [key for key in self.store.objects if key[2] == metadata["name"]]:
                del self.store.objects[key]
        if plural in ("deployments", "jobs"):
            for pod in self.owned(thing):
                self.store.pop("v1", "pods", metadata["namespace"], pod["metadata"]["name"])

    def pod_metrics(self, namespace):
        if not self.metrics:
            return []
        return [
            {
                "metadata": {"name": pod["metadata"]["name"], "namespace": namespace},
                "timestamp": stamp(),
                "window": "15s",
                "containers": [
                    {
                        "name": pod["spec"]["containers"][0]["name"],
                        "usage": {"cpu": "300m" if self.loaded() else "1m", "memory": "9Mi"},
                    }
                ],
            }
            for pod in self.store.all("v1", "pods", namespace)
            if pod["status"]["phase"] == "Running"
        ]

    def scrape(self, namespace, name):
        pod = self.store.get("v1", "pods", namespace, name)
        arguments = pod["spec"]["containers"][0].get("args", []) if pod else []
        if "--admin-host=0.0.0.0" not in arguments:
            raise Refusal(
                503,
                "ServiceUnavailable",
                "error trying to reach service: dial tcp 10.0.0.7:9090: connect: connection refused",
            )
        count = int(self.counts.get(name, 0))
        return (
            f"iris_requests_received_total {count + 7}\n"
            f'iris_responses_total{{route="predict",code="200"}} {count}\n'
            'iris_responses_total{route="health",code="200"} 7\n'
            f"iris_connections {20 if self.loaded() else 0}\n"
            f"process_cpu_seconds_total {count * 1e-5:.6f}\n"
            "process_resident_memory_bytes 9000000\n"
        )

    def log_of(self, namespace, name):
        pod = self.store.get("v1", "pods", namespace, name)
        if pod is None:
            raise Refusal(404, "NotFound", f'pods "{name}" not found')
        container = pod["spec"]["containers"][0]
        if container["name"] != "wrk":
            return "iris serve: /models/model.onnx: found no model\n"
        if self.job == "failed":
            return "unable to connect to iris-api-lb:80 Connection refused\n"
        words = " ".join(container["args"])
        duration = self.duration_of(pod)
        return self.said + WRK.format(
            duration=duration,
            threads=re.search(r"-t(\d+)", words).group(1),
            connections=re.search(r"-c(\d+)", words).group(1),
            mean="10.00",
            slowest=f"{self.slowest_ms:.2f}",
            requests=RATE * duration - UNREAD,
            rate=RATE,
        )

    # The controllers.

    def _run(self):
        while not self._closing.wait(0.03):
            with self.store.lock:
                now = time.monotonic()
                self.count(now)
                for deployment in self.store.all("apps/v1", "deployments"):
                    self.step_deployment(deployment, now)
                for job in self.store.all("batch/v1", "jobs"):
                    self.step_job(job, now)
                if now - self.hpa_synced > HPA_PERIOD:
                    self.hpa_synced = now
                    for hpa in self.store.all("autoscaling/v2", "horizontalpodautoscalers"):
                        self.sync_hpa(hpa)

    def loaded(self, lag=0.0):
        now = time.monotonic()
        return any(begin + lag <= now < end for begin, end in self.loads)

    def count(self, now):
        """The load's requests since the last step, shared by the ready pods of the Job's namespace."""
        loaded = {job["metadata"]["namespace"] for job in self.store.all("batch/v1", "jobs")}
        ready = [
            pod["metadata"]["name"]
            for pod in self.store.all("v1", "pods")
            if self.is_ready(pod)
            and pod["metadata"]["namespace"] in loaded
            and pod["spec"]["containers"][0]["name"] != "wrk"
        ]
        for begin, end in self.loads:
            seconds = min(now, end) - max(self.last_step, begin)
            for name in ready if seconds > 0 else []:
                self.counts[name] = self.counts.get(name, 0) + RATE * seconds / len(ready)
        self.last_step = now

    @staticmethod
    def is_ready(pod):
        conditions = pod["status"].get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def owned(self, thing):
        owner = thing["metadata"]["name"]
        return [
            pod
            for pod in self.store.all("v1", "pods", thing["metadata"]["namespace"])
            if pod["metadata"]["ownerReferences"][0]["name"] == owner
        ]

    def add_pod(self, owner, template, now, prefix):
        self.serial += 1
        name = f"{prefix}-{self.serial:05d}"
        labels = dict(template["metadata"].get("labels", {}))
        if owner["kind"] == "Job":
            labels["job-name"] = owner["metadata"]["name"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": owner["metadata"]["namespace"],
                "labels": labels,
                "creationTimestamp": stamp(),
                "ownerReferences": [
                    {"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": "u"}
                ],
            },
            "spec": template["spec"],
            "status": {"phase": "Pending", "conditions": []},
        }
        self.started[name] = now
        self.store.put("v1", "pods", pod)
        return pod

    def event(self, thing, reason, message, kind="Warning"):
        self.serial += 1
        metadata = thing["metadata"]
        name = f'{metadata["name"]}.{self.serial:x}'
        for known in self.store.all("v1", "events", metadata["namespace"]):
            same = (known["involvedObject"]["name"], known["reason"])
            if same == (metadata["name"], reason):
                return
        self.store.put(
            "v1",
            "events",
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": metadata["namespace"]},
                "involvedObject": {"kind": thing["kind"], "name": metadata["name"]},
                "type": kind,
                "reason": reason,
                "message": message,
                "count": 1,
                "lastTimestamp": stamp(),
            },
        )

    def step_pod(self, pod, now, mode):
        """One pod's way to readiness, or not."""
        age = now - self.started[pod["metadata"]["name"]]
        status = pod["status"]
        container = pod["spec"]["containers"][0]
        if mode == "pending":
            message = "0/3 nodes are available: 3 Insufficient cpu."
            status["conditions"] = [condition("PodScheduled", False, "Unschedulable", message)]
            self.event(pod, "FailedScheduling", message)
            return
        status["startTime"] = stamp(time.time() - age)
        entry = {"name": container["name"], "ready": False, "restartCount": 0}
        if mode == "image":
            pull = f'Back-off pulling image "{container["image"]}": not found'
            entry["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": pull}}
            self.event(pod, "Failed", pull)
        elif mode == "crash":
            ended = {"exitCode": 3, "reason": "Error", "finishedAt": stamp()}
            entry["restartCount"] = 2
            entry["state"] = {
                "waiting": {
                    "reason": "CrashLoopBackOff",
                    "message": "back-off 10s restarting failed container",
                }
            }
            entry["lastState"] = {"terminated": ended}
            status["phase"] = "Running"
        elif age > 0.1:
            status["phase"] = "Running"
            entry["state"] = {"running": {"startedAt": stamp(time.time() - age + 0.1)}}
            entry["ready"] = age > 0.3
        status["containerStatuses"] = [entry]
        if self.is_ready(pod) != entry["ready"] or not status["conditions"]:
            status["conditions"] = [
                condition("PodScheduled", True),
                condition("Ready", entry["ready"]),
            ]

    def step_deployment(self, deployment, now):
        wanted = deployment["spec"].get("replicas", 1)
        pods = self.owned(deployment)
        for pod in pods:
            leaving = pod["metadata"].get("deletionTimestamp")
            if leaving and now - self.started[pod["metadata"]["name"]] > 0.3:
                metadata = pod["metadata"]
                self.store.pop("v1", "pods", metadata["namespace"], metadata["name"])
        pods = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        for pod in pods[wanted:]:
            pod["metadata"]["deletionTimestamp"] = stamp()
            self.started[pod["metadata"]["name"]] = now
        name = deployment["metadata"]["name"]
        for _ in range(len(pods), wanted):
            template = deployment["spec"]["template"]
            pods.append(self.add_pod(deployment, template, now, f"{name}-7d9c5b8f6d"))
        for pod in pods[:wanted]:
            self.step_pod(pod, now, self.pods)
        ready = sum(self.is_ready(pod) for pod in pods[:wanted])
        deployment["status"] = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": len(pods[:wanted]),
            "updatedReplicas": len(pods[:wanted]),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": wanted - ready,
            "conditions": [
                condition("Available", ready == wanted, "MinimumReplicasAvailable"),
                condition("Progressing", True, "ReplicaSetUpdated"),
            ],
        }

    @staticmethod
    def duration_of(pod):
        words = " ".join(pod["spec"]["containers"][0]["args"])
        return int(re.search(r"-d(\d+)s", words).group(1))

    def step_job(self, job, now):
        pods = self.owned(job)
        if not pods:
            template = job["spec"]["template"]
            pods = [self.add_pod(job, template, now, job["metadata"]["name"])]
            job["status"] = {"active": 1, "startTime": stamp()}
        (pod,) = pods
        name = pod["metadata"]["name"]
        if self.job == "image":
            return self.step_pod(pod, now, "image")
        age = now - self.started[name]
        if pod["status"]["phase"] in ("Succeeded", "Failed") or age < 0.2:
            return None
        container = pod["spec"]["containers"][0]["name"]
        entry = {"name": container, "ready": True, "restartCount": 0}
        if pod["status"]["phase"] == "Pending":
            pod["status"]["phase"] = "Running"
            pod["status"]["startTime"] = stamp()
            entry["state"] = {"running": {"startedAt": stamp()}}
            pod["status"]["containerStatuses"] = [entry]
            self.started[name] = now - 0.2
            if self.job in ("ok", "endless"):
                self.loads.append((now, now + self.duration_of(pod)))
        finished = self.job == "failed" or (
            self.job == "ok" and age > 0.2 + self.duration_of(pod)
        )
        if not finished:
            return None
        failed = self.job == "failed"
        entry["state"] = {"terminated": {"exitCode": int(failed), "reason": "Error"}}
        pod["status"]["phase"] = "Failed" if failed else "Succeeded"
        pod["status"]["containerStatuses"] = [entry]
        if failed:
            message = "Job has reached the specified backoff limit"
            outcome = condition("Failed", True, "BackoffLimitExceeded", message)
            job["status"] = {"failed": 1, "conditions": [outcome]}
        else:
            outcome = condition("Complete", True, "CompletionsReached")
            job["status"] = {"succeeded": 1, "conditions": [outcome]}
        return None

    def sync_hpa(self, hpa):
        metadata = hpa["metadata"]
        target = hpa["spec"]["scaleTargetRef"]["name"]
        deployment = self.store.get("apps/v1", "deployments", metadata["namespace"], target)
        if deployment is None:
            return
        current = deployment["spec"].get("replicas", 1)
        if not self.metrics:
            message = "the HPA was unable to compute the replica count: no metrics returned"
            conditions = [
                condition("AbleToScale", True, "SucceededGetScale"),
                condition("ScalingActive", False, "FailedGetResourceMetric", message),
            ]
            hpa["status"] = {"currentReplicas": current, "desiredReplicas": 0}
            hpa["status"]["conditions"] = conditions
            self.store.touch(hpa)
            return
        loaded = self.loaded(METRICS_LAG)
        utilization = 300 if loaded else 1
        most, least = hpa["spec"]["maxReplicas"], hpa["spec"].get("minReplicas", 1)
        desired = most if loaded else current
        if desired != current:
            deployment["spec"]["replicas"] = desired
            deployment["metadata"]["generation"] += 1
            message = f"New size: {desired}; reason: cpu resource utilization above target"
            self.event(hpa, "SuccessfulRescale", message, "Normal")
        hpa["status"] = {
            "currentReplicas": current,
            "desiredReplicas": max(desired, least),
            "currentMetrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "current": {"averageUtilization": utilization, "averageValue": "300m"},
                    },
                }
            ],
            "conditions": [
                condition("AbleToScale", True, "ReadyForNewScale", "recommended size matches"),
                condition("ScalingActive", True, "ValidMetricFound", "the HPA computed a count"),
                condition(
                    "ScalingLimited",
                    loaded,
                    "TooManyReplicas" if loaded else "DesiredWithinRange",
                    "the desired replica count is more than the maximum replica count"
                    if loaded
                    else "the desired count is within the acceptable range",
                ),
            ],
        }
        self.store.touch(hpa)
