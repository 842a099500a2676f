"""One pod without the label `kwok`, played by a process of this machine: what a kubelet would do, in small.

`iris serve` and `wrk` are run for real, with the arguments of their containers; readiness is what the
readiness probe's path answers; usage is the process's own. Not done: images are looked up in a table
instead of pulled, there are no control groups, no network of the pod's own, no volumes but a ConfigMap.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import re
import subprocess
import time
import typing
import urllib.request
from pathlib import Path

import metrics_api
from api_client import ApiError

if typing.TYPE_CHECKING:
    from local_pods import LocalPods

SERVING = re.compile(r"on https?://127\.0\.0\.1:(\d+)")
ADMIN = re.compile(r"admin https?://127\.0\.0\.1:(\d+)")


@dataclasses.dataclass
class Image:
    """What stands for an image: a program, and what lies where in it."""

    program: str
    arguments: tuple[str, ...] = ()  # before those of the container
    files: dict[str, str] = dataclasses.field(default_factory=dict)


def stamp() -> str:
    return metrics_api.stamp(datetime.datetime.now(datetime.timezone.utc))


class Pod:
    """One pod, and the process that plays it."""

    def __init__(self, node: LocalPods, pod: dict, address: str) -> None:
        self.node, self.address = node, address
        self.namespace, self.name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self.container = pod["spec"]["containers"][0]
        self.endless = pod["spec"].get("restartPolicy", "Always") == "Always"
        self.folder = node.folder / self.namespace / self.name
        self.folder.mkdir(parents=True)
        self.log = self.folder / "log"
        self.log_begins = self.log_carried = 0
        self.started = stamp()
        self.restarts, self.again_at = 0, 0.0
        self.process: subprocess.Popen | None = None
        self.ended: dict | None = None  # how its process ended last
        self.said: dict = {}  # the status that the API server has
        self.changed = stamp()  # of its readiness
        self.ready = False
        self.ports: dict[int, int] = {}  # of the container, to those of the process
        self.usage = (time.monotonic(), 0.0)
        self.image: Image | None = None
        self.pull()

    def pull(self) -> None:
        """Tried again until it is there, as a kubelet does."""
        self.image = self.node.images.get(self.container["image"])
        if self.image is not None:
            self.publish_log()

    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    def publish(self, kind: str, spec: dict) -> None:
        """What kwok's kubelet port then answers for this pod: `kubectl logs`, `kubectl port-forward`."""
        api = self.node.plane.api
        path = f"/apis/kwok.x-k8s.io/v1alpha1/namespaces/{self.namespace}/{kind.lower().rstrip('s')}s"
        if api.find(f"{path}/{self.name}") is not None:
            api.patch(f"{path}/{self.name}", {"spec": spec})
            return
        body = {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "metadata": {"name": self.name}}
        api.create(path, {**body, "spec": spec})

    def publish_log(self) -> None:
        self.log.touch()
        path = self.log.with_suffix(".cri")
        path.touch()
        self.publish("Logs", {"logs": [{"containers": [self.container["name"]], "logsFile": str(path)}]})

    def carry_log(self) -> None:
        """What the process has said since, in the form in which a container's runtime keeps it."""
        with open(self.log, "rb") as source, open(self.log.with_suffix(".cri"), "ab") as target:
            source.seek(self.log_carried)
            for line in source:
                if line.endswith(b"\n"):
                    target.write(f"{datetime.datetime.now(datetime.timezone.utc).isoformat()} stderr F ".encode() + line)
                    self.log_carried += len(line)

    def publish_ports(self, ports: dict[int, int]) -> None:
        for port, real in ports.items():
            self.node.plane.routes[(self.address, port)] = ("127.0.0.1", real)
        targets = [
            {"ports": [port], "target": {"address": "127.0.0.1", "port": real}} for port, real in ports.items()
        ]
        self.publish("PortForward", {"forwards": targets})

    def command(self) -> list[str]:
        words = [*self.container.get("command", []), *self.image.arguments, *self.container.get("args", [])]
        if self.container.get("command"):
            words = words[1:]
        for inside, outside in {**self.image.files, **self.mounted()}.items():
            words = [word.replace(inside, outside) for word in words]
        words = [self.node.resolve(self.namespace, word) for word in words]
        own = ["--host=127.0.0.1", "--port=0", "--admin-port=0"] if "serve" in words else []
        return [self.image.program, *(word for word in words if not word.startswith("--admin-host")), *own]

    def mounted(self) -> dict[str, str]:
        """The files of a ConfigMap, as a volume has them."""
        found = {}
        for mount in self.container.get("volumeMounts", []):
            name = self.node.config_map(self.namespace, self.name, mount["name"])
            if name is None:
                continue
            data = self.node.plane.api.get(f"/api/v1/namespaces/{self.namespace}/configmaps/{name}")["data"]
            inside, outside = mount["mountPath"] + "/", f"{self.folder}/"
            for key, text in data.items():
                # A file may name another of the volume.
                (self.folder / key).write_text(text.replace(inside, outside))
            found[inside] = outside
        return found

    def step(self, pod: dict) -> None:
        deleting = "deletionTimestamp" in pod["metadata"]
        running = self.process is not None and self.process.poll() is None
        if deleting:
            if running and not self.said.get("asked"):
                self.process.terminate()
                self.said = {"asked": True}
            if not running:
                self.close()
                with contextlib.suppress(ApiError):
                    self.node.plane.api.delete(self.path(), grace_s=0)
            return
        if self.image is None:
            self.pull()
        if self.image is None:
            self.say("Pending", {"waiting": {"reason": "ImagePullBackOff", "message": f"no image {self.container['image']}"}})
            return
        if not running and self.process is not None and self.ended is None:
            self.note_end()
        if not running and (self.process is None or (self.endless and time.monotonic() > self.again_at)):
            self.start()
        self.look()

    def start(self) -> None:
        self.log_begins = len(self.log.read_text(errors="replace"))
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(self.command(), stdout=output, stderr=output, cwd=self.folder)
        self.restarts += self.ended is not None
        self.ended = None

    def note_end(self) -> None:
        code = self.process.returncode
        self.ended = {"exitCode": code if code >= 0 else 128 - code, "reason": "Completed" if code == 0 else "Error"}
        self.ended["finishedAt"] = stamp()
        self.again_at = time.monotonic() + 2
        self.forget_routes()

    def look(self) -> None:
        """Says what became of the process, as its status."""
        self.carry_log()
        if self.ended is not None and not self.endless:
            self.say("Succeeded" if self.ended["exitCode"] == 0 else "Failed", {"terminated": self.ended})
        elif self.ended is not None:
            self.say("Running", {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}})
        else:
            ready = self.probe()
            self.say("Running", {"running": {"startedAt": self.started}}, ready)

    def probe(self) -> bool:
        probe = self.container.get("readinessProbe")
        if probe is None:
            return True
        text = self.log.read_text(errors="replace")[self.log_begins :]
        serving, admin = SERVING.search(text), ADMIN.search(text)
        if serving is None:
            return False
        ports = {8080: int(serving[1])}
        if admin is not None:
            ports[9090] = int(admin[1])
        if ports != self.ports:
            self.ports = ports
            self.publish_ports(ports)
        try:
            url = f"http://127.0.0.1:{ports[8080]}{probe['httpGet']['path']}"
            with urllib.request.urlopen(url, timeout=2) as response:
                return response.status == 200
        except OSError:
            return False

    def say(self, phase: str, state: dict, ready: bool = False) -> None:
        if ready != self.ready:
            self.ready, self.changed = ready, stamp()
        entry = {"name": self.container["name"], "image": self.container["image"], "imageID": "", "ready": ready}
        entry |= {"restartCount": self.restarts, "state": state, "started": ready}
        if self.ended is not None and self.endless:
            entry["lastState"] = {"terminated": self.ended}
        truth = "True" if ready else "False"
        conditions = [{"type": kind, "status": truth, "lastTransitionTime": self.changed} for kind in ("Ready", "ContainersReady")]
        conditions.append({"type": "Initialized", "status": "True", "lastTransitionTime": self.started})
        status = {"phase": phase, "startTime": self.started, "podIP": self.address, "podIPs": [{"ip": self.address}]}
        status |= {"hostIP": "127.0.0.1", "containerStatuses": [entry]}
        if status | {"conditions": conditions} == self.said:
            return
        self.said = status | {"conditions": conditions}
        scheduled = [each for each in self.node.conditions.get(self.path(), []) if each["type"] == "PodScheduled"]
        with contextlib.suppress(ApiError):
            self.node.plane.api.patch(f"{self.path()}/status", {"status": status | {"conditions": scheduled + conditions}})

    def measure(self) -> dict | None:
        """The usage since the last look, of the process that runs."""
        if self.process is None or self.process.poll() is not None:
            return None
        try:
            words = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return None
        cpu_s = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        (before, cpu_before), at = self.usage, time.monotonic()
        self.usage = (at, cpu_s)
        milli = int(1000 * (cpu_s - cpu_before) / max(at - before, 0.001))
        return {self.container["name"]: {"cpu": f"{milli}m", "memory": f"{int(words[21]) * os.sysconf('SC_PAGE_SIZE')}"}}

    def forget_routes(self) -> None:
        for port in self.ports:
            self.node.plane.routes.pop((self.address, port), None)
        self.ports = {}

    def close(self) -> None:
        self.forget_routes()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
