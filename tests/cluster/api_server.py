"""A stand-in of the Kubernetes API server, on loopback, for the real kubectl.

It stores objects as the real one does (create, get, list, patch, replace, delete, dry run, label
selectors) and answers discovery, access reviews and the few generated resources (logs, the pods'
own /metrics, metrics.k8s.io) from the world given to it; what happens to the objects over time is
the world's business, see world.py. Answers have the shape that Kubernetes 1.34 gives them.
"""

from __future__ import annotations

import copy
import http.server
import io
import json
import re
import threading
import urllib.parse
import uuid

import openapi
import yaml

VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]

# group version -> plural -> (kind, namespaced)
APIS = {
    "v1": {
        "namespaces": ("Namespace", False),
        "configmaps": ("ConfigMap", True),
        "events": ("Event", True),
        "pods": ("Pod", True),
        "serviceaccounts": ("ServiceAccount", True),
        "services": ("Service", True),
    },
    "apps/v1": {"deployments": ("Deployment", True), "replicasets": ("ReplicaSet", True)},
    "autoscaling/v2": {"horizontalpodautoscalers": ("HorizontalPodAutoscaler", True)},
    "authorization.k8s.io/v1": {"selfsubjectaccessreviews": ("SelfSubjectAccessReview", False)},
    "batch/v1": {"jobs": ("Job", True)},
    "metrics.k8s.io/v1beta1": {"pods": ("PodMetrics", True)},
    "networking.k8s.io/v1": {"networkpolicies": ("NetworkPolicy", True)},
    "policy/v1": {"poddisruptionbudgets": ("PodDisruptionBudget", True)},
}

PATH = re.compile(
    r"^/(?:api|apis)/(?P<gv>v1|[^/]+/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>.+))?)?$"
)


class Refusal(Exception):
    """An answer of the API server that is not the one asked for."""

    def __init__(self, code, reason, message):
        super().__init__(message)
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }


def not_found(plural, name):
    return Refusal(404, "NotFound", f'{plural} "{name}" not found')


def is_named(things):
    return isinstance(things, list) and all(isinstance(each, dict) and "name" in each for each in things)


def merge(into, patch, strategic=False):
    """JSON merge patch (RFC 7396); a strategic one also merges lists of named things, by name."""
    for key, value in patch.items():
        if key.startswith("$"):  # the order of a list, which is kept
            continue
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value, strategic)
        elif strategic and is_named(value) and is_named(into.get(key)):
            known = {each["name"]: each for each in into[key]}
            for each in value:
                merge(known.setdefault(each["name"], {}), each, strategic)
            into[key] = list(known.values())
        else:
            into[key] = value


def apply_operations(thing, operations):
    """JSON patch (RFC 6902), for what kubectl's undo sends: add, replace and remove of a member."""
    for each in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in each["path"][1:].split("/")]
        target = thing
        for part in parents:
            target = target[part]
        if each["op"] == "remove":
            target.pop(last, None)
        else:
            target[last] = each["value"]


class Store:
    """The objects, by group version and plural, namespace and name."""

    def __init__(self):
        self.lock = threading.RLock()
        self.objects = {}
        self.version = 100

    def touch(self, thing):
        self.version += 1
        thing["metadata"]["resourceVersion"] = str(self.version)

    def put(self, gv, plural, thing):
        metadata = thing["metadata"]
        metadata.setdefault("uid", str(uuid.uuid4()))
        self.touch(thing)
        self.objects[(gv, plural, metadata.get("namespace"), metadata["name"])] = thing
        return thing

    def get(self, gv, plural, namespace, name):
        return self.objects.get((gv, plural, namespace, name))

    def pop(self, gv, plural, namespace, name):
        return self.objects.pop((gv, plural, namespace, name), None)

    def all(self, gv, plural, namespace=None, labels=None):
        return [
            thing
            for (a, b, c, _), thing in sorted(self.objects.items(), key=lambda item: item[0][3])
            if (a, b) == (gv, plural)
            and namespace in (None, c)
            and all(
                thing["metadata"].get("labels", {}).get(key) == value
                for key, value in (labels or {}).items()
            )
        ]


