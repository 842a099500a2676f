"""Remotes for tests: a Google Cloud Storage emulator and web servers, each on a port of its own."""

import base64
import contextlib
import functools
import http.server
import logging
import threading
import urllib.parse
import urllib.request

from gcp_storage_emulator.server import create_server

BUCKET = "bucket"


class Bucket:
    """An emulator with one bucket; `get`, `put`, `delete` and `names` go around the clients."""

    def __init__(self, endpoint):
        self.endpoint = endpoint

    def _call(self, path, method="GET", data=None):
        request = urllib.request.Request(self.endpoint + path, data=data, method=method)
        request.add_header("Content-Type", "application/octet-stream")
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read()

    def _object(self, name):
        return f"/storage/v1/b/{BUCKET}/o/{urllib.parse.quote(name, safe='')}"

    def get(self, name):
        return self._call(self._object(name) + "?alt=media")

    def put(self, name, content):
        query = urllib.parse.urlencode({"uploadType": "media", "name": name})
        self._call(f"/upload/storage/v1/b/{BUCKET}/o?{query}", "POST", content)

    def delete(self, name):
        self._call(self._object(name), "DELETE")


@contextlib.contextmanager
def bucket():
    logging.getLogger("gcp_storage_emulator").setLevel(logging.ERROR)
    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
    server.start()
    try:
        port = server._api._httpd.socket.getsockname()[1]
        yield Bucket(f"http://127.0.0.1:{port}")
    finally:
        server.stop()


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Python's file server, which also takes files, as DVC and iris send them."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def send_error(self, code, *arguments, **kwargs):
        self.close_connection = True
        super().send_error(code, *arguments, **kwargs)

    def parse_request(self):
        if not super().parse_request():
            return False
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        expected = self.server.authorization
        if expected and self.headers.get("Authorization") != expected:
            self.send_error(401)
            return False
        return True

    def do_POST(self):
        path = self.translate_path(self.path)
        import os

        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            for chunk in self._body():
                file.write(chunk)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PUT = do_POST

    def _body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers["Content-Length"]))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()


@contextlib.contextmanager
def web_server(folder, user=None, password=None):
    """Serves a folder; yields the server with `url` and `requests` (method, path, headers)."""
    handler = functools.partial(_Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.requests = []
    server.authorization = None
    if user:
        server.authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
