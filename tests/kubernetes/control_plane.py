"""A real Kubernetes control plane on loopback, in a folder of its own, for as long as it is needed.

    with control_plane.running(folder, binaries.find()) as plane:
        subprocess.run(["kubectl", "get", "nodes"], env={**os.environ, **plane.environment})

etcd, kube-apiserver (RBAC, Pod Security admission, aggregation), kube-controller-manager and
kube-scheduler are the release's own; kwok plays the nodes. They end with the context, by their ids.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import certificates
import egress
import metrics_api
from api_client import Api, ApiError
from binaries import Binaries

HERE = Path(__file__).resolve().parent
START_S = 120
POD_NETWORK = "10.244.0.0/16"  # no packet has such an address: see egress.py
ADMIN, CONTROLLERS, SCHEDULER = "admin", "system:kube-controller-manager", "system:kube-scheduler"
# What is off by default in 1.34 and on in 1.35; `iris hpa` honours it always.
GATES = "HPAConfigurableTolerance=true"


class StartFailed(Exception):
    """A part that did not start, with the end of its log."""


@dataclasses.dataclass
class Plane:
    """A running control plane."""

    folder: Path
    binaries: Binaries
    api: Api
    kubeconfig: Path
    metrics: metrics_api.MetricsApi
    logs: dict[str, Path]
    # From a pod's address and port to the process that plays it.
    routes: dict[egress.Address, egress.Address]

    @property
    def environment(self) -> dict[str, str]:
        """For whatever runs kubectl: the release's kubectl and this cluster."""
        path = f"{self.binaries.folder}:{os.environ['PATH']}"
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def kubectl(self, *arguments: str, check: bool = True, stdin: str | None = None):
        return subprocess.run(
            [self.binaries["kubectl"], *arguments],
            env={**os.environ, **self.environment, "HOME": str(self.folder)},
            input=stdin,
            capture_output=True,
            text=True,
            check=check,
            timeout=300,
        )