class ApiServer:
    """Serves a world until it is closed; `requests` holds what was asked, as (method, path)."""

    def __init__(self, world):
        self.world = world
        self.store = world.store
        self.requests = []
        self.forbidden = set()  # (verb, resource[/subresource])
        self.missing = set()  # group versions that are not served
        self.unauthorized = False
        self.lost = False  # connections are closed without an answer
        self.hung = False  # requests are never answered
        self.waiting = 0  # requests that hang
        self._closing = threading.Event()
        handler = type("Handler", (Handler,), {"api": self})
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_port}"

    def stop_listening(self):
        self._closing.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def changes(self):
        """The requests that changed something."""
        return [
            (method, path)
            for method, path in self.requests
            if method != "GET" and "dryRun=All" not in path and "accessreviews" not in path
        ]

    def write_kubeconfig(self, path):
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "stand-in", "cluster": {"server": self.url}}],
            "users": [{"name": "tester", "user": {}}],
            "contexts": [
                {"name": "stand-in", "context": {"cluster": "stand-in", "user": "tester"}}
            ],
            "current-context": "stand-in",
        }
        path.write_text(yaml.safe_dump(config))

    # What a request is answered with: a JSON value, text or bytes.
    def answer(self, method, path, query, body):
        if self.unauthorized:
            raise Refusal(401, "Unauthorized", "Unauthorized")
        discovered = self.discover(path)
        if discovered is not None:
            return discovered
        match = PATH.match(path)
        if match is None or match["gv"] not in APIS or match["gv"] in self.missing:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        if match["plural"] not in APIS[match["gv"]]:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        with self.store.lock:
            return self.resource(method, match, query, body)

    def discover(self, path):
        served = {gv: kinds for gv, kinds in APIS.items() if gv not in self.missing}
        if path == "/version":
            return {"major": "1", "minor": "34", "gitVersion": "v1.34.1", "platform": "linux/amd64"}
        if path == "/openapi/v2":
            return openapi.document(served)
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            groups = [gv.split("/") for gv in served if "/" in gv]
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [
                    {
                        "name": group,
                        "versions": [{"groupVersion": f"{group}/{version}", "version": version}],
                        "preferredVersion": {
                            "groupVersion": f"{group}/{version}",
                            "version": version,
                        },
                    }
                    for group, version in groups
                ],
            }
        gv = path.split("/", 2)[2] if path.count("/") >= 2 else ""
        if gv not in served:
            return None
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": gv,
            "resources": [
                {
                    "name": plural,
                    "singularName": kind.lower(),
                    "namespaced": namespaced,
                    "kind": kind,
                    "verbs": VERBS,
                }
                for plural, (kind, namespaced) in served[gv].items()
            ],
        }

    def resource(self, method, match, query, body):
        gv, plural, namespace = match["gv"], match["plural"], match["namespace"]
        name, sub = match["name"], match["sub"]
        if plural == "selfsubjectaccessreviews":
            return self.review(body)
        self.authorize(method, match)
        if gv == "metrics.k8s.io/v1beta1":
            items = self.world.pod_metrics(namespace)
            return {"kind": "PodMetricsList", "apiVersion": gv, "metadata": {}, "items": items}
        if plural == "pods" and ":" in (name or ""):
            return self.world.scrape(namespace, name.split(":")[0])
        if sub == "log":
            return self.world.log_of(namespace, name)
        if name is None:
            if method == "POST":
                return self.create(gv, plural, namespace, body, query)
            return self.list(gv, plural, namespace, query)
        thing = self.store.get(gv, plural, namespace, name)
        if thing is None:
            raise not_found(plural, name)
        if method == "GET":
            return thing
        if method == "DELETE":
            self.world.deleted(gv, plural, thing)
            return {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        if "dryRun" in query:
            return thing
        if method == "PATCH":
            if isinstance(body, list):
                apply_operations(thing, body)
            else:
                merge(thing, body, query.get("strategic") == ["yes"])
        else:
            status = thing.get("status")
            thing = {**copy.deepcopy(body), "status": status}
            thing["metadata"]["uid"] = self.store.get(gv, plural, namespace, name)["metadata"]["uid"]
        thing["metadata"]["generation"] = thing["metadata"].get("generation", 1) + 1
        return self.store.put(gv, plural, thing)

    def authorize(self, method, match):
        verbs = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
        verb = verbs.get(method, "get" if match["name"] else "list")
        plural = match["plural"]
        sub = "proxy" if ":" in (match["name"] or "") else match["sub"]
        what = f"{plural}/{sub}" if sub else plural
        if (verb, what) in self.forbidden:
            raise Refusal(
                403, "Forbidden", f'{plural} is forbidden: User "tester" cannot {verb} "{what}"'
            )

    def review(self, body):
        asked = body["spec"]["resourceAttributes"]
        what = asked["resource"]
        if asked.get("subresource"):
            what += "/" + asked["subresource"]
        return {**body, "status": {"allowed": (asked["verb"], what) not in self.forbidden}}

    def list(self, gv, plural, namespace, query):
        selector = query.get("labelSelector", [""])[0]
        fields = dict(part.split("=", 1) for part in query.get("fieldSelector", [""])[0].split(",") if part)
        labels = dict(part.split("=", 1) for part in selector.split(",") if part)
        kind = APIS[gv][plural][0]
        items = self.store.all(gv, plural, namespace, labels)
        if "metadata.name" in fields:
            items = [each for each in items if each["metadata"]["name"] == fields["metadata.name"]]
        return {
            "kind": f"{kind}List",
            "apiVersion": gv,
            "metadata": {"resourceVersion": str(self.store.version)},
            "items": items,
        }

    def create(self, gv, plural, namespace, body, query):
        thing = copy.deepcopy(body)
        metadata = thing["metadata"]
        if namespace is not None:
            metadata["namespace"] = namespace
            if self.store.get("v1", "namespaces", None, namespace) is None:
                raise not_found("namespaces", namespace)
        if self.store.get(gv, plural, namespace, metadata["name"]) is not None:
            raise Refusal(409, "AlreadyExists", f'{plural} "{metadata["name"]}" already exists')
        self.world.admit(thing)
        metadata["generation"] = 1
        if "dryRun" in query:
            return thing
        self.world.created(gv, plural, thing)
        return self.store.put(gv, plural, thing)


class Handler(http.server.BaseHTTPRequestHandler):
    api: ApiServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: without it each answer waits for an acknowledgement

    def handle_any(self):
        api = self.api
        url = urllib.parse.urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(size)
        if api.hung:
            api.waiting += 1
            api._closing.wait(60)
        if api.lost or api.hung:
            self.close_connection = True
            return
        api.requests.append((self.command, self.path))
        query = urllib.parse.parse_qs(url.query)
        if query.get("watch", [""])[0] in ("true", "1"):
            return self.watch(url.path, query)
        if "strategic" in (self.headers.get("Content-Type") or ""):
            query["strategic"] = ["yes"]
        code = 201 if self.command == "POST" else 200
        try:
            # YAML holds JSON; server-side apply sends either.
            body = yaml.safe_load(raw) if raw else {}
            value = api.answer(self.command, url.path, query, body)
        except Refusal as refusal:
            code, value = refusal.status["code"], refusal.status
        if isinstance(value, bytes):
            kind, data = "application/octet-stream", value
        elif isinstance(value, str):
            kind, data = "text/plain", value.encode()
        else:
            kind, data = "application/json", json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def watch(self, path, query):
        """What changes of a list, an event a line, until the client or the server goes."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        seen = {}
        while not self.api._closing.wait(0.05):
            with self.api.store.lock:
                items = self.api.answer("GET", path, query, None)["items"]
                now = {each["metadata"]["name"]: json.dumps(each) for each in items}
            events = [("ADDED" if n not in seen else "MODIFIED", t) for n, t in now.items() if seen.get(n) != t]
            events += [("DELETED", text) for name, text in seen.items() if name not in now]
            seen = now
            if query.pop("sendInitialEvents", ["false"]) == ["true"]:
                events.append(("BOOKMARK", self.end_of_initial_events(path)))
            try:
                for kind, text in events:
                    self.wfile.write(f'{{"type":"{kind}","object":{text}}}\n'.encode())
                self.wfile.flush()
            except OSError:
                self.wfile = io.BytesIO()  # the client has gone with what was still to be written
                return

    def end_of_initial_events(self, path):
        match = PATH.match(path)
        metadata = {"resourceVersion": str(self.api.store.version)}
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        kind = APIS[match["gv"]][match["plural"]][0]
        return json.dumps({"kind": kind, "apiVersion": match["gv"], "metadata": metadata})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, *_):
        pass
