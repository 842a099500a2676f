"""Services in front of local pods: what kube-proxy and a cloud's load balancer would do, in small.

A Service gets a listener on an address of loopback; of type LoadBalancer, that address is written into its
status, on its own port. Each connection goes to one of the endpoints that the EndpointSlice controller
says are ready.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
from collections.abc import Iterator

from api_client import ApiError
from control_plane import Plane, StartFailed
from egress import join
from local_pods import LocalPods


class Listener:
    """One port of one Service."""

    def __init__(self, balancer: Balancer, service: dict, host: str, port: int) -> None:
        self.balancer = balancer
        self.namespace, self.name = service["metadata"]["namespace"], service["metadata"]["name"]
        self.socket = socket.create_server((host, port), backlog=1024)
        self.address = f"{host}:{self.socket.getsockname()[1]}"
        self.dialing = threading.Thread(target=self.accept, daemon=True)
        self.dialing.start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                threading.Thread(target=self.carry, args=(connection,), daemon=True).start()

    def carry(self, connection: socket.socket) -> None:
        with connection:
            target = self.balancer.endpoint(self.namespace, self.name)
            if target is None:
                return
            with contextlib.suppress(OSError), socket.create_connection(target, timeout=10) as upstream:
                upstream.settimeout(None)
                join(connection, upstream)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Balancer:
    """Follows the cluster's Services until closed."""

    def __init__(self, plane: Plane, pods: LocalPods) -> None:
        self.plane, self.pods = plane, pods
        self.listeners: dict[str, Listener] = {}
        self.ready: dict[tuple[str, str], list[tuple[str, int]]] = {}
        # Services that lead elsewhere, as a test wants it.
        self.detours: dict[tuple[str, str], tuple[str, int]] = {}
        # Of its own, so that two planes on one machine do not meet.
        self.network = f"127.{random.randrange(64, 128)}.{os.getpid() % 250}"
        self.try_port(80)
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def try_port(self, port: int) -> None:
        """A load balancer answers on its Service's own port."""
        try:
            socket.create_server((f"{self.network}.254", port)).close()
        except PermissionError as error:
            hint = f"run as root, or: sysctl net.ipv4.ip_unprivileged_port_start={port}"
            raise StartFailed(f"no listener on port {port} of loopback: {error}; {hint}") from error

    def follow(self) -> None:
        while not self.ending.wait(0.2):
            with contextlib.suppress(OSError, ApiError):
                self.step()

    def step(self) -> None:
        api = self.plane.api
        slices = api.list("/apis/discovery.k8s.io/v1/endpointslices")
        ready: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for each in slices:
            service = each["metadata"].get("labels", {}).get("kubernetes.io/service-name", "")
            for endpoint in each.get("endpoints") or []:
                if endpoint["conditions"].get("ready"):
                    found = ready.setdefault((each["metadata"]["namespace"], service), [])
                    found += [(endpoint["addresses"][0], port["port"]) for port in each.get("ports") or []]
        self.ready = ready
        there = set()
        for service in api.list("/api/v1/services"):
            kind, metadata = service["spec"].get("type"), service["metadata"]
            if kind in ("ClusterIP", "LoadBalancer") and service["spec"].get("selector"):
                there.add(metadata["uid"])
                if metadata["uid"] not in self.listeners:
                    self.open(service, kind == "LoadBalancer")
        for uid in set(self.listeners) - there:
            gone = self.listeners.pop(uid)
            self.pods.services.pop((gone.namespace, gone.name), None)
            gone.close()

    def open(self, service: dict, outside: bool) -> None:
        metadata = service["metadata"]
        host = f"{self.network}.{1 + len(self.listeners) % 250}"
        port = service["spec"]["ports"][0]["port"] if outside else 0
        listener = Listener(self, service, host, port)
        self.listeners[metadata["uid"]] = listener
        self.pods.services[(metadata["namespace"], metadata["name"])] = listener.address
        if outside:
            path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}/status"
            self.plane.api.patch(path, {"status": {"loadBalancer": {"ingress": [{"ip": host}]}}})

    def endpoint(self, namespace: str, name: str) -> tuple[str, int] | None:
        if (namespace, name) in self.detours:
            return self.detours[namespace, name]
        choices = [self.plane.routes.get(each) for each in self.ready.get((namespace, name), [])]
        choices = [each for each in choices if each is not None]
        return random.choice(choices) if choices else None

    def close(self) -> None:
        self.ending.set()
        self.thread.join()
        for each in self.listeners.values():
            each.close()


@contextlib.contextmanager
def balancing(plane: Plane, pods: LocalPods) -> Iterator[Balancer]:
    each = Balancer(plane, pods)
    try:
        yield each
    finally:
        each.close()
