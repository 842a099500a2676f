"""metrics.k8s.io/v1beta1, served with TLS behind the API server's aggregation layer.

The real metrics-server asks kubelets; there are none here. This one answers with the figures that a test
sets, and is registered as metrics-server is: an APIService with the authority's certificate, so that the
HPA's controller asks the API server, which asks here.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import http.server
import json
import re
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

from api_client import Api

GROUP_VERSION = "metrics.k8s.io/v1beta1"
SERVICE = ("kube-system", "metrics")
LIST = re.compile(rf"^/apis/{GROUP_VERSION}(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>pods|nodes)$")


def stamp(moment: datetime.datetime) -> str:
    """A time as Kubernetes writes one: whole seconds, UTC."""
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod_metrics(namespace: str, name: str, usage: dict[str, dict[str, str]], at: datetime.datetime, window_s: int):
    """The figures of one pod; `usage` is by container."""
    return {
        "metadata": {"name": name, "namespace": namespace},
        "timestamp": stamp(at),
        "window": f"{window_s}s",
        "containers": [{"name": container, "usage": figures} for container, figures in usage.items()],
    }


# From a namespace (None: all) and a label selector to the figures of its pods.
Source = Callable[[str | None, str], list[dict]]


class MetricsApi:
    """The server; `source` may be replaced at any time."""

    def __init__(self, certificate: Path, key: Path, source: Source) -> None:
        outer = self
        self.source = source

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                code, body = outer.answer(self.path)
                text = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.http = Server(("127.0.0.1", 0), Handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        self.http.socket = tls.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.1,), daemon=True).start()

    def answer(self, target: str) -> tuple[int, dict]:
        url = urllib.parse.urlsplit(target)
        query = urllib.parse.parse_qs(url.query)
        if url.path == f"/apis/{GROUP_VERSION}":
            return 200, self.resources()
        if not (match := LIST.match(url.path)):
            return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound"}
        kind = "PodMetricsList" if match["plural"] == "pods" else "NodeMetricsList"
        items = []
        if match["plural"] == "pods":
            items = self.source(match["namespace"], query.get("labelSelector", [""])[0])
        return 200, {"kind": kind, "apiVersion": GROUP_VERSION, "metadata": {}, "items": items}

    @staticmethod
    def resources() -> dict:
        kinds = (("pods", "PodMetrics", True), ("nodes", "NodeMetrics", False))
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": GROUP_VERSION,
            "resources": [
                {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]}
                for name, kind, namespaced in kinds
            ],
        }

    def register(self, api: Api, authority: Path) -> None:
        """As the manifest of metrics-server does, but for a Service of another kind."""
        namespace, name = SERVICE
        service = {"metadata": {"name": name}, "spec": {"type": "ExternalName", "externalName": "localhost"}}
        api.create(f"/api/v1/namespaces/{namespace}/services", service)
        group, version = GROUP_VERSION.split("/")
        spec = {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"namespace": namespace, "name": name, "port": self.port},
            "caBundle": base64.b64encode(authority.read_bytes()).decode(),
        }
        body = {"metadata": {"name": f"{version}.{group}"}, "spec": spec}
        api.create("/apis/apiregistration.k8s.io/v1/apiservices", body)

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@contextlib.contextmanager
def serving(certificate: Path, key: Path, source: Source = lambda namespace, selector: []) -> Iterator[MetricsApi]:
    each = MetricsApi(certificate, key, source)
    try:
        yield each
    finally:
        each.close()