def accepts(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def process(name: str, command: list[str], log: Path) -> Iterator[subprocess.Popen]:
    """A part of the control plane; it ends by its own id."""
    with open(log, "ab") as output:
        started = subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(timeout=20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def await_that(what: str, holds: Callable[[], object], started: subprocess.Popen | None, log: Path, limit_s=START_S):
    """Waits for a condition; a process that ends before is said with its last words."""
    deadline = time.monotonic() + limit_s
    last = ""
    while True:
        try:
            if result := holds():
                return result
        except (OSError, http.client.HTTPException, ApiError) as error:
            last = str(error)
        ended = started is not None and started.poll() is not None
        if ended or time.monotonic() > deadline:
            how = f"ended with exit status {started.returncode}" if ended else f"not within {limit_s} s"
            words = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
            raise StartFailed("\n".join([f"{what}: {how} {last}".strip(), *words]))
        time.sleep(0.1)


def write_kubeconfig(path: Path, port: int, authority: Path, user: str, token: str) -> None:
    """JSON is YAML."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "local", "cluster": {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(authority)}}
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
        "current-context": "local",
    }
    path.write_text(json.dumps(config, indent=2))
    path.chmod(0o600)


@dataclasses.dataclass
class Start:
    """What the parts need of each other while they start."""

    folder: Path
    binaries: Binaries
    stack: contextlib.ExitStack
    logs: dict[str, Path] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = self.folder / "keys"
        self.keys.mkdir(mode=0o700)
        self.ca = certificates.Authority(self.keys)
        self.front = certificates.Authority(self.keys, "front-proxy-ca")
        self.tokens = {user: secrets.token_hex(16) for user in (ADMIN, CONTROLLERS, SCHEDULER)}
        lines = [f'{token},{user},{user}' for user, token in self.tokens.items()]
        lines[0] += ',"system:masters"'
        (self.keys / "tokens.csv").write_text("\n".join(lines) + "\n")
        self.server_key = self.ca.sign("server", "kube-apiserver", ("localhost", "kubernetes.default.svc"))
        self.service_accounts = certificates.signing_key(self.keys)
        self.port = free_port()
        self.api = Api(self.port, self.ca.certificate, self.tokens[ADMIN])

    def start(self, name: str, *flags: str) -> subprocess.Popen:
        self.logs[name] = self.folder / f"{name}.log"
        return self.stack.enter_context(process(name, [self.binaries[name], *flags], self.logs[name]))

    def kubeconfig(self, user: str) -> Path:
        path = self.folder / f"{user.removeprefix('system:')}.kubeconfig"
        write_kubeconfig(path, self.port, self.ca.certificate, user, self.tokens[user])
        return path

    def etcd(self) -> str:
        client, peer = free_port(), free_port()
        urls = (f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}")
        flags = [f"--data-dir={self.folder / 'etcd'}", f"--listen-client-urls={urls[0]}"]
        flags += [f"--advertise-client-urls={urls[0]}", f"--listen-peer-urls={urls[1]}"]
        flags += [f"--initial-advertise-peer-urls={urls[1]}", f"--initial-cluster=default={urls[1]}"]
        # What a cluster of minutes holds need not survive a power cut.
        started = self.start("etcd", *flags, "--unsafe-no-fsync", "--log-level=warn")
        await_that("etcd", lambda: accepts(client), started, self.logs["etcd"])
        return urls[0]

    def api_server(self, etcd: str, tunnel: Path) -> None:
        (self.folder / "egress.yaml").write_text(egress.CONFIGURATION.format(socket=tunnel))
        client = self.front.sign("front-proxy", "front-proxy")
        flags = {
            "etcd-servers": etcd,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": self.port,
            # An address of loopback is no endpoint of a Service.
            "endpoint-reconciler-type": "none",
            "service-cluster-ip-range": "10.96.0.0/16",
            "tls-cert-file": self.server_key[0],
            "tls-private-key-file": self.server_key[1],
            "client-ca-file": self.ca.certificate,
            "token-auth-file": self.keys / "tokens.csv",
            "authorization-mode": "Node,RBAC",
            "anonymous-auth": "false",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self.service_accounts,
            "service-account-signing-key-file": self.service_accounts,
            "requestheader-client-ca-file": self.front.certificate,
            "requestheader-allowed-names": "front-proxy",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": client[0],
            "proxy-client-key-file": client[1],
            "egress-selector-config-file": self.folder / "egress.yaml",
            "kubelet-certificate-authority": self.ca.certificate,
            "kubelet-preferred-address-types": "InternalIP",
            "feature-gates": GATES,
        }
        started = self.start("kube-apiserver", *(f"--{name}={value}" for name, value in flags.items()))
        log = self.logs["kube-apiserver"]
        await_that("kube-apiserver", lambda: self.api.get("/readyz").get("text") == "ok", started, log)

    def controllers(self, flags: dict[str, str]) -> None:
        own = {
            "kubeconfig": self.kubeconfig(CONTROLLERS),
            "bind-address": "127.0.0.1",
            "secure-port": 0,
            "leader-elect": "false",
            "use-service-account-credentials": "true",
            "service-account-private-key-file": self.service_accounts,
            "root-ca-file": self.ca.certificate,
            "feature-gates": GATES,
            # A line for each decision of the HPA's controller, and no others of that detail.
            "vmodule": "horizontal=4",
            **flags,
        }
        self.start("kube-controller-manager", *(f"--{name}={value}" for name, value in own.items()))
        scheduler = {"kubeconfig": self.kubeconfig(SCHEDULER), "bind-address": "127.0.0.1", "secure-port": 0}
        scheduler["leader-elect"] = "false"
        self.start("kube-scheduler", *(f"--{name}={value}" for name, value in scheduler.items()))

    def nodes(self, count: int) -> None:
        """kwok's nodes, with room for what the comparison scales up to."""
        certificate, key = self.ca.sign("kubelet", "kubelet")
        config = self.folder / "stages.yaml"
        stages = [self.binaries.folder / "node-initialize.yaml", HERE / "stages.yaml"]
        config.write_text("\n---\n".join(path.read_text() for path in stages))
        for crd in sorted(self.binaries.folder.glob("kwok.x-k8s.io_*.yaml")):
            command = [self.binaries["kubectl"], "--kubeconfig", str(self.kubeconfig(ADMIN)), "apply", "-f", str(crd)]
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        for number in range(count):
            name = f"node-{number}"
            labels = {"topology.kubernetes.io/zone": f"zone-{number % 2}", "kubernetes.io/hostname": name}
            size = {"cpu": "32", "memory": "128Gi", "ephemeral-storage": "100Gi", "pods": "110"}
            status = {"allocatable": size, "capacity": size}
            self.api.create("/api/v1/nodes", {"metadata": {"name": name, "labels": labels}, "status": status})
        flags = [f"--kubeconfig={self.kubeconfig(ADMIN)}", "--manage-all-nodes", f"--config={config}"]
        flags += ["--node-ip=127.0.0.1", f"--node-port={free_port()}", f"--cidr={POD_NETWORK}"]
        flags += [f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}", "--enable-crds=Logs,PortForward"]
        # Without leases, the nodes are lost after 50 s.
        flags += ["--node-lease-duration-seconds=40"]
        started = self.start("kwok", *flags, "--server-address=")
        await_that("kwok's nodes", lambda: self.ready_nodes() == count, started, self.logs["kwok"])

    def ready_nodes(self) -> int:
        conditions = [node["status"].get("conditions", []) for node in self.api.list("/api/v1/nodes")]
        return sum(any((each["type"], each["status"]) == ("Ready", "True") for each in one) for one in conditions)


@contextlib.contextmanager
def running(folder: Path, binaries: Binaries, controller_flags: dict[str, str] | None = None, nodes: int = 4):
    """The whole plane, ready: nodes, metrics.k8s.io, default service accounts."""
    with contextlib.ExitStack() as stack:
        start = Start(folder, binaries, stack)
        routes: dict[egress.Address, egress.Address] = {}

        def route(host: str, port: int) -> egress.Address | None:
            return ("127.0.0.1", port) if host in ("127.0.0.1", "localhost") else routes.get((host, port))

        tunnel = folder / "egress.sock"
        stack.enter_context(egress.proxy(tunnel, route))
        start.api_server(start.etcd(), tunnel)
        start.controllers(controller_flags or {})
        start.nodes(nodes)
        server = start.ca.sign("metrics", "metrics", ("localhost", "metrics.kube-system.svc"))
        metrics = stack.enter_context(metrics_api.serving(*server))
        metrics.register(start.api, start.ca.certificate)
        api, log = start.api, start.logs["kube-apiserver"]
        served, account = f"/apis/{metrics_api.GROUP_VERSION}", "/api/v1/namespaces/default/serviceaccounts/default"
        await_that("metrics.k8s.io", lambda: api.get(served).get("resources"), None, log)
        await_that("the default service account", lambda: api.find(account), None, log)
        yield Plane(folder, binaries, api, start.kubeconfig(ADMIN), metrics, start.logs, routes)
